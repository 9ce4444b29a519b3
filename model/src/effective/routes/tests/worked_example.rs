//! The worked example of the routing overview.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#routing-example>

use super::*;
use crate::network::gateway::GatewayType;

fn example() -> Network {
    NetworkBuilder::new()
        .tags(&[("Storage.KoreaCentral", &["20.60.16.0/24", "20.150.4.0/23"])])
        .vnet_with("VNet1", &["10.0.0.0/16"])
        .subnet("VNet1", "Subnet1", "10.0.0.0/24")
        .subnet("VNet1", "Subnet2", "10.0.1.0/24")
        .subnet("VNet1", "GatewaySubnet", "10.0.254.0/27")
        .vnet_with("VNet2", &["10.1.0.0/16", "10.2.0.0/16"])
        .peer("VNet1", "VNet2")
        .gateway("vpn", "VNet1", GatewayType::Vpn)
        .site("on-premises", &["10.10.0.0/16"], &[])
        .local_network_gateway("lng", "on-premises", &["10.10.0.0/16"])
        .connect("vpn", "lng")
        .service_endpoint("VNet1/Subnet1", "Microsoft.Storage", &["Storage.KoreaCentral"])
        .route_table(
            "rt",
            &[
                "Within-VNet1 10.0.0.0/16 10.0.100.4",
                "Within-Subnet1 10.0.0.0/24 VnetLocal",
                "ToVNet2-1-Drop 10.1.0.0/16 None",
                "ToVNet2-2-Drop 10.2.0.0/16 None",
                "To-On-Prem 10.10.0.0/16 10.0.100.4",
                "Default-NVA 0.0.0.0/0 10.0.100.4",
            ],
        )
        .subnet_routes("VNet1/Subnet1", "rt")
        .build()
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
            "Default Active 20.60.16.0/24 → VirtualNetworkServiceEndpoint",
            "Default Active 20.150.4.0/23 → VirtualNetworkServiceEndpoint",
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
