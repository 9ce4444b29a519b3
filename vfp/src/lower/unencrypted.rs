//! Packets that would have to be encrypted and cannot be: where a virtual network's enforcement is `DropUnencrypted`, they are
//! dropped before they leave the sender's port.
//!
//! Who must not get them is a next hop, which only routing knows: the destination itself, an appliance, one of several. So they are
//! dropped behind it. Flows are learnt behind it, too, so that a packet that takes one has passed here before.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction};

use super::port::{counter_name, drop_rule};
use crate::names::{GUEST, VF};
use crate::ruleset::{Chain, Counter, Hook, Match};

/// The chain; none when nobody is refused.
pub(super) fn chain(refused: &AddressSet) -> Option<Chain> {
    let from_guest = Match::InDevice(vec![GUEST.into(), VF.into()]);
    let matches = vec![from_guest, Match::NextHop(refused.clone())];
    let rules = vec![drop_rule(matches, DropReason::Encryption, Direction::Outbound)];
    let chain = Chain { name: "unencrypted".into(), hook: Some(Hook::Forward), rules };
    (!refused.is_empty()).then_some(chain)
}

/// What it counts with.
pub(super) fn counter(refused: &AddressSet) -> Option<Counter> {
    let reason = DropReason::Encryption;
    (!refused.is_empty()).then(|| Counter { name: counter_name(reason), comment: reason.as_str().into() })
}
