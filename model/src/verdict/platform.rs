//! What Azure itself answers: DHCP, DNS, the agent's channel, instance metadata, Windows licensing.
//!
//! <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>,
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>

use std::net::Ipv4Addr;

use goal_state::platform::{
    INSTANCE_METADATA, LICENSING, LICENSING_PORT, PlatformService, WIRE_SERVER, WIRE_SERVER_PORTS,
};

use super::packet::{IpProtocol, Packet};

/// A service of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Addresses.
    Dhcp,
    /// Names.
    Dns,
    /// The guest agent's channel.
    WireServer,
    /// The instance metadata service.
    InstanceMetadata,
    /// Windows licensing.
    Licensing,
}

impl Service {
    /// The tag whose Deny rules cut it. Nothing cuts DHCP and the agent's channel.
    pub(super) fn tag(self) -> Option<PlatformService> {
        match self {
            Self::Dhcp | Self::WireServer => None,
            Self::Dns => Some(PlatformService::Dns),
            Self::InstanceMetadata => Some(PlatformService::InstanceMetadata),
            Self::Licensing => Some(PlatformService::Licensing),
        }
    }

    /// What it is.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Dhcp => "DHCP",
            Self::Dns => "Azure DNS",
            Self::WireServer => "WireServer",
            Self::InstanceMetadata => "instance metadata",
            Self::Licensing => "Windows licensing",
        }
    }
}

/// Whether only the platform has this address. Routes do not lead there, and rules do not apply.
pub(super) fn is_platform_address(address: Ipv4Addr) -> bool {
    address == WIRE_SERVER || address == INSTANCE_METADATA
}

/// Whether the packet asks the platform for an address.
pub(super) fn is_dhcp(packet: Packet) -> bool {
    let to_server = packet.destination == WIRE_SERVER || packet.destination.is_broadcast();
    to_server && packet.protocol == IpProtocol::UDP && packet.destination_port == 67
}

/// Whether the packet asks for a Windows license. Ordinary rules do not apply to it; routes do.
pub(super) fn is_licensing(packet: Packet) -> bool {
    packet.protocol == IpProtocol::TCP
        && packet.destination_port == LICENSING_PORT
        && LICENSING.contains(&packet.destination)
}

/// The service that a packet to a platform address is for.
pub(super) fn service(packet: Packet) -> Option<Service> {
    let tcp = packet.protocol == IpProtocol::TCP;
    let udp = packet.protocol == IpProtocol::UDP;
    match packet.destination_port {
        _ if is_dhcp(packet) => Some(Service::Dhcp),
        53 if packet.destination == WIRE_SERVER && (tcp || udp) => Some(Service::Dns),
        port if packet.destination == WIRE_SERVER && tcp && WIRE_SERVER_PORTS.contains(&port) => {
            Some(Service::WireServer)
        }
        80 if packet.destination == INSTANCE_METADATA && tcp => Some(Service::InstanceMetadata),
        _ => None,
    }
}
