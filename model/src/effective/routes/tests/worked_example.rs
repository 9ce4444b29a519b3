//! The worked example of the routing overview.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#routing-example>

use super::*;

fn example() -> Network {
    let text = include_str!("../../../../../topologies/routing-overview.yaml");
    let loaded = crate::validate::load(text);
    loaded.network.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[test]
fn s6_7_the_worked_example_with_a_route_table() {
    assert_eq!(
        listing(&example(), subnet(0, 0)),
        [
            "User Active 0.0.0.0/0 → VirtualAppliance 10.0.100.4 Default-NVA",
            "Default Invalid 0.0.0.0/0 → Internet",
            "User Active 10.0.0.0/16 → VirtualAppliance 10.0.100.4 Within-VNet1",
            "Default Invalid 10.0.0.0/16 → VnetLocal",
            "User Active 10.0.0.0/24 → VnetLocal Within-Subnet1",
            "User Active 10.1.0.0/16 → None ToVNet2-1-Drop",
            "Default Invalid 10.1.0.0/16 → VNetPeering",
            "User Active 10.2.0.0/16 → None ToVNet2-2-Drop",
            "Default Invalid 10.2.0.0/16 → VNetPeering",
            "User Active 10.10.0.0/16 → VirtualAppliance 10.0.100.4 To-On-Prem",
            "VirtualNetworkGateway Invalid 10.10.0.0/16 → VirtualNetworkGateway",
            "Default Active 20.60.48.0/24 → VirtualNetworkServiceEndpoint",
            "Default Active 20.60.49.0/24 → VirtualNetworkServiceEndpoint",
        ]
    );
}

#[test]
fn s6_7_the_worked_example_without_a_route_table() {
    assert_eq!(
        listing(&example(), subnet(0, 1)),
        [
            "Default Active 0.0.0.0/0 → Internet",
            "Default Active 10.0.0.0/8 → None",
            "Default Active 10.0.0.0/16 → VnetLocal",
            "Default Active 10.1.0.0/16 → VNetPeering",
            "Default Active 10.2.0.0/16 → VNetPeering",
            "VirtualNetworkGateway Active 10.10.0.0/16 → VirtualNetworkGateway",
            "Default Active 100.64.0.0/10 → None",
            "Default Active 172.16.0.0/12 → None",
            "Default Active 192.168.0.0/16 → None",
        ]
    );
}
