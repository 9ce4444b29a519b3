//! What of a network packets do not know yet: the model answers for it, and packets to it are dropped.

use super::gateway::GatewayType;
use super::{Network, PowerState};

/// One sentence for each kind of thing of `network` that questions know and packets do not. Empty when packets do all that
/// the model says.
#[must_use]
pub fn not_carried(network: &Network) -> Vec<String> {
    let named = |names: Vec<&str>, one: &str, many: &str, why: &str| sentence(&names, one, many, why);
    let of_type = |wanted: GatewayType| {
        let gateways = network.virtual_network_gateways.iter();
        gateways
            .filter(move |gateway| gateway.gateway_type == wanted)
            .map(|gateway| gateway.name.as_str())
            .collect()
    };
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
            .vm("on", "10.0.0.5")
            .public_ip("pip", "20.200.0.1")
            .vm_public_ip("on", "pip")
            .internet_host("client", "203.0.113.9")
            .build();
        assert_eq!(
            not_carried(&network),
            [
                "1 VPN gateway (vpn): no tunnel is there",
                "1 deallocated virtual machine (off): it is not started",
            ]
        );
    }

    #[test]
    fn of_many_some_are_named() {
        let told = sentence(&["a", "b", "c", "d", "e"], "site", "sites", "nobody is there");
        assert_eq!(told.as_deref(), Some("5 sites (a, b, c, d, ...): nobody is there"));
    }
}
