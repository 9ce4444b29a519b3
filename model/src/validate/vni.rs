//! VXLAN network identifiers: one per virtual network, the same as long as it keeps its name.

use std::collections::BTreeSet;

use goal_state::Vni;
use goal_state::edge::INTERNET_VNI;

use super::fnv::hash_of_names;

/// The first identifier in use. The lower ones look like VLAN ids in a capture, so they are left alone.
const FIRST: u32 = 4096;
/// How many there are up to 24 bits. The last one is the internet's.
const COUNT: u32 = (1 << 24) - FIRST;

/// Hands out identifiers that are unique in a lab.
#[derive(Debug, Default)]
pub(super) struct Vnis {
    taken: BTreeSet<u32>,
}

impl Vnis {
    /// The identifier of the virtual network of this name: by its hash, or the next free one when another network
    /// has that. None when every identifier is taken.
    pub(super) fn assign(&mut self, virtual_network: &str) -> Option<Vni> {
        self.assign_from(hash_of_names(&[virtual_network]))
    }

    fn assign_from(&mut self, hash: u64) -> Option<Vni> {
        let start = u32::try_from(hash % u64::from(COUNT)).ok()?;
        let mut numbers = (start..COUNT).chain(0..start).map(|offset| FIRST + offset);
        let free = numbers.find(|number| *number != INTERNET_VNI && !self.taken.contains(number))?;
        self.taken.insert(free);
        Vni::new(free).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_keeps_its_identifier_whatever_else_there_is() {
        let alone = Vnis::default().assign("spoke1").unwrap();
        let mut crowd = Vnis::default();
        crowd.assign("hub").unwrap();
        assert_eq!(crowd.assign("Spoke1").unwrap(), alone);
        assert_eq!(alone.get(), 12_701_850);
    }

    #[test]
    fn two_networks_with_one_hash_get_neighbouring_identifiers() {
        let mut vnis = Vnis::default();
        assert_eq!(vnis.assign_from(5).unwrap().get(), 4101);
        assert_eq!(vnis.assign_from(5).unwrap().get(), 4102);
    }

    #[test]
    fn identifiers_go_from_4096_to_24_bits_without_the_internets_and_round() {
        let mut vnis = Vnis::default();
        assert_eq!(vnis.assign_from(u64::from(COUNT) - 2).unwrap().get(), 16_777_214);
        assert_eq!(vnis.assign_from(u64::from(COUNT) - 2).unwrap().get(), 4096);
        assert_eq!(vnis.assign_from(u64::from(COUNT) - 1).unwrap().get(), 4097);
    }
}
