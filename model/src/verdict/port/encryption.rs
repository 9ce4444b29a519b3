//! Whether what a port hands to another NIC is encrypted, and whether it may go when it is not.

use goal_state::DropReason;

use super::Port;
use crate::effective::FlowEncryption;
use crate::network::NicRef;
use crate::verdict::decision::Decision;
use crate::verdict::explanation::Reason;

impl Port<'_> {
    /// The end of a step about a packet that goes to `receiver`; empty where no virtual network has encryption.
    pub(in crate::verdict) fn encryption_detail(&self, receiver: NicRef) -> String {
        let encryption = self.policy.encryption();
        match (
            encryption.between(self.network, self.nic, receiver),
            encryption.why_in_clear(self.network, self.nic, receiver),
        ) {
            (FlowEncryption::Encrypted, _) => ", encrypted".to_owned(),
            (FlowEncryption::NotAccepted, _) | (_, None) => String::new(),
            (_, Some(why)) => format!(", in clear: {why}"),
        }
    }

    /// Drops what cannot be encrypted where a virtual network asks for that. The next hop decides, not the destination.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>
    pub(in crate::verdict) fn check_encryption(&mut self, receiver: NicRef) -> Result<(), Reason> {
        let encryption = self.policy.encryption();
        if encryption.between(self.network, self.nic, receiver) != FlowEncryption::NotAccepted {
            return Ok(());
        }
        let why = encryption.why_in_clear(self.network, self.nic, receiver).unwrap_or_default();
        let detail = format!("to {}: {why}, and what is in clear is dropped", self.vm_name(receiver));
        Err(self.deny(Decision::new(DropReason::Encryption), detail))
    }
}
