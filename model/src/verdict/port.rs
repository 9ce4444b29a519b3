//! What the port of a NIC decides about a packet, in the order of the data plane.
//!
//! Outbound: source, protocol, platform addresses, NIC group, subnet group, route. Inbound: destination, forwarded
//! traffic of a peer, subnet group, NIC group. Groups are skipped for packets of a flow that the port knows; all other
//! checks are for every packet.

use goal_state::DropReason;
use goal_state::nsg::{Access, Association, Direction, RuleGroup};

use super::explanation::{Reason, Step};
use super::journey::Flows;
use super::packet::{IpProtocol, Packet};
use super::rule_match::first_match;
use crate::effective::hop::peering_name;
use crate::effective::tags::{INSTANCE_METADATA, WIRE_SERVER};
use crate::effective::{EffectiveRoute, Hop, Owner, Policy, Taker, deliver, hop};
use crate::network::{Network, NicRef};

/// The UDP source port that the platform keeps for itself.
const RESERVED_SOURCE_PORT: u16 = 65330;

/// Where a packet goes that a port has let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    /// To this NIC.
    To(NicRef),
    /// The host finds nobody who has the address.
    Nobody,
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

    /// Decides about a packet from the guest, and says where it goes.
    pub(super) fn outbound(&mut self, flows: &Flows, packet: Packet) -> Result<Onward, Reason> {
        self.check_source(packet)?;
        self.check_protocol(packet)?;
        self.check_platform(packet)?;
        self.check_groups(flows, Direction::Outbound, packet)?;
        self.route(packet)
    }

    /// The host's answer when a packet that the port has let through goes to nobody.
    pub(super) fn no_destination(&mut self, packet: Packet) -> Reason {
        let detail = format!("nobody has the address {}", packet.destination);
        self.deny(Decision::new(DropReason::NoDestination), detail)
    }

    /// Decides about a packet that `sender` has sent.
    pub(super) fn inbound(&mut self, flows: &Flows, sender: NicRef, packet: Packet) -> Result<(), Reason> {
        self.check_destination(packet)?;
        self.check_forwarded_traffic(sender, packet)?;
        self.check_groups(flows, Direction::Inbound, packet)
    }

    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-network-interface#enable-or-disable-ip-forwarding>
    fn check_source(&mut self, packet: Packet) -> Result<(), Reason> {
        let nic = self.network.nic(self.nic);
        if nic.addresses.contains(&packet.source) {
            return Ok(());
        }
        let decision = Decision::new(DropReason::SourceAddress);
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
        let problem = if packet.destination.is_multicast()
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

    fn check_platform(&mut self, packet: Packet) -> Result<(), Reason> {
        if ![WIRE_SERVER, INSTANCE_METADATA].contains(&packet.destination) {
            return Ok(());
        }
        let detail = format!("the platform does not answer on {} yet", packet.destination);
        Err(self.deny(Decision::new(DropReason::Platform), detail))
    }

    fn check_groups(&mut self, flows: &Flows, direction: Direction, packet: Packet) -> Result<(), Reason> {
        if flows.knows(self.nic, packet) {
            return Ok(());
        }
        for group in self.policy.filter(self.nic).groups(direction) {
            self.check_group(group, direction, packet)?;
        }
        Ok(())
    }

    fn check_group(&mut self, group: &RuleGroup, direction: Direction, packet: Packet) -> Result<(), Reason> {
        let Some(rule) = first_match(group, &packet) else { return Ok(()) };
        let association = match group.association {
            Association::NetworkManager => "network manager".to_owned(),
            Association::NetworkInterface => format!("network interface {}", self.network.nic(self.nic).name),
            Association::Subnet => format!("subnet {}", self.subnet_name()),
        };
        let detail = format!(
            "priority {}, {association}: {} → {} {}",
            rule.priority,
            packet.source_text(),
            packet.destination_text(),
            packet.protocol
        );
        let decision = Decision {
            stage: DropReason::NetworkSecurityGroup,
            direction: Some(direction),
            resource: Some(group.name.clone()),
            rule: Some(rule.name.clone()),
        };
        match rule.access.access() {
            Access::Allow => {
                self.allow(decision, detail);
                Ok(())
            }
            Access::Deny => Err(self.deny(decision, detail)),
        }
    }

    fn subnet_name(&self) -> String {
        let subnet = self.network.nic(self.nic).subnet;
        format!("{}/{}", self.network.vnet(subnet.vnet).name, self.network.subnet(subnet).name)
    }

    fn route(&mut self, packet: Packet) -> Result<Onward, Reason> {
        let subnet = self.network.nic(self.nic).subnet;
        let routes = self.policy.routes(subnet);
        let Some(route) = routes.lookup(packet.destination) else {
            let detail = format!("no route covers {}", packet.destination);
            return Err(self.deny(Decision::new(DropReason::Route), detail));
        };
        let onward = match self.onward(route, packet) {
            Ok(onward) => onward,
            Err(reason) => {
                return Err(self.deny(self.route_decision(reason, route), drop_detail(reason, route)));
            }
        };
        self.allow(self.route_decision(DropReason::Route, route), route.describe());
        Ok(onward)
    }

    fn onward(&self, route: &EffectiveRoute, packet: Packet) -> Result<Onward, DropReason> {
        let subnet = self.network.nic(self.nic).subnet;
        match hop(self.policy, self.nic, route) {
            Hop::Drop(reason) => Err(reason),
            Hop::Appliances(appliances) => match appliances[0].taker {
                Taker::Nic(nic) if self.network.vm(nic.vm).runs() => Ok(Onward::To(nic)),
                Taker::Frontend(_) => Err(DropReason::LoadBalancer),
                Taker::Nic(_) | Taker::Nobody => Err(DropReason::NextHop),
            },
            Hop::Destination => match deliver(self.policy, subnet, packet.destination) {
                Ok(Owner::Nic(owner)) if owner != self.nic && self.network.vm(owner.vm).runs() => {
                    Ok(Onward::To(owner))
                }
                Ok(_) | Err(DropReason::NoDestination) => Ok(Onward::Nobody),
                Err(reason) => Err(reason),
            },
            Hop::LoadBalancer(_) => Err(DropReason::LoadBalancer),
            Hop::Gateway(_) => Err(DropReason::Gateway),
            Hop::PrivateEndpoint(_) => Err(DropReason::PrivateEndpoint),
            Hop::Internet | Hop::ServiceEndpoint(_) => Err(DropReason::NoDestination),
        }
    }

    fn route_decision(&self, stage: DropReason, route: &EffectiveRoute) -> Decision {
        let (resource, rule) = match (&route.user, stage) {
            (_, DropReason::Peering) => {
                (self.peering_name(route), Some("allowVirtualNetworkAccess".to_owned()))
            }
            (Some(name), _) => (Some(name.table.clone()), Some(name.route.clone())),
            (None, _) => (Some("System Route".to_owned()), None),
        };
        Decision { stage, direction: None, resource, rule }
    }

    /// The NIC's own peering link that `route` follows.
    fn peering_name(&self, route: &EffectiveRoute) -> Option<String> {
        peering_name(self.network, self.network.nic(self.nic).subnet.vnet, route)
    }

    fn check_destination(&mut self, packet: Packet) -> Result<(), Reason> {
        let nic = self.network.nic(self.nic);
        if nic.addresses.contains(&packet.destination) {
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
        if link.allow_forwarded_traffic {
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

fn drop_detail(reason: DropReason, route: &EffectiveRoute) -> String {
    let why = match reason {
        DropReason::Peering => "the peering link does not allow access",
        DropReason::NextHop => "no NIC that can be reached directly has this address",
        DropReason::Gateway => "there is no gateway",
        DropReason::NoDestination => "this lab has no internet",
        _ => "the packet is dropped",
    };
    format!("{}: {why}", route.describe())
}

/// What was decided by what.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) stage: DropReason,
    pub(super) direction: Option<Direction>,
    pub(super) resource: Option<String>,
    pub(super) rule: Option<String>,
}

impl Decision {
    /// A decision that no rule or route made.
    pub(super) fn new(stage: DropReason) -> Self {
        Self { stage, direction: None, resource: None, rule: None }
    }

    pub(super) fn step(self, at: &str, outcome: Access, detail: String) -> Step {
        Step {
            at: at.to_owned(),
            stage: self.stage,
            direction: self.direction,
            resource: self.resource,
            rule: self.rule,
            outcome,
            detail,
        }
    }

    pub(super) fn reason(&self, at: &str) -> Reason {
        Reason {
            layer: self.stage,
            resource: self.resource.clone(),
            rule: self.rule.clone(),
            direction: self.direction,
            at: at.to_owned(),
        }
    }
}
