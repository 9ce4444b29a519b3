//! Which packets belong to a probe.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::event::{DropEvent, FiveTuple};
use goal_state::{NicId, VmName};
use model::verdict::Form;

use super::names::Names;

const ICMP: u8 = 1;

/// Which packets belong to a probe.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// The first packet, as its guest sends it.
    pub(crate) packet: FiveTuple,
    /// The VMs on its way, the sender first: each may ask for its destination in its turn.
    pub(crate) askers: BTreeSet<VmName>,
    /// Addresses of appliances at which nobody answers, as the model says: each may be asked for instead of the destination.
    pub(crate) nobody_at: BTreeSet<Ipv4Addr>,
    /// The NICs that send the reply on its way, as the model says: each may ask for the sender.
    pub(crate) repliers: BTreeSet<NicId>,
    /// What the first packet may look like on its way, as the model says.
    pub(crate) forms: Vec<Form>,
    /// What people call those whose ports tell.
    pub(crate) names: Arc<Names>,
}

/// Which way a packet of a flow goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the sender.
    There,
    /// To it.
    Back,
}

impl Flow {
    /// Which way a packet goes that belongs to the flow.
    pub(super) fn way(&self, packet: &FiveTuple) -> Option<Way> {
        let back = reversed(packet);
        if self.may_be_first(packet) {
            Some(Way::There)
        } else if self.may_be_first(&back) {
            Some(Way::Back)
        } else if self.has_own_ports(packet) {
            Some(Way::There)
        } else {
            self.has_own_ports(&back).then_some(Way::Back)
        }
    }

    /// An appliance may replace the source address on the way, and its port stays; destinations are those that the model knows. Or it looks as
    /// the model says.
    fn may_be_first(&self, packet: &FiveTuple) -> bool {
        let own = &self.packet;
        let to = (Some(packet.destination), packet.destination_port);
        let known = (Some(own.destination), own.destination_port);
        let is_known =
            |to| to == known || self.forms.iter().any(|form| to == (form.destination, form.destination_port));
        (packet.protocol == own.protocol && packet.source_port == own.source_port && is_known(to))
            || self.forms.iter().any(|form| form.is(packet))
    }

    fn has_own_ports(&self, packet: &FiveTuple) -> bool {
        let own = &self.packet;
        let ports = (packet.protocol, packet.source_port, packet.destination_port);
        ports == (own.protocol, own.source_port, own.destination_port)
    }

    /// Whether the packet can be nobody else's: source ports are the prober's choice, and each probe has its own.
    pub(crate) fn is_surely_own(&self, packet: &FiveTuple) -> bool {
        let port = self.packet.source_port;
        let back = reversed(packet).source_port;
        self.way(packet).is_some() && (packet.source_port == port || back == port)
    }

    /// A host that looked in vain for somebody who takes the packet knows only who asked for whom. The same addresses may
    /// stand for others in another virtual network, so the asker decides.
    pub(super) fn was_asked_in_vain(&self, drop: &DropEvent) -> bool {
        let asker = drop.nic.as_ref().map(|nic| &nic.vm);
        let asked = drop.packet.destination;
        (asked == self.packet.destination || self.nobody_at.contains(&asked))
            && asker.is_some_and(|asker| self.askers.contains(asker))
    }

    /// Nobody has the sender's address where the reply is sent from, or that of the appliance which it is sent to. All replies of
    /// that NIC to that address meet this fate.
    pub(super) fn was_answered_in_vain(&self, drop: &DropEvent) -> bool {
        let asked = drop.packet.destination;
        (asked == self.packet.source || self.nobody_at.contains(&asked))
            && drop.nic.as_ref().is_some_and(|replier| self.repliers.contains(replier))
    }
}

/// The answer to a packet. An ICMP echo reply keeps the identifier where it was.
fn reversed(packet: &FiveTuple) -> FiveTuple {
    let turned = FiveTuple { source: packet.destination, destination: packet.source, ..*packet };
    if packet.protocol == ICMP {
        turned
    } else {
        FiveTuple { source_port: packet.destination_port, destination_port: packet.source_port, ..turned }
    }
}
