//! Private addresses of a subnet: the five that Azure keeps, and which one a NIC gets when the file names none.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>: the first four addresses and the last one
//! of every subnet are reserved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Addresses at the start of every subnet that no NIC may have.
const RESERVED_AT_START: u32 = 4;

/// What Azure uses `address` for in the subnet `prefix`; none when a NIC may have it.
pub(super) fn reserved_for(prefix: Ipv4Net, address: Ipv4Addr) -> Option<&'static str> {
    if address == prefix.broadcast() {
        return Some("the broadcast address");
    }
    match u32::from(address).checked_sub(u32::from(prefix.network()))? {
        0 => Some("the network address"),
        1 => Some("the default gateway"),
        2 | 3 => Some("Azure DNS"),
        _ => None,
    }
}

/// The first and the last address of the subnet `prefix` that a NIC may have. `prefix` is /29 or larger.
pub(super) fn usable(prefix: Ipv4Net) -> (Ipv4Addr, Ipv4Addr) {
    let first = u32::from(prefix.network()).saturating_add(RESERVED_AT_START);
    let last = u32::from(prefix.broadcast()).saturating_sub(1);
    (Ipv4Addr::from(first), Ipv4Addr::from(last))
}

/// The addresses of one virtual network that are taken.
#[derive(Debug, Default)]
pub(super) struct AddressAllocation {
    taken: BTreeSet<Ipv4Addr>,
    /// Where to go on looking in each subnet: everything before it is taken.
    next: BTreeMap<Ipv4Net, u32>,
}

impl AddressAllocation {
    /// Takes the address that the file names; false when another NIC has it.
    pub(super) fn take(&mut self, address: Ipv4Addr) -> bool {
        self.taken.insert(address)
    }

    /// Takes the first free address of `subnet`; none when it is full. Every address that the file names is taken
    /// before the first call.
    pub(super) fn take_first_free(&mut self, subnet: Ipv4Net) -> Option<Ipv4Addr> {
        let (first, last) = usable(subnet);
        let next = self.next.entry(subnet).or_insert(first.into());
        while *next <= u32::from(last) {
            let candidate = Ipv4Addr::from(*next);
            *next += 1;
            if self.taken.insert(candidate) {
                return Some(candidate);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn prefix(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn s2_1_five_addresses_of_a_subnet_are_azures() {
        let reserved: Vec<_> = prefix("10.0.0.8/29")
            .subnets(32)
            .unwrap()
            .filter(|host| reserved_for(prefix("10.0.0.8/29"), host.addr()).is_some())
            .map(|host| host.addr().to_string())
            .collect();
        assert_eq!(reserved, ["10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11", "10.0.0.15"]);
    }

    #[test]
    fn s2_1_a_29_has_three_addresses_and_then_is_full() {
        let subnet = prefix("10.0.0.0/29");
        let mut allocation = AddressAllocation::default();
        let given: Vec<_> = std::iter::from_fn(|| allocation.take_first_free(subnet)).collect();
        assert_eq!(given, ["10.0.0.4", "10.0.0.5", "10.0.0.6"].map(address));
    }

    #[test]
    fn addresses_of_the_file_are_left_out() {
        let subnet = prefix("10.0.0.0/24");
        let mut allocation = AddressAllocation::default();
        assert!(allocation.take(address("10.0.0.4")));
        assert!(allocation.take(address("10.0.0.6")));
        assert!(!allocation.take(address("10.0.0.6")));
        assert_eq!(allocation.take_first_free(subnet), Some(address("10.0.0.5")));
        assert_eq!(allocation.take_first_free(subnet), Some(address("10.0.0.7")));
    }

    #[test]
    fn the_largest_subnet_does_not_overflow() {
        let mut allocation = AddressAllocation::default();
        assert_eq!(usable(prefix("192.0.0.0/2")).1, address("255.255.255.254"));
        assert_eq!(allocation.take_first_free(prefix("192.0.0.0/2")), Some(address("192.0.0.4")));
    }
}
