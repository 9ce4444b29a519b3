//! Numbers on the public side: public addresses, services and internet hosts share one space, and each has its own.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::topology::Span;

use super::region;
use super::report::Report;

/// What no host in the internet has, and why.
const NOT_PUBLIC: [(&str, &str); 12] = [
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private networks"),
    ("100.64.0.0/10", "private networks"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "Azure's own services"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private networks"),
    ("192.0.0.0/24", "protocols"),
    ("192.168.0.0/16", "private networks"),
    ("198.18.0.0/15", "the emulated hosts"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "nobody"),
];

/// What has a number on the public side: the number, where it is written, and what a message calls it.
pub(super) type Owner = (Ipv4Addr, Span, String);

/// Checks all numbers that the file gives, and answers with them.
pub(super) fn check(
    owners: Vec<Owner>,
    spaces: &[(Ipv4Net, &str)],
    report: &mut Report,
) -> HashSet<Ipv4Addr> {
    let spaces: HashMap<Ipv4Net, &str> = spaces.iter().rev().copied().collect();
    let mut taken: HashMap<Ipv4Addr, String> = HashMap::new();
    for (address, at, name) in owners {
        if let Some(purpose) = not_public(address) {
            let message = format!("{name} has {address}, which is for {purpose}");
            report.error("AddressNotPublic", at, message, "give it a public address, such as 20.200.0.4");
        } else if let Some((space, vnet)) = space_around(address, &spaces) {
            let message = format!("{address} of {name} is inside virtual network `{vnet}` ({space})");
            let help = "there it is a private address: give one of them another one";
            report.warning("PublicAddressInVirtualNetwork", at, message, help);
        }
        if let Some(other) = taken.get(&address) {
            let message = format!("{address} of {name} is that of {other}");
            report.error("DuplicatePublicAddress", at, message, "give each its own address");
        } else {
            taken.insert(address, name);
        }
    }
    taken.into_keys().collect()
}

/// A prefix of a virtual network that holds `address`, and the network's name.
fn space_around<'s>(address: Ipv4Addr, spaces: &HashMap<Ipv4Net, &'s str>) -> Option<(Ipv4Net, &'s str)> {
    let around = (0..=32).filter_map(|length| Ipv4Net::new(address, length).ok()).map(|net| net.trunc());
    around.into_iter().find_map(|net| spaces.get(&net).map(|vnet| (net, *vnet)))
}

/// What `address` is for, when nobody in the internet can have it.
pub(super) fn not_public(address: Ipv4Addr) -> Option<&'static str> {
    let holds = |prefix: &str| prefix.parse::<Ipv4Net>().is_ok_and(|prefix| prefix.contains(&address));
    NOT_PUBLIC.into_iter().find(|(prefix, _)| holds(prefix)).map(|(_, purpose)| purpose)
}

/// Those of `spaces` that touch the ranges from which public addresses are given out.
pub(super) fn spaces_inside_ranges(spaces: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let ranges = || (0..region::PUBLIC_RANGES).map(region::public_range);
    let touches = |space: &Ipv4Net| ranges().any(|range| super::overlap::overlap(range, *space));
    spaces.iter().copied().filter(touches).collect()
}

/// The addresses of a range but its first and last one, beginning where `hash` leads to, once around.
pub(super) fn addresses_from(range: Ipv4Net, hash: u64) -> impl Iterator<Item = Ipv4Addr> {
    let first = u32::from(range.network()) + 1;
    let count = u32::from(range.broadcast()) - first;
    let start = u32::try_from(hash % u64::from(count)).unwrap_or(0);
    (start..count).chain(0..start).map(move |offset| Ipv4Addr::from(first + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_range_comes_once() {
        let range: Ipv4Net = "20.200.0.0/29".parse().unwrap();
        let all: Vec<_> = addresses_from(range, 4).map(|address| address.octets()[3]).collect();
        assert_eq!(all, [5, 6, 1, 2, 3, 4]);
    }

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for private in
            ["10.1.1.1", "100.64.0.1", "169.254.169.254", "168.63.129.16", "239.0.0.1", "198.18.0.1"]
        {
            assert!(not_public(private.parse().unwrap()).is_some(), "{private}");
        }
        for public in ["8.8.8.8", "20.200.0.4", "203.0.113.9", "172.32.0.1", "168.63.129.17"] {
            assert_eq!(not_public(public.parse().unwrap()), None, "{public}");
        }
    }
}
