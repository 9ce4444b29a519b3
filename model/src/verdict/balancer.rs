//! A load balancer at work: which backend gets a flow, and as what.
//!
//! It is no proxy: the backend sees the client's address and port, and its own address and the backend port, which is what
//! its rules are asked about. Which backend is a choice of the flow's hash, so every running one is possible.
//! <https://learn.microsoft.com/azure/load-balancer/components>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-ha-ports-overview>

use goal_state::DropReason;

use super::choices::Chooser;
use super::decision::Decision;
use super::encryption::encryption_detail;
use super::explanation::Reason;
use super::health::{Health, health};
use super::journey::{Next, Place, Walk};
use super::node::Node;
use super::packet::{IpProtocol, Packet};
use super::port::Origin;
use crate::effective::{FlowEncryption, FrontendRef};
use crate::network::public::{LoadBalancerProtocol, LoadBalancerSku, Probe};
use crate::network::{FrontendAddress, LoadBalancer, LoadBalancingRule, NicRef, VnetId};

/// What packets cannot do yet.
const ENCRYPTION: &str = "encryption by way of a load balancer";
const UNKNOWN_HEALTH: &str = "probes of machines that do not say what they listen on";

/// The rule of a frontend that a packet matches.
struct Target<'n> {
    rule: &'n str,
    backends: Vec<NicRef>,
    probe: Option<&'n Probe>,
    /// 0 keeps the packet's.
    backend_port: u16,
    floating_ip: bool,
}

impl Walk<'_> {
    /// A packet for a frontend: a rule leads it to a backend.
    pub(super) fn balance(
        &mut self,
        frontend: FrontendRef,
        origin: Origin,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let balancer = self.network.load_balancer(frontend.balancer);
        if packet.protocol == IpProtocol::ICMP {
            return Err(self.no_backend(frontend, None, "it does not carry ICMP"));
        }
        if self.is_basic_from_another_region(frontend, origin) {
            self.not_carried("the limits of Basic load balancers");
            let detail = "a Basic load balancer cannot be reached by global peering";
            return Err(self.no_backend(frontend, None, detail));
        }
        let Some(target) = target(balancer, frontend.index, packet) else {
            let detail = "no rule of the frontend is for this protocol and port";
            return Err(self.no_backend(frontend, None, detail));
        };
        let backend = self.choose_backend(frontend, origin, packet, &target)?;
        let public = matches!(balancer.frontends[frontend.index].address, FrontendAddress::Public(_));
        if public && balancer.sku != LoadBalancerSku::Basic && !self.has_security_group(backend) {
            self.journey.path.push(Node::Vm(backend.vm));
            let detail = "a Standard public frontend is closed without a network security group".to_owned();
            let decision = Decision::of(DropReason::PublicAddress, &balancer.name);
            return Err(self.deny(decision, detail));
        }
        let translated = self.lead_to(backend, &target, packet);
        let decision = Decision::of(DropReason::LoadBalancer, &balancer.name).by(target.rule);
        let to = &self.network.vm(backend.vm).name;
        let encrypted = self.encryption_to_backend(origin, backend);
        self.allow(decision, format!("to {to}, {}{encrypted}", translated.destination_text()));
        self.check_encryption_to_backend(origin, backend)?;
        Ok(Next::Go(Place::Port { nic: backend, origin: origin.balanced() }, translated))
    }

    /// The packet as the backend gets it. With floating IP its destination stays, and its guest is taken to have it.
    fn lead_to(&mut self, backend: NicRef, target: &Target<'_>, packet: Packet) -> Packet {
        if target.floating_ip {
            self.flows.float(backend, packet.destination);
            return packet;
        }
        let port = if target.backend_port == 0 { packet.destination_port } else { target.backend_port };
        let destination = self.network.nic(backend).addresses[0];
        let translated = Packet { destination, destination_port: port, ..packet };
        self.flows.remember_destination(backend, packet, translated);
        translated
    }

    /// A route leads to a frontend with appliances behind it: HA ports hand every packet on as it is.
    pub(super) fn balance_through(
        &mut self,
        frontend: FrontendRef,
        origin: Origin,
        packet: Packet,
    ) -> Result<Next, Reason> {
        let balancer = self.network.load_balancer(frontend.balancer);
        let mut rules = balancer.load_balancing_rules.iter();
        let rule = rules
            .find(|rule| rule.frontend == frontend.index && is_ha_ports(rule.protocol, rule.frontend_port));
        let Some(rule) = rule else {
            return Err(self.no_backend(
                frontend,
                None,
                "only a rule for HA ports hands packets of others on",
            ));
        };
        if packet.protocol == IpProtocol::ICMP {
            return Err(self.no_backend(frontend, Some(&rule.name), "it does not carry ICMP"));
        }
        let target = of_rule(balancer, rule);
        let backend = self.choose_backend(frontend, origin, packet, &target)?;
        let decision = Decision::of(DropReason::LoadBalancer, &balancer.name).by(&rule.name);
        let encrypted = self.encryption_to_backend(origin, backend);
        self.allow(decision, format!("to {}{encrypted}", self.network.vm(backend.vm).name));
        self.check_encryption_to_backend(origin, backend)?;
        Ok(Next::Go(Place::Port { nic: backend, origin: origin.balanced() }, packet))
    }

    /// One of the healthy backends. The sender's own port takes no packet of its own, which has come back to it.
    fn choose_backend(
        &mut self,
        frontend: FrontendRef,
        origin: Origin,
        packet: Packet,
        target: &Target<'_>,
    ) -> Result<NicRef, Reason> {
        let running = target.backends.iter().copied().filter(|nic| self.network.vm(nic.vm).runs());
        let running: Vec<_> = running.collect();
        if running.is_empty() {
            return Err(self.no_backend(frontend, Some(target.rule), "no backend runs"));
        }
        let healthy = self.healthy(running, target.probe);
        if healthy.is_empty() {
            return Err(self.no_backend(frontend, Some(target.rule), "no backend is healthy"));
        }
        let chosen = self.choices.among(Chooser::LoadBalancer(frontend), packet, healthy.len());
        let backend = healthy[chosen];
        if self.is_led_back(frontend, origin, packet, backend) {
            self.journey.path.push(Node::Vm(backend.vm));
            let name = &self.network.load_balancer(frontend.balancer).name;
            let decision = Decision::of(DropReason::LoadBalancer, name).by(target.rule);
            let detail = "the backend is the sender itself, and takes no packet of its own".to_owned();
            return Err(self.deny(decision, detail));
        }
        Ok(backend)
    }

    /// A backend's port knows a packet of its own by the source, whoever forwarded it to the frontend; where a route led a packet for
    /// somebody else through the frontend, it is the sender that counts.
    fn is_led_back(&self, frontend: FrontendRef, origin: Origin, packet: Packet, backend: NicRef) -> bool {
        let address = self.network.load_balancer(frontend.balancer).frontends[frontend.index].address;
        if self.network.frontend_address(address) == packet.destination {
            self.network.nic(backend).addresses.contains(&packet.source)
        } else {
            origin == Origin::Nic(backend)
        }
    }

    fn healthy(&mut self, running: Vec<NicRef>, probe: Option<&Probe>) -> Vec<NicRef> {
        let Some(probe) = probe else { return running };
        let with_health = running.into_iter().map(|nic| (nic, health(self.policy, nic, probe)));
        let with_health: Vec<_> = with_health.collect();
        if with_health.iter().any(|(_, health)| *health == Health::TakenUp) {
            self.not_carried(UNKNOWN_HEALTH);
        }
        with_health.into_iter().filter(|(_, health)| *health != Health::Down).map(|(nic, _)| nic).collect()
    }

    /// What a NIC sends to a backend is encrypted between the two: the load balancer is no station of it.
    fn encryption_to_backend(&self, origin: Origin, backend: NicRef) -> String {
        let Origin::Nic(sender) = origin else { return String::new() };
        encryption_detail(self.policy, sender, backend)
    }

    fn check_encryption_to_backend(&mut self, origin: Origin, backend: NicRef) -> Result<(), Reason> {
        let Origin::Nic(sender) = origin else { return Ok(()) };
        if self.policy.encryption().between(self.policy, sender, backend) != FlowEncryption::NotConfigured {
            self.not_carried(ENCRYPTION);
        }
        self.check_encryption(sender, backend)
    }

    fn no_backend(&mut self, frontend: FrontendRef, rule: Option<&str>, why: &str) -> Reason {
        let balancer = self.network.load_balancer(frontend.balancer);
        self.journey.path.push(Node::LoadBalancer(frontend.balancer));
        let decision = Decision::of(DropReason::LoadBalancer, &balancer.name);
        let decision = Decision { rule: rule.map(str::to_owned), ..decision };
        self.deny(decision, format!("{}: {why}", balancer.frontends[frontend.index].name))
    }

    fn is_basic_from_another_region(&self, frontend: FrontendRef, origin: Origin) -> bool {
        let balancer = self.network.load_balancer(frontend.balancer);
        let FrontendAddress::Private { subnet, .. } = balancer.frontends[frontend.index].address else {
            return false;
        };
        let Origin::Nic(sender) = origin else { return false };
        let location = |vnet: VnetId| &self.network.vnet(vnet).location;
        balancer.sku == LoadBalancerSku::Basic
            && location(self.network.nic(sender).subnet.vnet) != location(subnet.vnet)
    }
}

fn is_ha_ports(protocol: LoadBalancerProtocol, port: u16) -> bool {
    protocol == LoadBalancerProtocol::All && port == 0
}

fn carries(of: LoadBalancerProtocol, protocol: IpProtocol) -> bool {
    match of {
        LoadBalancerProtocol::Tcp => protocol == IpProtocol::TCP,
        LoadBalancerProtocol::Udp => protocol == IpProtocol::UDP,
        LoadBalancerProtocol::All => true,
    }
}

/// An inbound NAT rule, or a load balancing rule.
fn target(balancer: &LoadBalancer, frontend: usize, packet: Packet) -> Option<Target<'_>> {
    let nat = balancer.inbound_nat_rules.iter().find_map(|rule| {
        let here = rule.frontend == frontend && carries(rule.protocol, packet.protocol);
        let mut backends = rule.backends.iter();
        let &(nic, _) = backends.find(|(_, port)| here && *port == packet.destination_port)?;
        Some(Target {
            rule: &rule.name,
            backends: vec![nic],
            probe: None,
            backend_port: rule.backend_port,
            floating_ip: rule.enable_floating_ip,
        })
    });
    nat.or_else(|| {
        let mut rules = balancer.load_balancing_rules.iter();
        let rule = rules.find(|rule| {
            let port = rule.frontend_port == packet.destination_port
                || is_ha_ports(rule.protocol, rule.frontend_port);
            rule.frontend == frontend && carries(rule.protocol, packet.protocol) && port
        })?;
        Some(of_rule(balancer, rule))
    })
}

fn of_rule<'n>(balancer: &'n LoadBalancer, rule: &'n LoadBalancingRule) -> Target<'n> {
    Target {
        rule: &rule.name,
        backends: balancer.backend_pools[rule.backend_pool].1.clone(),
        probe: rule.probe.map(|probe| &balancer.probes[probe]),
        backend_port: rule.backend_port,
        floating_ip: rule.enable_floating_ip,
    }
}
