//! Subnets whose name makes them a service's own.
//!
//! Sizes and what may be attached: <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-about-vpn-gateway-settings>,
//! <https://learn.microsoft.com/azure/firewall/firewall-faq>, <https://learn.microsoft.com/azure/bastion/configuration-settings>,
//! <https://learn.microsoft.com/azure/route-server/quickstart-configure-route-server-portal>.

/// What a special subnet may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SpecialSubnet {
    /// Its exact name.
    pub(super) name: &'static str,
    /// The longest prefix, which is the smallest size.
    pub(super) longest_prefix: u8,
    /// Whether a network security group may filter it.
    pub(super) network_security_group: bool,
    /// Whether a route table may steer it.
    pub(super) route_table: RouteTables,
    /// Whether VMs may stand in it.
    pub(super) virtual_machines: bool,
}

/// Which route tables a special subnet takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteTables {
    /// None.
    Refused,
    /// Any that leaves BGP propagation on and has no route for 0.0.0.0/0.
    WithoutDefaultRoute,
    /// Only one whose single route is 0.0.0.0/0 to the internet, with BGP propagation off.
    OnlyInternet,
    /// Any.
    Any,
}

/// Every special subnet.
pub(super) const ALL: [SpecialSubnet; 5] = [
    SpecialSubnet {
        name: "GatewaySubnet",
        longest_prefix: 29,
        network_security_group: false,
        route_table: RouteTables::WithoutDefaultRoute,
        virtual_machines: false,
    },
    SpecialSubnet {
        name: "AzureFirewallSubnet",
        longest_prefix: 26,
        network_security_group: false,
        route_table: RouteTables::Any,
        virtual_machines: true,
    },
    SpecialSubnet {
        name: "AzureFirewallManagementSubnet",
        longest_prefix: 26,
        network_security_group: false,
        route_table: RouteTables::OnlyInternet,
        virtual_machines: false,
    },
    SpecialSubnet {
        name: "AzureBastionSubnet",
        longest_prefix: 26,
        network_security_group: true,
        route_table: RouteTables::Refused,
        virtual_machines: false,
    },
    SpecialSubnet {
        name: "RouteServerSubnet",
        longest_prefix: 27,
        network_security_group: false,
        route_table: RouteTables::Refused,
        virtual_machines: false,
    },
];

/// The special subnet of exactly this name: Azure's services look for it with case.
pub(super) fn special(name: &str) -> Option<&'static SpecialSubnet> {
    ALL.iter().find(|special| special.name == name)
}

/// Whether a subnet of this name may have a network security group.
pub(crate) fn takes_network_security_group(name: &str) -> bool {
    special(name).is_none_or(|special| special.network_security_group)
}

/// The special subnet that this name differs from in case only, so that no service finds it.
pub(super) fn special_in_other_case(name: &str) -> Option<&'static SpecialSubnet> {
    ALL.iter().find(|special| special.name != name && special.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_2_names_are_compared_with_case() {
        assert_eq!(special("GatewaySubnet").unwrap().longest_prefix, 29);
        assert_eq!(special("gatewaysubnet"), None);
        assert_eq!(special_in_other_case("gatewaysubnet").unwrap().name, "GatewaySubnet");
        assert_eq!(special_in_other_case("GatewaySubnet"), None);
        assert_eq!(special_in_other_case("web"), None);
    }
}
