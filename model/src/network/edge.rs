//! The host at the edge of the virtual networks: which networks have one, and which one it is.

use std::net::Ipv4Addr;

use goal_state::HostName;

use super::{Host, HostId, Network};

/// What it is called, unless a host of the file is.
const NAME: &str = "edge";

/// Whether anything of `network` needs a host at the edge: somebody outside, or somebody whom those outside can reach.
fn has_edge(network: &Network) -> bool {
    let public = network.nics().any(|(_, nic)| !nic.public_ips.is_empty());
    public
        || !network.internet_hosts.is_empty()
        || !network.services.is_empty()
        || !network.nat_gateways.is_empty()
        || !network.load_balancers.is_empty()
        || !network.private_endpoints.is_empty()
}

/// Gives `network` its host at the edge, the last one, in the region of the first; none where nothing needs it.
pub(crate) fn add_edge(network: &mut Network) {
    let (Some(first), Some(last)) = (network.hosts.first(), network.hosts.last()) else { return };
    if !has_edge(network) {
        return;
    }
    let Some(name) = free_name(&network.hosts) else { return };
    let location = first.location.clone();
    let provider_address = Ipv4Addr::from(u32::from(last.provider_address).saturating_add(1));
    network.edge = Some(HostId(network.hosts.len()));
    network.hosts.push(Host { name, location, provider_address });
}

/// `edge`, or `edge1` and so on.
fn free_name(hosts: &[Host]) -> Option<HostName> {
    let numbered = (1..=hosts.len()).map(|number| format!("{NAME}{number}"));
    let is_free = |name: &String| !hosts.iter().any(|host| host.name.as_str().eq_ignore_ascii_case(name));
    let name = std::iter::once(NAME.to_owned()).chain(numbered).find(is_free)?;
    HostName::new(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;

    fn edge(network: &Network) -> Option<String> {
        network.edge.map(|edge| format!("{} {}", edge.0, network.hosts[edge.0].name))
    }

    #[test]
    fn who_has_nothing_outside_has_no_edge() {
        let network =
            NetworkBuilder::new().vnet("hub", "10.0.0.0/16").public_ip("unused", "20.200.0.1").build();
        assert_eq!((edge(&network), network.hosts.len()), (None, 3));
    }

    #[test]
    fn the_edge_is_one_more_host_with_a_name_of_its_own() {
        let network = NetworkBuilder::new().internet_host("client", "203.0.113.9").build();
        assert_eq!(edge(&network).as_deref(), Some("3 edge"));
        assert_eq!(network.hosts[3].provider_address, Ipv4Addr::new(198, 18, 0, 4));
        let mut taken = NetworkBuilder::new().build();
        taken.hosts[0].name = "Edge".parse().unwrap();
        taken.internet_hosts = network.internet_hosts;
        add_edge(&mut taken);
        assert_eq!(edge(&taken).as_deref(), Some("3 edge1"));
    }
}
