//! Whether what a NIC hands to another is encrypted, and whether it may go when it is not.

use goal_state::DropReason;

use super::decision::Decision;
use super::explanation::Reason;
use super::journey::Walk;
use crate::effective::{FlowEncryption, Policy};
use crate::network::NicRef;

/// The end of a step about a packet from `sender` to `receiver`; empty where no virtual network has encryption.
pub(super) fn encryption_detail(policy: &Policy<'_>, sender: NicRef, receiver: NicRef) -> String {
    let encryption = policy.encryption();
    match (encryption.between(policy, sender, receiver), encryption.why_not(policy, sender, receiver)) {
        (FlowEncryption::Encrypted, _) => ", encrypted".to_owned(),
        (code, Some(why)) if !code.is_dropped() => format!(", in clear: {why}"),
        _ => String::new(),
    }
}

impl Walk<'_> {
    /// Drops what must not go in clear, at the port of its sender. The next hop decides, not the destination.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>
    pub(super) fn check_encryption(&mut self, sender: NicRef, receiver: NicRef) -> Result<(), Reason> {
        let encryption = self.policy.encryption();
        let code = encryption.between(self.policy, sender, receiver);
        if !code.is_dropped() {
            return Ok(());
        }
        self.journey.encryption.push(code);
        let why = encryption.why_not(self.policy, sender, receiver).unwrap_or_default();
        let to = &self.network.vm(receiver.vm).name;
        let detail = match code {
            FlowEncryption::NotSupported => format!("to {to}: {why}, so the two cannot agree on keys"),
            _ => format!("to {to}: {why}, and what is in clear is dropped"),
        };
        Err(self.deny(Decision::new(DropReason::Encryption), detail))
    }
}
