//! The questions, each asked of small networks.

mod bgp;
mod effective;
mod flows;
mod peerings;
mod routes;
mod security_admin;
mod targets;

use crate::effective::Policy;
use crate::network::build::NetworkBuilder;
use crate::network::{Network, NicRef, SubnetRef};

use super::Target;

/// A hub with a gateway subnet and an appliance, and a spoke whose traffic goes to it.
fn hub_spoke() -> Network {
    let builder = NetworkBuilder::new()
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .subnet("hub", "nva", "10.0.100.0/24")
        .vnet_with("spoke", &["10.1.0.0/16"])
        .subnet("spoke", "web", "10.1.1.0/24")
        .peer("hub", "spoke")
        .nsg(
            "nsg-web",
            &[
                "100 Inbound Allow Tcp Internet *:80-80",
                "110 Inbound Deny * 10.0.100.0/24 *",
                "200 Outbound Deny Tcp * Internet:25-25",
            ],
        )
        .nsg("nsg-nic", &["100 Inbound Allow Tcp * *:80-443", "300 Outbound Allow Udp * 10.0.0.0/8:53-53"])
        .subnet_nsg("spoke/web", "nsg-web")
        .route_table("rt-spoke", &["default 0.0.0.0/0 10.0.100.4", "cut 10.9.0.0/16 None"])
        .subnet_routes("spoke/web", "rt-spoke")
        .nva("nva", &["10.0.100.4"]);
    let nsg = builder.nsg_id("nsg-nic");
    builder.vm_with("web1", &["10.1.1.4"], |vm| vm.nics[0].nsg = Some(nsg)).vm("web2", "10.1.1.5").build()
}

fn nic(network: &Network, name: &str) -> NicRef {
    match Target::find(network, name) {
        Ok(Target::Nic(nic)) => nic,
        other => panic!("{other:?}"),
    }
}

fn subnet(network: &Network, name: &str) -> SubnetRef {
    Target::find(network, name).unwrap().subnet(network)
}

fn policy(network: &Network) -> Policy<'_> {
    Policy::new(network)
}
