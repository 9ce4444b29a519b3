//! Next hops that would get packets in clear, where a virtual network with `enforcement: DropUnencrypted` refuses that.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use goal_state::nsg::AddressSet;

use crate::effective::reach::reachable_nics;
use crate::effective::{FlowEncryption, Owner, Policy, deliver};
use crate::network::vnet::EncryptionEnforcement;
use crate::network::{HostId, NicRef, SubnetRef};

/// The refusals of every port. NICs of one subnet and one host that encrypt alike have the same.
#[derive(Debug, Default)]
pub(super) struct Unencrypted {
    known: Mutex<HashMap<(SubnetRef, HostId, bool), AddressSet>>,
}

impl Unencrypted {
    /// The addresses of the NICs that `sender` may not hand a packet to, because it would not be encrypted.
    pub(super) fn refused(&self, policy: &Policy<'_>, sender: NicRef) -> AddressSet {
        let network = policy.network();
        let enforced = Some(EncryptionEnforcement::DropUnencrypted);
        if !network.virtual_networks.iter().any(|vnet| vnet.encryption == enforced) {
            return AddressSet::default();
        }
        let subnet = network.nic(sender).subnet;
        let key = (subnet, network.vm(sender.vm).host, policy.encryption().port(sender).is_some());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert_with(|| refused(policy, sender)).clone()
    }
}

fn refused(policy: &Policy<'_>, sender: NicRef) -> AddressSet {
    let (encryption, subnet) = (policy.encryption(), policy.network().nic(sender).subnet);
    // To whom the subnet cannot send at all is lost for another reason.
    let refused = reachable_nics(policy, subnet.vnet)
        .into_iter()
        .filter(|&(_, nic)| encryption.between(policy.network(), sender, nic) == FlowEncryption::NotAccepted)
        .filter(|&(address, nic)| deliver(policy, subnet, address) == Ok(Owner::Nic(nic)));
    AddressSet::new(refused.map(|(address, _)| address.into()))
}
