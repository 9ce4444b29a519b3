//! References between resources: indices into [`super::Network`]'s lists, one type each.

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub usize);
        )*
    };
}

index! {
    /// A host.
    HostId;
    /// A virtual network.
    VnetId;
    /// A network security group.
    NsgId;
    /// An application security group.
    AsgId;
    /// A service tag of [`super::ServiceTags`].
    TagId;
    /// A route table.
    RouteTableId;
    /// A virtual machine.
    VmId;
    /// A network interface in its VM; 0 is primary.
    NicIndex;
    /// A public address.
    PublicIpId;
    /// A NAT gateway.
    NatGatewayId;
    /// A load balancer.
    LoadBalancerId;
    /// A virtual network gateway.
    GatewayId;
    /// A local network gateway.
    LocalNetworkGatewayId;
    /// An ExpressRoute circuit.
    CircuitId;
    /// A connection of a gateway.
    ConnectionId;
    /// A route server.
    RouteServerId;
    /// A site on premises.
    SiteId;
    /// A private endpoint.
    PrivateEndpointId;
    /// A stand-in for a PaaS service.
    ServiceId;
    /// A host in the internet.
    InternetHostId;
}

/// A subnet of a virtual network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubnetRef {
    /// The virtual network.
    pub vnet: VnetId,
    /// The position in its `subnets`.
    pub index: usize,
}

/// A network interface of a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NicRef {
    /// The VM.
    pub vm: VmId,
    /// Which of its interfaces.
    pub index: NicIndex,
}
