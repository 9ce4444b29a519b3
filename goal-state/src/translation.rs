//! What a port translates, around its filter: destinations before it, sources after it. So rules see the private address of
//! their own side, and of the other side what the other side is.
//!
//! Replies go back as they came: the port remembers each flow.
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>,
//! <https://learn.microsoft.com/azure/load-balancer/components>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::nsg::Protocol;

/// The address translation of one port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Translation {
    /// Destinations that are the NIC's although it does not have them. The first that matches counts.
    pub inbound: Vec<InboundTranslation>,
    /// The ways out of flows that the NIC begins and that a route leads to the internet. The first that matches counts; what none
    /// matches is dropped as [`crate::DropReason::OutboundAccess`].
    pub outbound: Vec<OutboundTranslation>,
    /// Whether flows to TCP port 25 that would leave by one of these ways are dropped ([`crate::DropReason::Platform`], by the rule `TCP 25`): the
    /// platform carries mail for some kinds of subscriptions only.
    /// <https://learn.microsoft.com/troubleshoot/azure/virtual-network/troubleshoot-outbound-smtp-connectivity>
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mail_closed: bool,
}

impl Translation {
    /// Whether nothing is translated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inbound.is_empty() && self.outbound.is_empty()
    }
}

/// A destination that is the NIC's: its public address, or a rule of a load balancer that it is a backend of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundTranslation {
    /// The public address or the load balancer, by name.
    pub resource: String,
    /// The load balancer's rule; empty for a public address.
    pub rule: String,
    /// The address that is asked for.
    pub address: Ipv4Addr,
    /// Tcp or Udp; Any for every protocol.
    pub protocol: Protocol,
    /// The port that is asked for; none for all.
    pub port: Option<u16>,
    /// The NIC's private address that gets it.
    pub to_address: Ipv4Addr,
    /// The port there; none for the one that was asked for.
    pub to_port: Option<u16>,
    /// The packet stays as it is, and the guest has `address` as well (floating IP).
    pub floating: bool,
    /// Nothing is let in ([`crate::DropReason::PublicAddress`]): a Standard address without a network security group.
    pub closed: bool,
    /// Whether it comes by a load balancer. Then the NIC's own packets to it, which the load balancer has led back to itself, are dropped
    /// ([`crate::DropReason::LoadBalancer`]).
    pub balanced: bool,
}

/// A way out of flows that the NIC begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundTranslation {
    /// The NIC's private address that they are sent from.
    pub source: Ipv4Addr,
    /// Tcp or Udp; Any for every protocol.
    pub protocol: Protocol,
    /// How.
    pub way: WayOut,
}

/// Who gives a flow its public source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type", deny_unknown_fields)]
pub enum WayOut {
    /// The port, by an address that is this NIC's alone. Source ports stay.
    Address {
        /// The public address.
        address: Ipv4Addr,
    },
    /// The port, by ports of addresses that other NICs use, too. When all are taken for a destination, the flow is dropped
    /// ([`crate::DropReason::OutboundAccess`], by the rule `SNAT ports`).
    Ports {
        /// The load balancer.
        resource: String,
        /// What this NIC has of each address. Never empty.
        leases: Vec<PortLease>,
    },
    /// A NAT gateway, to which the packet is handed as it is.
    NatGateway {
        /// The gateway's address in the virtual network.
        next_hop: Ipv4Addr,
    },
}

/// Source ports of a public address that are one NIC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortLease {
    /// The public address.
    pub address: Ipv4Addr,
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}
