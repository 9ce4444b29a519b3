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

use std::collections::BTreeMap;

pub use flow::FlowEncryption;
pub use size::can_encrypt;

use super::Policy;
use super::reach::reachable_nic;
use crate::network::vnet::EncryptionEnforcement;
use crate::network::{Network, NicRef, VnetId};

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
}

impl Encryption {
    pub(super) fn of(network: &Network) -> Self {
        Self { ports: ports::ports(network) }
    }

    /// The UDP port on the provider address of its host that is the NIC's own, when it encrypts and its VM runs.
    #[must_use]
    pub fn port(&self, nic: NicRef) -> Option<u16> {
        self.ports.get(&nic).copied()
    }

    /// What becomes of a packet that `sender` hands to `receiver`, its destination or an appliance on the way.
    ///
    /// What is on the same host never crosses the underlay, so that nothing has to be encrypted, whatever is enforced. What two
    /// NICs that encrypt have between them never goes in clear.
    #[must_use]
    pub fn between(&self, policy: &Policy<'_>, sender: NicRef, receiver: NicRef) -> FlowEncryption {
        let network = policy.network();
        let networks = [sender, receiver].map(|nic| network.vnet(vnet_of(network, nic)).encryption);
        let configured = networks.iter().all(Option::is_some);
        if network.vm(sender.vm).host == network.vm(receiver.vm).host {
            return if configured { FlowEncryption::LocalDestination } else { FlowEncryption::NotConfigured };
        }
        match [sender, receiver].map(|nic| self.port(nic).is_some()) {
            [true, true] if knows(policy, vnet_of(network, receiver), sender) => FlowEncryption::Encrypted,
            [true, true] => FlowEncryption::NotSupported,
            _ if networks.contains(&Some(EncryptionEnforcement::DropUnencrypted)) => {
                FlowEncryption::NotAccepted
            }
            _ if !configured => FlowEncryption::NotConfigured,
            [false, _] => FlowEncryption::HardwareNotSupported,
            [true, false] => FlowEncryption::Fallback,
        }
    }

    /// Why a packet from `sender` to `receiver` is not encrypted, as the end of a sentence; none when it is, or when neither of the
    /// two virtual networks has encryption.
    #[must_use]
    pub fn why_not(&self, policy: &Policy<'_>, sender: NicRef, receiver: NicRef) -> Option<String> {
        let network = policy.network();
        let name = |nic| &network.vnet(vnet_of(network, nic)).name;
        let without = [sender, receiver].map(|nic| network.vnet(vnet_of(network, nic)).encryption.is_none());
        match self.between(policy, sender, receiver) {
            FlowEncryption::Encrypted => None,
            _ if without == [true, true] => None,
            FlowEncryption::LocalDestination => Some("both are on the same host".to_owned()),
            FlowEncryption::NotSupported => {
                Some(format!("{} does not reach {} back", name(receiver), name(sender)))
            }
            _ => [sender, receiver].into_iter().find_map(|nic| obstacle_of(network, nic)),
        }
    }
}

/// Whether the NICs of `vnet` can send to `nic`: then their hosts know it, too. An association has two ends that know each other.
#[must_use]
pub fn knows(policy: &Policy<'_>, vnet: VnetId, nic: NicRef) -> bool {
    let mut addresses = policy.network().nic(nic).addresses.iter();
    addresses.any(|&address| reachable_nic(policy, vnet, address) == Some(nic))
}

/// `web1/nic0 has no accelerated networking`.
fn obstacle_of(network: &Network, nic: NicRef) -> Option<String> {
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
