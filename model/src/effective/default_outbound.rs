//! Default outbound access: the address of Azure's that a NIC has in the internet when nothing else gives it one.
//!
//! Azure does not tell which address it takes, and may change it. Here addresses of 198.51.100.0/24 (TEST-NET-2, RFC 5737) stand for them,
//! and when those are used up, addresses of Azure's that are no region's here. Each NIC has its own, the same as long as its place in the file is.
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access>

use std::collections::HashSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::network::Network;

const FIRST: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24);
/// The ranges behind those of all regions: [`crate::validate`] gives each region one of 20.192.0.0/10.
const FURTHER: [Ipv4Net; 2] = [
    Ipv4Net::new_assert(Ipv4Addr::new(20, 250, 0, 0), 15),
    Ipv4Net::new_assert(Ipv4Addr::new(20, 252, 0, 0), 15),
];

/// The address of each NIC, by VM and NIC.
pub(super) fn addresses(network: &Network) -> Vec<Vec<Ipv4Addr>> {
    let taken = taken(network);
    let ranges = || std::iter::once(FIRST).chain(FURTHER);
    let spaces = network.virtual_networks.iter().flat_map(|vnet| &vnet.address_space);
    let touches = |space: &&Ipv4Net| {
        ranges().any(|range| range.contains(&space.network()) || space.contains(&range.network()))
    };
    let spaces: Vec<_> = spaces.filter(touches).collect();
    let is_free =
        |address: &Ipv4Addr| !taken.contains(address) && !spaces.iter().any(|space| space.contains(address));
    let mut free = ranges().flat_map(|range| range.hosts()).filter(is_free);
    // More NICs than a lab can have share the last one.
    let mut next = || free.next().unwrap_or(Ipv4Addr::new(20, 253, 255, 255));
    network.virtual_machines.iter().map(|vm| vm.nics.iter().map(|_| next()).collect()).collect()
}

/// Public addresses that the file gives to somebody.
fn taken(network: &Network) -> HashSet<Ipv4Addr> {
    let resources = network.public_ip_addresses.iter().map(|it| it.address);
    let services = network.services.iter().map(|it| it.address);
    resources.chain(services).chain(network.internet_hosts.iter().map(|it| it.address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;

    #[test]
    fn every_nic_has_its_own_address_and_nobody_elses() {
        let mut network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("odd", "20.250.0.0/24")
            .internet_host("client", "198.51.100.2")
            .public_ip("pip", "198.51.100.3")
            .vm("web", "10.0.0.4")
            .build();
        let nic = network.virtual_machines[0].nics[0].clone();
        network.virtual_machines[0].nics = vec![nic; 274];
        let found = addresses(&network).concat();
        assert_eq!(found[..2], [Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(198, 51, 100, 4)]);
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 274);
        assert_eq!(found.last(), Some(&Ipv4Addr::new(20, 250, 1, 21)));
    }
}
