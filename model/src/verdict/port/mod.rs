//! What the port of a NIC decides about a packet, in the order of the data plane.
//!
//! Outbound: source, protocol, platform addresses, security admin rules, NIC group, subnet group, route; then
//! [`super::encryption`]. Inbound: destination, forwarded traffic of a peer, security admin rules, subnet group, NIC group. Rules are skipped for packets of
//! a flow that the port knows; all other checks are for every packet.
//!
//! | module | idea |
//! |---|---|
//! | [`filter`] | security admin rules and network security groups |
//! | [`route`] | where the effective route leads |

mod filter;
mod route;

use goal_state::DropReason;
use goal_state::nsg::{Access, Direction};

use super::choices::Choices;
use super::decision::Decision;
use super::explanation::{Reason, Step};
use super::flows::Flows;
use super::packet::{IpProtocol, Packet};
use super::platform;
use crate::effective::Policy;
use crate::network::behavior::AllowForwardedTrafficBehavior;
use crate::network::{Network, NicRef};

pub(super) use filter::FilteredBy;
pub(super) use route::Onward;

/// The UDP source port that the platform keeps for itself.
const RESERVED_SOURCE_PORT: u16 = 65330;

/// Where a packet comes from that a port takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Origin {
    /// Another NIC's port.
    Nic(NicRef),
    /// Another NIC's port, by way of a load balancer, which hands packets on as its own.
    Balanced(NicRef),
    /// The internet, a service, a gateway, the platform.
    Outside,
}

impl Origin {
    /// The same behind a load balancer.
    pub(super) fn balanced(self) -> Self {
        match self {
            Self::Nic(nic) | Self::Balanced(nic) => Self::Balanced(nic),
            Self::Outside => Self::Outside,
        }
    }
}

/// A port at work on one packet: writes down each decision.
pub(super) struct Port<'a> {
    policy: &'a Policy<'a>,
    network: &'a Network,
    nic: NicRef,
    at: String,
    steps: &'a mut Vec<Step>,
}

impl<'a> Port<'a> {
    pub(super) fn new(policy: &'a Policy<'a>, nic: NicRef, steps: &'a mut Vec<Step>) -> Self {
        let network = policy.network();
        Self { policy, network, nic, at: network.vm(nic.vm).name.to_string(), steps }
    }

    /// Decides about a packet from the guest, and says where it goes and as what.
    pub(super) fn outbound(
        &mut self,
        flows: &Flows,
        choices: &mut Choices,
        packet: Packet,
    ) -> Result<(Onward, Packet), Reason> {
        self.check_source(flows, packet)?;
        self.check_protocol(packet)?;
        if platform::is_platform_address(packet.destination) || platform::is_dhcp(packet) {
            self.check_platform(flows, packet)?;
            return Ok((Onward::Platform, packet));
        }
        if platform::is_licensing(packet) {
            self.check_platform_tag(platform::Service::Licensing, packet)?;
        } else {
            self.check_filter(flows, Direction::Outbound, packet)?;
        }
        // An internal load balancer's backend answers as the frontend.
        let answer = flows.answer(self.nic, packet).filter(|answer| self.is_private_answer(*answer));
        let packet = answer.unwrap_or(packet);
        Ok((self.route(choices, packet)?, packet))
    }

    /// The host's answer when a packet that the port has let through goes to nobody.
    pub(super) fn no_destination(&mut self, packet: Packet) -> Reason {
        let detail = format!("nobody has the address {}", packet.destination);
        self.deny(Decision::new(DropReason::NoDestination), detail)
    }

    /// Decides about a packet that comes from `origin`.
    pub(super) fn inbound(&mut self, flows: &Flows, origin: Origin, packet: Packet) -> Result<(), Reason> {
        self.check_destination(flows, packet)?;
        if let Origin::Nic(sender) = origin {
            self.check_forwarded_traffic(sender, packet)?;
        }
        self.check_filter(flows, Direction::Inbound, packet)
    }

    /// Whether the answer's source is a private address of the NIC's virtual network or a peer, so that it is translated
    /// whatever its route.
    fn is_private_answer(&self, answer: Packet) -> bool {
        self.policy.owners().public(answer.source).is_none()
    }

    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-network-interface#enable-or-disable-ip-forwarding>
    fn check_source(&mut self, flows: &Flows, packet: Packet) -> Result<(), Reason> {
        let nic = self.network.nic(self.nic);
        if nic.addresses.contains(&packet.source) || flows.floats(self.nic, packet.source) {
            return Ok(());
        }
        let decision = Decision::new(DropReason::SourceAddress);
        if platform::is_platform_address(packet.source) {
            let detail = format!("only the platform sends from {}", packet.source);
            return Err(self.deny(decision, detail));
        }
        if nic.enable_ip_forwarding {
            let detail = format!("IP forwarding is on, so {} may be sent by {}", packet.source, nic.name);
            self.allow(decision, detail);
            Ok(())
        } else {
            let detail =
                format!("{} is not an address of {}, and IP forwarding is off", packet.source, nic.name);
            Err(self.deny(decision, detail))
        }
    }

    fn check_protocol(&mut self, packet: Packet) -> Result<(), Reason> {
        let own_subnet = self.network.subnet(self.network.nic(self.nic).subnet).prefix;
        let problem = if platform::is_dhcp(packet) {
            return Ok(());
        } else if packet.destination.is_multicast()
            || packet.destination.is_broadcast()
            || packet.destination == own_subnet.broadcast()
        {
            format!("{} is not a unicast address", packet.destination)
        } else if !packet.protocol.is_carried() {
            format!("IP protocol {} is not carried: only TCP, UDP, ICMP, ESP and AH are", packet.protocol)
        } else if packet.protocol == IpProtocol::UDP && packet.source_port == RESERVED_SOURCE_PORT {
            format!("UDP source port {RESERVED_SOURCE_PORT} is reserved by the platform")
        } else if packet.protocol == IpProtocol::UDP
            && (packet.source_port, packet.destination_port) == (68, 67)
        {
            "unicast DHCP is not carried".to_owned()
        } else {
            return Ok(());
        };
        Err(self.deny(Decision::new(DropReason::Protocol), problem))
    }

    /// Neither rules nor routes stand between a VM and the platform, but for rules about the platform's own tags.
    /// <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>
    fn check_platform(&mut self, flows: &Flows, packet: Packet) -> Result<(), Reason> {
        let decision = Decision::new(DropReason::Platform);
        if flows.knows(self.nic, packet) {
            self.allow(decision, "the answer to a health probe".to_owned());
            return Ok(());
        }
        let Some(service) = platform::service(packet) else {
            let (to, protocol) = (packet.destination_text(), packet.protocol);
            return Err(self.deny(decision, format!("the platform does not answer {protocol} on {to}")));
        };
        self.check_platform_tag(service, packet)?;
        let detail = format!("{}: neither rules nor routes apply", service.describe());
        self.allow(decision, detail);
        Ok(())
    }

    fn subnet_name(&self) -> String {
        let subnet = self.network.nic(self.nic).subnet;
        format!("{}/{}", self.network.vnet(subnet.vnet).name, self.network.subnet(subnet).name)
    }

    fn check_destination(&mut self, flows: &Flows, packet: Packet) -> Result<(), Reason> {
        let nic = self.network.nic(self.nic);
        if nic.addresses.contains(&packet.destination) || flows.floats(self.nic, packet.destination) {
            return Ok(());
        }
        let decision = Decision::new(DropReason::IpForwarding);
        if nic.enable_ip_forwarding {
            let detail = format!("IP forwarding is on, so {} takes {}", nic.name, packet.destination);
            self.allow(decision, detail);
            Ok(())
        } else {
            let detail =
                format!("{} is not an address of {}, and IP forwarding is off", packet.destination, nic.name);
            Err(self.deny(decision, detail))
        }
    }

    /// `allowForwardedTraffic` is set on the receiving side: without it, what a peer sends must be from its own space.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-peering>
    fn check_forwarded_traffic(&mut self, sender: NicRef, packet: Packet) -> Result<(), Reason> {
        let own = self.network.vnet(self.network.nic(self.nic).subnet.vnet);
        let remote = self.network.nic(sender).subnet.vnet;
        let Some(link) = own.peering_to(remote) else { return Ok(()) };
        let space = &self.network.vnet(remote).address_space;
        if space.iter().any(|range| range.contains(&packet.source)) {
            return Ok(());
        }
        let decision = Decision {
            stage: DropReason::Peering,
            direction: None,
            resource: Some(format!("{}/{}", own.name, link.name)),
            rule: Some("allowForwardedTraffic".to_owned()),
        };
        let detail = format!("{} only forwarded this packet of {}", self.vm_name(sender), packet.source);
        let ignored = self.network.behavior.allow_forwarded_traffic == AllowForwardedTrafficBehavior::Ignored;
        if link.allow_forwarded_traffic || ignored {
            self.allow(decision, detail);
            Ok(())
        } else {
            Err(self.deny(decision, detail))
        }
    }

    fn vm_name(&self, nic: NicRef) -> &str {
        self.network.vm(nic.vm).name.as_str()
    }

    fn allow(&mut self, decision: Decision, detail: String) {
        self.steps.push(decision.step(&self.at, Access::Allow, detail));
    }

    fn deny(&mut self, decision: Decision, detail: String) -> Reason {
        let reason = decision.reason(&self.at);
        self.steps.push(decision.step(&self.at, Access::Deny, detail));
        reason
    }
}
