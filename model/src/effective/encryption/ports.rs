//! By which UDP port on the underlay a NIC that encrypts is known: one for each on its host, nearly the same ones when others come
//! and go.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::obstacle;
use crate::network::{HostId, Network, NicRef};

/// Where they are; far from VXLAN's 4789.
const PORTS: Range<u16> = 20_000..52_000;

/// The port of each NIC that encrypts and whose VM runs: by the serial number of its Ethernet address, or the next free one when
/// another NIC of its host has that. Those that come first in order of Ethernet addresses choose first. None for what is over when
/// a host has more NICs than there are ports.
pub(super) fn ports(network: &Network) -> BTreeMap<NicRef, u16> {
    let mut nics: Vec<_> = network
        .nics()
        .filter(|(at, _)| network.vm(at.vm).runs() && obstacle(network, *at).is_none())
        .map(|(at, nic)| (nic.mac, at))
        .collect();
    nics.sort_unstable();
    let mut taken: BTreeSet<(HostId, u16)> = BTreeSet::new();
    let ports = nics.into_iter().filter_map(|(mac, at)| {
        let host = network.vm(at.vm).host;
        let port = candidates(mac.serial()).find(|&port| taken.insert((host, port)))?;
        Some((at, port))
    });
    ports.collect()
}

/// Every port, beginning with the one of `serial`.
fn candidates(serial: u32) -> impl Iterator<Item = u16> {
    let count = PORTS.end - PORTS.start;
    let first = u16::try_from(serial % u32::from(count)).unwrap_or_default();
    (0..count).map(move |step| {
        let offset = (u32::from(first) + u32::from(step)) % u32::from(count);
        PORTS.start + u16::try_from(offset).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use goal_state::MacAddr;

    use super::*;
    use crate::network::build::NetworkBuilder;
    use crate::network::vnet::EncryptionEnforcement;

    /// Four machines on the first host, with these last three bytes of their Ethernet addresses.
    fn given(serials: &[[u8; 3]]) -> Vec<u16> {
        let mut builder = NetworkBuilder::new().vnet("a", "10.0.0.0/16");
        for (number, [x, y, z]) in serials.iter().enumerate() {
            builder = builder.vm_with(&format!("m{number}"), &[&format!("10.0.0.{}", number + 4)], |vm| {
                vm.host = HostId(0);
                vm.nics[0].mac = MacAddr([0x00, 0x0d, 0x3a, *x, *y, *z]);
            });
        }
        let mut network = builder.build();
        network.virtual_networks[0].encryption = Some(EncryptionEnforcement::AllowUnencrypted);
        ports(&network).into_values().collect()
    }

    #[test]
    fn a_port_is_that_of_the_ethernet_address_wherever_it_stands() {
        assert_eq!(given(&[[0, 0, 7], [0, 0, 3]]), [20_007, 20_003]);
        assert_eq!(given(&[[0, 0, 3]]), [20_003]);
    }

    /// 32,000 is 0x7d00.
    #[test]
    fn two_with_one_port_have_neighbours_in_order_of_their_addresses() {
        assert_eq!(given(&[[0, 0x7d, 1], [0, 0, 1], [0, 0, 2]]), [20_003, 20_001, 20_002]);
        assert_eq!(given(&[[0, 0x7c, 0xff], [0, 0xf9, 0xff]]), [51_999, 20_000]);
    }

    #[test]
    fn every_port_is_tried_once() {
        let all: BTreeSet<_> = candidates(12_345_678).collect();
        assert_eq!((all.len(), all.first(), all.last()), (32_000, Some(&20_000), Some(&51_999)));
    }
}
