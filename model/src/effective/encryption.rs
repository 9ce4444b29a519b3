//! Virtual network encryption: which NICs encrypt, and what becomes of what one NIC hands to another.
//!
//! A NIC encrypts when its virtual network has encryption, it has accelerated networking, and the size of its VM has the hardware.
//! What goes between two such NICs of one virtual network or of peers is encrypted, unless they are on the same host. The rest is
//! in clear, or dropped where a virtual network says so.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>
//!
//! | module | idea |
//! |---|---|
//! | `size` | VM sizes that can |
//! | `flow` | what a flow log says |
//! | `ports` | by which UDP port on the underlay a NIC is known |

mod flow;
mod ports;
mod size;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub use flow::FlowEncryption;
pub use size::can_encrypt;

use super::Policy;
use super::reach::{connected_peers, reachable_nics, takes_part};
use crate::network::vnet::EncryptionEnforcement;
use crate::network::{Network, NicRef, Peering, VnetId};

/// Why a NIC does not encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Its virtual network has no encryption.
    NotConfigured,
    /// It has no accelerated networking.
    NotAccelerated,
    /// The size of its VM cannot.
    Size,
}

/// Why `nic` does not encrypt; none when it does.
#[must_use]
pub fn obstacle(network: &Network, nic: NicRef) -> Option<Obstacle> {
    let properties = network.nic(nic);
    if network.vnet(properties.subnet.vnet).encryption.is_none() {
        Some(Obstacle::NotConfigured)
    } else if !properties.enable_accelerated_networking {
        Some(Obstacle::NotAccelerated)
    } else if !can_encrypt(&network.vm(nic.vm).size) {
        Some(Obstacle::Size)
    } else {
        None
    }
}

/// Who of a network encrypts with whom.
#[derive(Debug)]
pub struct Encryption {
    /// Of the NICs that encrypt.
    ports: BTreeMap<NicRef, u16>,
    /// Pairs of peers that encrypt, each pair both ways.
    peers: BTreeSet<(VnetId, VnetId)>,
}

impl Encryption {
    pub(super) fn of(policy: &Policy<'_>) -> Self {
        Self { ports: ports::ports(policy.network()), peers: encrypting_peers(policy) }
    }

    /// The UDP port on the provider address of its host that is the NIC's own, when it encrypts and its VM runs.
    #[must_use]
    pub fn port(&self, nic: NicRef) -> Option<u16> {
        self.ports.get(&nic).copied()
    }

    /// The port of `nic` as it must be known in `vnet`: when the two can have something encrypted between them.
    #[must_use]
    pub fn port_seen_from(&self, network: &Network, vnet: VnetId, nic: NicRef) -> Option<u16> {
        self.port(nic).filter(|_| self.is_shared(vnet, vnet_of(network, nic)))
    }

    /// What becomes of a packet that `sender` hands to `receiver`, its destination or an appliance on the way.
    ///
    /// What is on the same host never crosses the underlay, so that nothing has to be encrypted, whatever is enforced.
    #[must_use]
    pub fn between(&self, network: &Network, sender: NicRef, receiver: NicRef) -> FlowEncryption {
        let networks = [sender, receiver].map(|nic| network.vnet(vnet_of(network, nic)).encryption);
        let configured = networks.iter().all(Option::is_some);
        if network.vm(sender.vm).host == network.vm(receiver.vm).host {
            return if configured { FlowEncryption::LocalDestination } else { FlowEncryption::NotConfigured };
        }
        let able = self.port(sender).is_some()
            && self.port_seen_from(network, vnet_of(network, sender), receiver).is_some();
        if able {
            FlowEncryption::Encrypted
        } else if networks.contains(&Some(EncryptionEnforcement::DropUnencrypted)) {
            FlowEncryption::NotAccepted
        } else if !configured {
            FlowEncryption::NotConfigured
        } else if self.port(sender).is_none() {
            FlowEncryption::HardwareNotSupported
        } else {
            FlowEncryption::Fallback
        }
    }

    /// Why a packet from `sender` to `receiver` is not encrypted, as the end of a sentence; none when it is, or when neither of the
    /// two virtual networks has encryption.
    #[must_use]
    pub fn why_in_clear(&self, network: &Network, sender: NicRef, receiver: NicRef) -> Option<String> {
        let code = self.between(network, sender, receiver);
        let without = [sender, receiver].map(|nic| network.vnet(vnet_of(network, nic)).encryption.is_none());
        if code == FlowEncryption::Encrypted || without == [true, true] {
            return None;
        }
        if code == FlowEncryption::LocalDestination {
            return Some("both are on the same host".to_owned());
        }
        let cannot = [sender, receiver].into_iter().find_map(|nic| why_not(network, nic));
        Some(cannot.unwrap_or_else(|| {
            let names = [sender, receiver].map(|nic| &network.vnet(vnet_of(network, nic)).name);
            format!("{} and {} do not reach each other", names[0], names[1])
        }))
    }

    fn is_shared(&self, left: VnetId, right: VnetId) -> bool {
        left == right || self.peers.contains(&(left, right))
    }
}

/// `web1/nic0 has no accelerated networking`.
fn why_not(network: &Network, nic: NicRef) -> Option<String> {
    let (vm, properties) = (network.vm(nic.vm), network.nic(nic));
    let name = format!("{}/{}", vm.name, properties.name);
    Some(match obstacle(network, nic)? {
        Obstacle::NotConfigured => {
            format!("virtual network {} has no encryption", network.vnet(vnet_of(network, nic)).name)
        }
        Obstacle::NotAccelerated => format!("{name} has no accelerated networking"),
        Obstacle::Size => format!("{name} cannot, with size {}", vm.size),
    })
}

fn vnet_of(network: &Network, nic: NicRef) -> VnetId {
    network.nic(nic).subnet.vnet
}

/// The pairs of peers with encryption in which each can send to all of the other's NICs that can send to it: an association has
/// two ends, and both must know the other. Where only one link gives access packets go in clear, and answers do not come.
fn encrypting_peers(policy: &Policy<'_>) -> BTreeSet<(VnetId, VnetId)> {
    let network = policy.network();
    let sides: BTreeMap<_, _> = (0..network.virtual_networks.len())
        .map(VnetId)
        .filter(|id| network.vnet(*id).encryption.is_some())
        .map(|id| (id, Side { nics: Vec::new(), known: reachable_nics(policy, id) }))
        .collect();
    let sides = with_nics(network, sides);
    let mut peers = BTreeSet::new();
    for (&id, side) in &sides {
        for (link, _) in connected_peers(network, id).filter(|(link, _)| link.remote > id) {
            let (Some(back), Some(other)) =
                (network.vnet(link.remote).peering_to(id), sides.get(&link.remote))
            else {
                continue;
            };
            if side.knows(network, other, back) && other.knows(network, side, link) {
                peers.extend([(id, link.remote), (link.remote, id)]);
            }
        }
    }
    peers
}

/// A virtual network with encryption: the NICs of machines that run, and those that it can send to.
struct Side {
    nics: Vec<NicRef>,
    known: BTreeMap<Ipv4Addr, NicRef>,
}

impl Side {
    /// Whether it can send to every NIC of `other` that takes part in the peering, of which `link` is the other's.
    fn knows(&self, network: &Network, other: &Self, link: &Peering) -> bool {
        let mut nics = other.nics.iter().filter(|nic| takes_part(link, network.nic(**nic).subnet));
        nics.all(|nic| {
            let mut addresses = network.nic(*nic).addresses.iter();
            addresses.all(|address| self.known.get(address) == Some(nic))
        })
    }
}

fn with_nics(network: &Network, mut sides: BTreeMap<VnetId, Side>) -> BTreeMap<VnetId, Side> {
    for (at, nic) in network.nics().filter(|(at, _)| network.vm(at.vm).runs()) {
        if let Some(side) = sides.get_mut(&nic.subnet.vnet) {
            side.nics.push(at);
        }
    }
    sides
}
