//! The port of a private endpoint: it takes TCP connections and begins none.
//!
//! <https://learn.microsoft.com/azure/private-link/private-endpoint-overview>

use goal_state::DropReason;
use goal_state::nsg::Direction;
use goal_state::vm::NetworkInterface;

use super::port::drop_rule;
use crate::ruleset::{Match, Rule};

const TCP: u8 = 6;
const REASON: DropReason = DropReason::PrivateEndpoint;

/// One that is not approved takes nothing at all.
pub(super) fn approval_rule(nic: &NetworkInterface) -> Option<Rule> {
    let endpoint = nic.port.private_endpoint.as_ref()?;
    (!endpoint.approved).then(|| drop_rule(vec![], REASON, Direction::Inbound))
}

/// Behind the groups: what they let through is TCP.
pub(super) fn protocol_rule(nic: &NetworkInterface) -> Option<Rule> {
    let not_tcp = vec![Match::ProtocolNot(vec![TCP])];
    nic.port.private_endpoint.as_ref().map(|_| drop_rule(not_tcp, REASON, Direction::Inbound))
}

/// Behind known flows: what belongs to none would begin one.
pub(super) fn outbound_rule(nic: &NetworkInterface) -> Option<Rule> {
    nic.port.private_endpoint.as_ref().map(|_| drop_rule(vec![], REASON, Direction::Outbound))
}

/// What they drop for.
pub(super) fn reason(nic: &NetworkInterface) -> Option<DropReason> {
    nic.port.private_endpoint.as_ref().map(|_| REASON)
}
