//! What a packet passes, and where it ends.

use std::net::Ipv4Addr;

use crate::effective::MachineRef;
use crate::network::{
    GatewayId, InternetHostId, LoadBalancerId, NatGatewayId, Network, Outside, PrivateEndpointId, ServiceId,
    VmId,
};

/// One station of a packet's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    /// A virtual machine.
    Vm(VmId),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// A machine on premises.
    Machine(MachineRef),
    /// A host in the internet.
    InternetHost(InternetHostId),
    /// A stand-in for a PaaS service.
    Service(ServiceId),
    /// A private endpoint.
    PrivateEndpoint(PrivateEndpointId),
    /// A load balancer that has sent the packet to nobody.
    LoadBalancer(LoadBalancerId),
    /// A NAT gateway that has not let it in.
    NatGateway(NatGatewayId),
    /// The internet, where nobody has its destination.
    Internet,
    /// Azure itself: DHCP, DNS, `WireServer`, instance metadata, licensing, health probes.
    Platform,
}

impl Node {
    /// The name that answers show, which also names it in a question where it can be named there.
    pub(super) fn name(self, network: &Network) -> String {
        match self {
            Self::Vm(vm) => network.vm(vm).name.to_string(),
            Self::Gateway(gateway) => network.gateway(gateway).name.clone(),
            Self::Machine(machine) => {
                let site = network.site(machine.site);
                format!("{}/{}", site.name, site.machines[machine.index].0)
            }
            Self::InternetHost(host) => format!("internet/{}", network.internet_host(host).name),
            Self::Service(service) => network.service(service).name.clone(),
            Self::PrivateEndpoint(endpoint) => network.private_endpoint(endpoint).name.clone(),
            Self::LoadBalancer(balancer) => network.load_balancer(balancer).name.clone(),
            Self::NatGateway(gateway) => network.nat_gateway(gateway).name.clone(),
            Self::Internet => "internet".to_owned(),
            Self::Platform => "platform".to_owned(),
        }
    }

    /// A host of the internet or a service.
    pub(super) fn outside(self) -> Option<Outside> {
        match self {
            Self::InternetHost(host) => Some(Outside::InternetHost(host)),
            Self::Service(service) => Some(Outside::Service(service)),
            _ => None,
        }
    }

    /// Whether packets are really sent to and from it. The rest is the model's alone so far.
    pub(super) fn is_played(self) -> bool {
        matches!(self, Self::Vm(_) | Self::InternetHost(_) | Self::Service(_))
    }
}

/// The address of a machine on premises.
pub(super) fn machine_address(network: &Network, machine: MachineRef) -> Ipv4Addr {
    network.site(machine.site).machines[machine.index].1
}
