//! References between resources: indices into [`super::Network`]'s lists, one type each.

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub usize);
    };
}

index! {
    /// A host.
    HostId
}
index! {
    /// A virtual network.
    VnetId
}
index! {
    /// A network security group.
    NsgId
}
index! {
    /// An application security group.
    AsgId
}
index! {
    /// A route table.
    RouteTableId
}
index! {
    /// A virtual machine.
    VmId
}
index! {
    /// A network interface in its VM; 0 is primary.
    NicIndex
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
