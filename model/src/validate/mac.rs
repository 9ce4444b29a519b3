//! MAC addresses: a Microsoft prefix and three bytes that stay the same as long as lab, VM and NIC keep their names.

use std::collections::BTreeSet;

use goal_state::MacAddr;

use super::fnv::hash_of_names;

/// One of the prefixes that Azure's NICs have (00-0D-3A, 00-22-48, 60-45-BD).
const MICROSOFT: [u8; 3] = [0x00, 0x0d, 0x3a];

/// How many different last three bytes there are, without all zeroes.
const SERIALS: u64 = (1 << 24) - 1;

/// Hands out MAC addresses that are unique in a lab.
#[derive(Debug, Default)]
pub(super) struct MacAddresses {
    taken: BTreeSet<u32>,
}

impl MacAddresses {
    /// The address of `vm`'s `nic` in `lab`: by its hash, or the next free one when another NIC has that.
    pub(super) fn assign(&mut self, lab: &str, vm: &str, nic: &str) -> MacAddr {
        self.assign_from(hash_of_names(&[lab, vm, nic]))
    }

    fn assign_from(&mut self, hash: u64) -> MacAddr {
        let mut serial = u32::try_from(hash % SERIALS).unwrap_or_default() + 1;
        while !self.taken.insert(serial) {
            serial = if u64::from(serial) == SERIALS { 1 } else { serial + 1 };
        }
        mac_of(serial)
    }
}

/// The address with this serial number, which fits three bytes.
pub(crate) fn mac_of(serial: u32) -> MacAddr {
    let [_, a, b, c] = serial.to_be_bytes();
    let [x, y, z] = MICROSOFT;
    MacAddr([x, y, z, a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nic_keeps_its_address_whatever_comes_before_it() {
        let alone = MacAddresses::default().assign("lab", "web1", "nic0");
        let mut crowd = MacAddresses::default();
        crowd.assign("lab", "web0", "nic0");
        assert_eq!(crowd.assign("LAB", "Web1", "NIC0"), alone);
        assert_eq!(alone.to_string(), "00:0d:3a:ec:8d:71");
    }

    #[test]
    fn two_nics_with_one_hash_get_neighbouring_addresses() {
        let mut macs = MacAddresses::default();
        assert_eq!(macs.assign_from(7).serial(), 8);
        assert_eq!(macs.assign_from(7).serial(), 9);
        assert_eq!(macs.assign_from(8).serial(), 10);
    }

    #[test]
    fn probing_goes_round_and_never_gives_all_zeroes() {
        let mut macs = MacAddresses::default();
        assert_eq!(macs.assign_from(SERIALS - 1).serial(), 0xff_ffff);
        assert_eq!(macs.assign_from(SERIALS - 1).serial(), 1);
    }
}
