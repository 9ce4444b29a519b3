//! The one numbered list of reasons for a drop, shared by the model's verdicts, the ports' rulesets and the events.

use serde::{Deserialize, Serialize};

/// Why a packet is not delivered, by the layer that decides it.
///
/// The numbers stand in rulesets and logs: a number is never reused or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum DropReason {
    /// The NIC may not send from this address: not its own, and IP forwarding is off.
    SourceAddress = 1,
    /// Neither TCP, UDP, ICMP, ESP nor AH, or not unicast, or a port that the platform reserves.
    Protocol = 2,
    /// A security admin rule of Azure Virtual Network Manager denies it.
    SecurityAdminRule = 3,
    /// A rule of a network security group denies it.
    NetworkSecurityGroup = 4,
    /// The effective route's next hop type is None.
    Route = 5,
    /// A peering link's flags forbid it.
    Peering = 6,
    /// A virtual network gateway does not carry it.
    Gateway = 7,
    /// The effective route's next hop address cannot be reached, or nobody is there.
    NextHop = 8,
    /// The receiving NIC does not own the destination, and its IP forwarding is off.
    IpForwarding = 9,
    /// A public address does not let it in.
    PublicAddress = 10,
    /// The subnet has no way out to the internet.
    OutboundAccess = 11,
    /// A load balancer has no backend for it.
    LoadBalancer = 12,
    /// A private endpoint does not accept it.
    PrivateEndpoint = 13,
    /// Nobody owns the destination address.
    NoDestination = 14,
    /// A platform address does not answer this.
    Platform = 15,
    /// The guest operating system does not forward or answer it.
    Guest = 16,
    /// Encryption is required and not possible.
    Encryption = 17,
}

impl DropReason {
    /// Every reason, in order of its number.
    pub const ALL: [Self; 17] = [
        Self::SourceAddress,
        Self::Protocol,
        Self::SecurityAdminRule,
        Self::NetworkSecurityGroup,
        Self::Route,
        Self::Peering,
        Self::Gateway,
        Self::NextHop,
        Self::IpForwarding,
        Self::PublicAddress,
        Self::OutboundAccess,
        Self::LoadBalancer,
        Self::PrivateEndpoint,
        Self::NoDestination,
        Self::Platform,
        Self::Guest,
        Self::Encryption,
    ];

    /// The number that stands in rulesets and logs.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// The word that `vnetlab explain` prints as `layer` and `stage`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceAddress => "sourceAddress",
            Self::Protocol => "protocol",
            Self::SecurityAdminRule => "securityAdminRule",
            Self::NetworkSecurityGroup => "networkSecurityGroup",
            Self::Route => "route",
            Self::Peering => "peering",
            Self::Gateway => "gateway",
            Self::NextHop => "nextHop",
            Self::IpForwarding => "ipForwarding",
            Self::PublicAddress => "publicAddress",
            Self::OutboundAccess => "outboundAccess",
            Self::LoadBalancer => "loadBalancer",
            Self::PrivateEndpoint => "privateEndpoint",
            Self::NoDestination => "noDestination",
            Self::Platform => "platform",
            Self::Guest => "guest",
            Self::Encryption => "encryption",
        }
    }
}

impl DropReason {
    /// What it means in Azure's words, as the end of "the packet was dropped because ...".
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SourceAddress => "the source address is not the NIC's own and IP forwarding is off",
            Self::Protocol => "a virtual network does not carry this protocol, port or destination",
            Self::SecurityAdminRule => "a security admin rule of Azure Virtual Network Manager denies it",
            Self::NetworkSecurityGroup => "a rule of a network security group denies it",
            Self::Route => "the next hop type of the effective route is None",
            Self::Peering => "the peering link does not allow it",
            Self::Gateway => "no virtual network gateway carries it",
            Self::NextHop => "no NIC that can be reached directly has the next hop's address",
            Self::IpForwarding => "the destination address is not the NIC's own and IP forwarding is off",
            Self::PublicAddress => "no public IP address lets it in",
            Self::OutboundAccess => "the subnet has no outbound access to the internet",
            Self::LoadBalancer => "the load balancer has no rule or no healthy backend for it",
            Self::PrivateEndpoint => "the private endpoint does not accept it",
            Self::NoDestination => "nobody has the destination address",
            Self::Platform => "the platform's address does not answer this",
            Self::Guest => "the guest operating system neither forwards nor answers it",
            Self::Encryption => "virtual network encryption is enforced and one side cannot encrypt",
        }
    }

    /// Where packets meet it: the sender's port, the receiver's, a host, or somewhere else.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Self::SourceAddress
            | Self::Protocol
            | Self::Route
            | Self::Gateway
            | Self::NextHop
            | Self::Platform
            | Self::Encryption => "a NIC's port, Outbound",
            Self::SecurityAdminRule | Self::NetworkSecurityGroup => "a NIC's port, both directions",
            Self::Peering => {
                "a NIC's port, Outbound (`allowVirtualNetworkAccess`) or Inbound (`allowForwardedTraffic`)"
            }
            Self::IpForwarding => "a NIC's port, Inbound",
            Self::PublicAddress => "a NIC's port, Inbound, or a NAT gateway",
            Self::OutboundAccess => "a NIC's port, Outbound, or a NAT gateway",
            Self::LoadBalancer => "a load balancer, or the port of a backend, Inbound",
            Self::PrivateEndpoint => "a NIC's port, Outbound, or the private endpoint's own, both directions",
            Self::NoDestination => {
                "the host of the NIC that asked, its port (a route to the internet) or the internet; Outbound"
            }
            Self::Guest => "in the VM, so that no event tells it; the model's verdict does",
        }
    }
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_unique_and_agree_with_serde() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.number()), index + 1);
            assert_eq!(DropReason::from_number(reason.number()), Some(reason));
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
        assert_eq!(DropReason::from_number(0), None);
    }

    #[test]
    fn the_document_has_every_reason_as_it_is_here() {
        let document = include_str!("../../docs/drop-reasons.md");
        let is_row = |line: &&str| {
            line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let printed: Vec<&str> = document.lines().filter(is_row).collect();
        let row = |reason: DropReason| {
            format!("| {} | `{reason}` | {} | {} |", reason.number(), reason.meaning(), reason.place())
        };
        let expected: Vec<String> = DropReason::ALL.into_iter().map(row).collect();
        assert_eq!(printed, expected, "write this:\n{}", expected.join("\n"));
    }
}
