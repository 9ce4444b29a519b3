//! What a ruleset writes into NFLOG, and how it is read again.
//!
//! A prefix carries numbers only, so that it is short, needs no escaping and stays true when a resource gets another
//! name: `vl drop REASON DIRECTION ASSOCIATION NUMBER` and `vl seen DIRECTION`. Instead of NUMBER there may be the word
//! `mark`: then the packet's mark is the number. Which port it was, the socket tells: each port has a namespace of its own.

use goal_state::DropReason;
use goal_state::nsg::{Association, Direction};

use crate::ruleset::Action;

/// The NFLOG group of drops.
pub const DROP_GROUP: u16 = 1;
/// The NFLOG group of probe packets that passed.
pub const SEEN_GROUP: u16 = 2;

/// Stands for the number when the packet's mark has it.
const BY_MARK: &str = "mark";

/// A logged packet's prefix, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogPrefix {
    /// The packet was dropped.
    Drop(DropMark),
    /// A probe packet passed.
    Seen(Direction),
}

/// Why a packet was dropped, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DropMark {
    /// The layer that decided.
    pub reason: DropReason,
    /// Seen from the NIC.
    pub direction: Direction,
    /// Which of the port's groups, where it was one.
    pub association: Option<Association>,
    /// The rule's priority, the security admin rule's place among all configurations' rules, the route's place in the port's routes, the refusal's place in the port's refusals, the
    /// translation's place among the port's inbound ones or 65,536 more than the way out's place among its outbound ones, or
    /// the VNI of a bridge, as the reason has it. [`DropMark::NONE`] where there is nothing to tell.
    pub number: u32,
}

impl DropMark {
    /// No rule, no route.
    pub const NONE: u32 = 0xffff_ffff;

    /// A drop without a rule.
    #[must_use]
    pub fn plain(reason: DropReason, direction: Direction) -> Self {
        Self { reason, direction, association: None, number: Self::NONE }
    }

    /// The log statement that goes before the drop.
    #[must_use]
    pub fn log(self) -> Action {
        Action::Log { group: DROP_GROUP, prefix: LogPrefix::Drop(self).to_string() }
    }

    /// The same where the number is in the packet's mark.
    #[must_use]
    pub fn log_by_mark(self) -> Action {
        let prefix = LogPrefix::Drop(self).to_string();
        let kept = prefix.rsplit_once(' ').map_or(&*prefix, |(kept, _)| kept);
        Action::Log { group: DROP_GROUP, prefix: format!("{kept} {BY_MARK}") }
    }
}

/// The log statement for a probe that passes.
#[must_use]
pub fn log_seen(direction: Direction) -> Action {
    Action::Log { group: SEEN_GROUP, prefix: LogPrefix::Seen(direction).to_string() }
}

impl std::fmt::Display for LogPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Drop(mark) => write!(
                f,
                "vl drop {} {} {} {}",
                mark.reason.number(),
                direction_number(mark.direction),
                association_number(mark.association),
                mark.number
            ),
            Self::Seen(direction) => write!(f, "vl seen {}", direction_number(*direction)),
        }
    }
}

impl LogPrefix {
    /// Reads the prefix of a packet with this mark. None for one that is not ours: an administrator may log in a namespace, too.
    #[must_use]
    pub fn parse(text: &str, mark: u32) -> Option<Self> {
        let words = text.trim_end_matches('\0').trim_end().split(' ').collect::<Vec<_>>();
        match words.as_slice() {
            ["vl", "drop", reason, direction, association, number] => Some(Self::Drop(DropMark {
                reason: DropReason::from_number(reason.parse().ok()?)?,
                direction: parse_direction(direction)?,
                association: parse_association(association)?,
                number: if *number == BY_MARK { mark } else { number.parse().ok()? },
            })),
            ["vl", "seen", direction] => Some(Self::Seen(parse_direction(direction)?)),
            _ => None,
        }
    }
}

fn direction_number(direction: Direction) -> u8 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => 1,
    }
}

fn parse_direction(text: &str) -> Option<Direction> {
    match text {
        "0" => Some(Direction::Inbound),
        "1" => Some(Direction::Outbound),
        _ => None,
    }
}

fn association_number(association: Option<Association>) -> u8 {
    match association {
        None => 0,
        Some(Association::NetworkInterface) => 1,
        Some(Association::Subnet) => 2,
        Some(Association::NetworkManager) => 3,
    }
}

fn parse_association(text: &str) -> Option<Option<Association>> {
    match text {
        "0" => Some(None),
        "1" => Some(Some(Association::NetworkInterface)),
        "2" => Some(Some(Association::Subnet)),
        "3" => Some(Some(Association::NetworkManager)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_read_as_it_was_written_and_is_short_enough() {
        for reason in DropReason::ALL {
            for direction in [Direction::Inbound, Direction::Outbound] {
                for association in [
                    None,
                    Some(Association::NetworkInterface),
                    Some(Association::Subnet),
                    Some(Association::NetworkManager),
                ] {
                    for number in [0, 65_500, DropMark::NONE] {
                        let prefix = LogPrefix::Drop(DropMark { reason, direction, association, number });
                        assert_eq!(LogPrefix::parse(&prefix.to_string(), 7), Some(prefix));
                        // NFLOG keeps 63 characters.
                        assert!(prefix.to_string().len() < 64);
                    }
                }
                let seen = LogPrefix::Seen(direction);
                assert_eq!(LogPrefix::parse(&format!("{seen}\0"), 7), Some(seen));
            }
        }
    }

    #[test]
    fn the_mark_is_the_number_where_the_prefix_says_so() {
        let mark = |number| DropMark {
            reason: DropReason::NetworkSecurityGroup,
            direction: Direction::Inbound,
            association: Some(Association::Subnet),
            number,
        };
        let Action::Log { prefix, .. } = mark(100).log_by_mark() else { panic!("not a log") };
        assert_eq!(prefix, "vl drop 4 0 2 mark");
        assert_eq!(LogPrefix::parse(&prefix, 4096), Some(LogPrefix::Drop(mark(4096))));
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for foreign in [
            "",
            "vl",
            "vl drop",
            "vl drop 99 0 0 0",
            "vl drop 4 2 0 0",
            "vl drop 4 0 4 0",
            "vl seen",
            "vl seen 0 0",
            "drop 4 0 0 0 0",
            "vl drop 4 0 0 x",
        ] {
            assert_eq!(LogPrefix::parse(foreign, 7), None, "{foreign:?}");
        }
    }
}
