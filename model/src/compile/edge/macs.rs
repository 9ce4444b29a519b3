//! Ethernet addresses of what stands at the edge: a Microsoft prefix, and serial numbers that no NIC of a virtual machine has.

use std::collections::HashSet;

use goal_state::MacAddr;

use crate::network::Network;
use crate::validate::{hash_of_names, mac_of};

/// The highest serial number. 0 is nobody's.
const LAST: u32 = 0xff_ffff;

/// Hands them out. Each is the same as long as the lab and what has it keep their names.
#[derive(Debug)]
pub(super) struct StationMacs {
    lab: String,
    taken: HashSet<u32>,
}

impl StationMacs {
    pub(super) fn new(network: &Network) -> Self {
        let taken = network.nics().map(|(_, nic)| nic.mac.serial()).collect();
        Self { lab: network.name.clone(), taken }
    }

    /// The address of what these names name: by their hash, or the next free one below.
    pub(super) fn assign(&mut self, names: &[&str]) -> MacAddr {
        let names: Vec<_> = std::iter::once(self.lab.as_str()).chain(names.iter().copied()).collect();
        let hash = hash_of_names(&names) % u64::from(LAST);
        let mut serial = LAST - u32::try_from(hash).unwrap_or_default();
        while !self.taken.insert(serial) {
            serial = if serial == 1 { LAST } else { serial - 1 };
        }
        mac_of(serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;

    #[test]
    fn they_are_nobody_elses_and_stay() {
        let mut network = NetworkBuilder::new().vnet("a", "10.0.0.0/16").vm("web", "10.0.0.4").build();
        let first = StationMacs::new(&network).assign(&["router", "koreacentral"]);
        network.virtual_machines[0].nics[0].mac = first;
        let mut macs = StationMacs::new(&network);
        let next = macs.assign(&["router", "koreacentral"]);
        assert_eq!(next.serial(), first.serial() - 1);
        assert_ne!(macs.assign(&["router", "koreacentral"]), next);
        assert_ne!(macs.assign(&["nat", "koreacentral"]), macs.assign(&["nat", "koreasouth"]));
    }
}
