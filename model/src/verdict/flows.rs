//! What ports, guests and translators remember of the packets that they let through.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::packet::Packet;
use crate::network::{NicRef, VmId};

/// The state that the first packet of a flow leaves behind for its reply.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Per port: packets accepted in either direction.
    accepted: BTreeMap<NicRef, BTreeSet<Packet>>,
    /// Per guest: packets with their source replaced, each with what it was before.
    replaced: BTreeMap<VmId, BTreeMap<Packet, Packet>>,
    /// Per port: replies as the guest sends them, to packets whose destination was translated; each with what the sender
    /// waits for.
    answers: BTreeMap<(NicRef, Packet), Packet>,
    /// Replies from outside to packets whose source was translated: the port that they go back to, and as what.
    returns: BTreeMap<Packet, (NicRef, Packet)>,
    /// Addresses of frontends that a port takes as its NIC's own (floating IP).
    floating: BTreeSet<(NicRef, Ipv4Addr)>,
    /// Whether the packets that now travel are replies.
    reply: bool,
}

impl Flows {
    /// Whether the packet is a reply in a flow that the port has accepted.
    pub(super) fn knows(&self, nic: NicRef, packet: Packet) -> bool {
        self.accepted.get(&nic).is_some_and(|accepted| accepted.contains(&packet.reversed()))
    }

    /// The port has accepted a packet.
    pub(super) fn accept(&mut self, nic: NicRef, packet: Packet) {
        self.accepted.entry(nic).or_default().insert(packet);
    }

    /// A guest has sent `replaced` for `original`.
    pub(super) fn remember_source(&mut self, vm: VmId, original: Packet, replaced: Packet) {
        self.replaced.entry(vm).or_default().insert(replaced, original);
    }

    /// The reply with its first destination, when it is one to a source that the guest has replaced.
    pub(super) fn restored(&self, vm: VmId, packet: Packet) -> Option<Packet> {
        let original = self.replaced.get(&vm)?.get(&packet.reversed())?;
        Some(original.reversed())
    }

    /// What was sent as `original` goes to `nic` as `translated`.
    pub(super) fn remember_destination(&mut self, nic: NicRef, original: Packet, translated: Packet) {
        self.answers.insert((nic, translated.reversed()), original.reversed());
    }

    /// The reply that its receiver waits for, when it is one to a translated destination.
    pub(super) fn answer(&self, nic: NicRef, packet: Packet) -> Option<Packet> {
        self.answers.get(&(nic, packet)).copied()
    }

    /// What `nic` has sent as `original` leaves for the outside as `translated`.
    pub(super) fn remember_way_out(&mut self, nic: NicRef, original: Packet, translated: Packet) {
        self.returns.insert(translated.reversed(), (nic, original.reversed()));
    }

    /// The port that a reply from outside goes back to, and as what.
    pub(super) fn way_back(&self, packet: Packet) -> Option<(NicRef, Packet)> {
        self.returns.get(&packet).copied()
    }

    /// From now on the guest of `nic` has this address of a frontend, too.
    pub(super) fn float(&mut self, nic: NicRef, address: Ipv4Addr) {
        self.floating.insert((nic, address));
    }

    /// Whether the NIC has this address of a frontend.
    pub(super) fn floats(&self, nic: NicRef, address: Ipv4Addr) -> bool {
        self.floating.contains(&(nic, address))
    }

    /// Whether any NIC of the VM has this address of a frontend.
    pub(super) fn floats_in(&self, vm: VmId, address: Ipv4Addr) -> bool {
        self.floating.iter().any(|&(nic, floating)| nic.vm == vm && floating == address)
    }

    /// Whether the packets that now travel are replies.
    pub(super) fn is_reply(&self) -> bool {
        self.reply
    }

    /// From now on replies travel.
    pub(super) fn turn_round(&mut self) {
        self.reply = true;
    }
}
