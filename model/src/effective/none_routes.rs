//! What Azure holds for reserved and routes to None.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#default>

use ipnet::Ipv4Net;

use crate::network::behavior::NoneRoutesBehavior;

type Range = ([u8; 4], u8);

/// RFC 1918 and RFC 6598.
const CLASSIC: [Range; 4] =
    [([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];

/// Documented since December 2025.
const DOCUMENTED: [Range; 4] =
    [([104, 146, 0, 0], 17), ([104, 147, 0, 0], 16), ([127, 0, 0, 0], 8), ([157, 59, 0, 0], 16)];

/// Seen in listings of 2023 and 2024, and documented nowhere.
const OBSERVED: [Range; 10] = [
    ([20, 35, 252, 0], 22),
    ([23, 103, 0, 0], 18),
    ([25, 4, 0, 0], 14),
    ([25, 30, 0, 0], 15),
    ([25, 33, 0, 0], 16),
    ([25, 41, 0, 0], 20),
    ([25, 48, 0, 0], 12),
    ([40, 108, 0, 0], 17),
    ([40, 109, 0, 0], 16),
    ([198, 18, 0, 0], 15),
];

/// What is private: RFC 1918 and RFC 6598.
pub(super) fn private_ranges() -> impl Iterator<Item = Ipv4Net> {
    CLASSIC.into_iter().map(range)
}

/// The prefixes of the system routes to None, before anything takes one away.
pub(super) fn reserved(list: NoneRoutesBehavior) -> impl Iterator<Item = Ipv4Net> {
    let (documented, observed): (&[Range], &[Range]) = match list {
        NoneRoutesBehavior::Classic => (&[], &[]),
        NoneRoutesBehavior::Documented202512 => (&DOCUMENTED, &[]),
        NoneRoutesBehavior::Observed => (&DOCUMENTED, &OBSERVED),
    };
    CLASSIC.iter().chain(documented).chain(observed).copied().map(range)
}

fn range((address, length): Range) -> Ipv4Net {
    Ipv4Net::new_assert(address.into(), length)
}
