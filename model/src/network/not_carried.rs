//! What of a network packets do not know yet: the model answers for it, and packets to it are dropped.

use super::gateway::GatewayType;
use super::{Network, PowerState};

/// One sentence for each kind of thing of `network` that questions know and packets do not. Empty when packets do all that
/// the model says.
#[must_use]
pub fn not_carried(network: &Network) -> Vec<String> {
    let named = |names: Vec<&str>, one: &str, many: &str, why: &str| sentence(&names, one, many, why);
    let subnets = || network.virtual_networks.iter().flat_map(|vnet| &vnet.subnets);
    let of_type = |wanted: GatewayType| {
        let gateways = network.virtual_network_gateways.iter();
        gateways
            .filter(move |gateway| gateway.gateway_type == wanted)
            .map(|gateway| gateway.name.as_str())
            .collect()
    };
    let none = "it is known to the model only";
    let endpoints = || subnets().filter(|subnet| !subnet.service_endpoints.is_empty());
    [
        named(of_type(GatewayType::Vpn), "VPN gateway", "VPN gateways", "no tunnel is there"),
        named(
            of_type(GatewayType::ExpressRoute),
            "ExpressRoute gateway",
            "ExpressRoute gateways",
            "no circuit is there",
        ),
        named(names(&network.on_premises, |it| &it.name), "site", "sites", "nobody is there"),
        named(
            names(&network.route_servers, |it| &it.name),
            "route server",
            "route servers",
            "nobody speaks BGP; its routes are those of the file",
        ),
        named(
            names(&network.public_ip_addresses, |it| &it.name),
            "public address",
            "public addresses",
            "nothing is translated",
        ),
        named(
            names(&network.nat_gateways, |it| &it.name),
            "NAT gateway",
            "NAT gateways",
            "nothing is translated",
        ),
        named(
            names(&network.load_balancers, |it| &it.name),
            "load balancer",
            "load balancers",
            "no flow is spread",
        ),
        named(
            names(&network.private_endpoints, |it| &it.name),
            "private endpoint",
            "private endpoints",
            none,
        ),
        named(
            endpoints().map(|subnet| subnet.name.as_str()).collect(),
            "subnet with service endpoints",
            "subnets with service endpoints",
            "no service is reached",
        ),
        named(names(&network.services, |it| &it.name), "service", "services", "nobody answers"),
        named(
            names(&network.internet_hosts, |it| &it.name),
            "internet host",
            "internet hosts",
            "there is no internet",
        ),
        named(
            network
                .virtual_networks
                .iter()
                .filter(|vnet| !vnet.dns_servers.is_empty())
                .map(|vnet| vnet.name.as_str())
                .collect(),
            "virtual network with DNS servers",
            "virtual networks with DNS servers",
            "nobody is told of them",
        ),
        named(
            network
                .virtual_machines
                .iter()
                .filter(|vm| vm.power_state == PowerState::Deallocated)
                .map(|vm| vm.name.as_str())
                .collect(),
            "deallocated virtual machine",
            "deallocated virtual machines",
            "it is not started",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn names<T>(all: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
    all.iter().map(|it| name(it).as_str()).collect()
}

/// `2 VPN gateways (a, b): no tunnel is there`; none without names.
fn sentence(names: &[&str], one: &str, many: &str, why: &str) -> Option<String> {
    const SHOWN: usize = 4;
    let kind = if names.len() == 1 { one } else { many };
    let mut listed: Vec<_> = names.iter().take(SHOWN).copied().collect();
    if names.len() > SHOWN {
        listed.push("...");
    }
    (!names.is_empty()).then(|| format!("{} {kind} ({}): {why}", names.len(), listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;
    use crate::network::vnet::EncryptionEnforcement;

    #[test]
    fn machines_and_their_networks_are_carried() {
        let mut network = NetworkBuilder::new().vnet("hub", "10.0.0.0/16").vm("a", "10.0.0.4").build();
        network.virtual_networks[0].encryption = Some(EncryptionEnforcement::AllowUnencrypted);
        assert_eq!(not_carried(&network), [""; 0]);
    }

    #[test]
    fn what_is_around_is_not() {
        let network = NetworkBuilder::new()
            .vnet("hub", "10.0.0.0/16")
            .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
            .gateway("vpn", "hub", GatewayType::Vpn)
            .vm_with("off", &["10.0.0.4"], |vm| vm.power_state = PowerState::Deallocated)
            .public_ip("p1", "20.200.0.1")
            .public_ip("p2", "20.200.0.2")
            .public_ip("p3", "20.200.0.3")
            .public_ip("p4", "20.200.0.4")
            .public_ip("p5", "20.200.0.5")
            .internet_host("client", "203.0.113.9")
            .build();
        assert_eq!(
            not_carried(&network),
            [
                "1 VPN gateway (vpn): no tunnel is there",
                "5 public addresses (p1, p2, p3, p4, ...): nothing is translated",
                "1 internet host (client): there is no internet",
                "1 deallocated virtual machine (off): it is not started",
            ]
        );
    }
}
