//! Next hops that would get packets in clear and must not: a virtual network with `enforcement: DropUnencrypted` refuses that, and so
//! do two NICs that encrypt and cannot find each other.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use goal_state::nsg::AddressSet;

use crate::effective::encryption::knows;
use crate::effective::reach::{connected_peers, reachable_nics};
use crate::effective::{Owner, Policy, deliver};
use crate::network::vnet::EncryptionEnforcement;
use crate::network::{HostId, NicRef, SubnetRef, VnetId};

/// The refusals of every port. NICs of one subnet and one host that encrypt alike, and with the same peers, have the same.
#[derive(Debug, Default)]
pub(super) struct Unencrypted {
    known: Mutex<HashMap<Alike, AddressSet>>,
}

type Alike = (SubnetRef, HostId, bool, Vec<VnetId>);

impl Unencrypted {
    /// The addresses of the NICs that `sender` may not hand a packet to, because it would not be encrypted.
    pub(super) fn refused(&self, policy: &Policy<'_>, sender: NicRef) -> AddressSet {
        let network = policy.network();
        let enforced = Some(EncryptionEnforcement::DropUnencrypted);
        let encrypts = policy.encryption().port(sender).is_some();
        let strangers = if encrypts { strangers(policy, sender) } else { Vec::new() };
        if strangers.is_empty() && !network.virtual_networks.iter().any(|vnet| vnet.encryption == enforced) {
            return AddressSet::default();
        }
        let key = (network.nic(sender).subnet, network.vm(sender.vm).host, encrypts, strangers);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with(|| refused(policy, sender)).clone()
    }
}

/// The peers with encryption that do not know the sender, so that their NICs have no association with it.
fn strangers(policy: &Policy<'_>, sender: NicRef) -> Vec<VnetId> {
    let network = policy.network();
    let peers = connected_peers(network, network.nic(sender).subnet.vnet);
    let encrypted = peers.filter(|(_, peer)| peer.encryption.is_some()).map(|(link, _)| link.remote);
    encrypted.filter(|peer| !knows(policy, *peer, sender)).collect()
}

fn refused(policy: &Policy<'_>, sender: NicRef) -> AddressSet {
    let (encryption, subnet) = (policy.encryption(), policy.network().nic(sender).subnet);
    // To whom the subnet cannot send at all is lost for another reason.
    let refused = reachable_nics(policy, subnet.vnet)
        .into_iter()
        .filter(|&(_, nic)| encryption.between(policy, sender, nic).is_dropped())
        .filter(|&(address, nic)| deliver(policy, subnet, address) == Ok(Owner::Nic(nic)));
    AddressSet::new(refused.map(|(address, _)| address.into()))
}
