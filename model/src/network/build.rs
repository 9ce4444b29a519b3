//! Networks for tests, in a few words. What it makes obeys the rules that [`super::Network`] promises.

mod gateways;
mod policies;
mod public;
mod tests;

use std::net::Ipv4Addr;

use goal_state::nsg::{Access, Direction, PortRange, Protocol};
use goal_state::{MacAddr, Vni};
use ipnet::Ipv4Net;

use super::vnet::{PrivateEndpointNetworkPolicies, PrivateEndpointVnetPolicies};
use super::{
    AddressPrefix, ApplicationSecurityGroup, AsgId, Behavior, Host, HostId, Network, NetworkSecurityGroup,
    Nic, NsgId, Peering, PeeringScope, PeeringState, PowerState, RouteDestination, RouteTable, RouteTableId,
    RulePeer, SecurityRule, ServiceTag, ServiceTags, Subnet, SubnetRef, Subscription, UserNextHop, UserRoute,
    VirtualMachine, VirtualNetwork, VnetId,
};

/// Adds resources one by one; names must be known before they are used.
pub(crate) struct NetworkBuilder {
    network: Network,
}

impl NetworkBuilder {
    /// Three hosts and nothing else.
    pub(crate) fn new() -> Self {
        let hosts = (1..=3).map(|number| Host {
            name: format!("host{number}").parse().unwrap(),
            location: "koreacentral".to_owned(),
            provider_address: Ipv4Addr::new(198, 18, 0, number),
        });
        let network = Network {
            edge: None,
            name: "test".to_owned(),
            hosts: hosts.collect(),
            virtual_networks: Vec::new(),
            network_security_groups: Vec::new(),
            application_security_groups: Vec::new(),
            route_tables: Vec::new(),
            virtual_machines: Vec::new(),
            subscription: Subscription::EnterpriseAgreement,
            behavior: Behavior::default(),
            service_tags: ServiceTags::default(),
            security_admin_configurations: Vec::new(),
            public_ip_addresses: Vec::new(),
            nat_gateways: Vec::new(),
            load_balancers: Vec::new(),
            private_endpoints: Vec::new(),
            private_dns_zones: Vec::new(),
            services: Vec::new(),
            internet_hosts: Vec::new(),
            virtual_network_gateways: Vec::new(),
            local_network_gateways: Vec::new(),
            express_route_circuits: Vec::new(),
            connections: Vec::new(),
            route_servers: Vec::new(),
            on_premises: Vec::new(),
            tests: Vec::new(),
        };
        Self { network }
    }

    /// A virtual network with one /24 subnet at the start of its range.
    pub(crate) fn vnet(self, name: &str, range: &str) -> Self {
        let range: Ipv4Net = range.parse().unwrap();
        let subnet = Ipv4Net::new(range.network(), range.prefix_len().max(24)).unwrap();
        self.vnet_with(name, &[&range.to_string()]).subnet(name, "default", &subnet.to_string())
    }

    /// A virtual network without subnets.
    pub(crate) fn vnet_with(mut self, name: &str, ranges: &[&str]) -> Self {
        let number = u32::try_from(self.network.virtual_networks.len()).unwrap() + 1;
        self.network.virtual_networks.push(VirtualNetwork {
            name: name.to_owned(),
            location: "koreacentral".to_owned(),
            vni: Vni::new(1000 + number).unwrap(),
            address_space: ranges.iter().map(|range| range.parse().unwrap()).collect(),
            subnets: Vec::new(),
            peerings: Vec::new(),
            encryption: None,
            flow_timeout_in_minutes: None,
            dns_servers: Vec::new(),
            private_endpoint_vnet_policies: PrivateEndpointVnetPolicies::Disabled,
        });
        self
    }

    pub(crate) fn subnet(mut self, vnet: &str, name: &str, prefix: &str) -> Self {
        let vnet = self.vnet_id(vnet);
        self.network.virtual_networks[vnet.0].subnets.push(Subnet {
            name: name.to_owned(),
            prefix: prefix.parse().unwrap(),
            nsg: None,
            route_table: None,
            service_endpoints: Vec::new(),
            nat_gateway: None,
            default_outbound_access: true,
            private_endpoint_network_policies: PrivateEndpointNetworkPolicies::Disabled,
            delegation: None,
        });
        self
    }

    /// Both links of a peering, with Azure's default flags but forwarded traffic allowed.
    pub(crate) fn peer(self, left: &str, right: &str) -> Self {
        self.link(left, right, |_| {}).link(right, left, |_| {})
    }

    /// Both links of a subnet peering between one subnet of each side, by their positions.
    pub(crate) fn peer_subnets(self, (left, here): (&str, usize), (right, there): (&str, usize)) -> Self {
        let between = |local, remote| {
            move |link: &mut Peering| {
                link.scope = PeeringScope::Subnets { local: vec![local], remote: vec![remote] }
            }
        };
        self.link(left, right, between(here, there)).link(right, left, between(there, here))
    }

    /// One link. It is connected as soon as the other side has one, too.
    pub(crate) fn link(mut self, from: &str, to: &str, change: impl FnOnce(&mut Peering)) -> Self {
        let (from, remote) = (self.vnet_id(from), self.vnet_id(to));
        let mut link = Peering {
            name: format!("to-{to}"),
            remote,
            state: PeeringState::Initiated,
            allow_virtual_network_access: true,
            allow_forwarded_traffic: true,
            allow_gateway_transit: false,
            use_remote_gateways: false,
            scope: PeeringScope::CompleteVnets,
            remote_address_space: self.network.virtual_networks[remote.0].address_space.clone(),
        };
        change(&mut link);
        let back =
            self.network.virtual_networks[remote.0].peerings.iter_mut().find(|link| link.remote == from);
        if let Some(back) = back {
            back.state = PeeringState::Connected;
            link.state = PeeringState::Connected;
        }
        self.network.virtual_networks[from.0].peerings.push(link);
        self
    }

    /// A group, given as rules such as `100 Inbound Deny Tcp * 10.0.0.0/24:22`. The rule is named after its priority.
    pub(crate) fn nsg(mut self, name: &str, rules: &[&str]) -> Self {
        let rules = rules.iter().map(|rule| self.rule(rule)).collect();
        self.network.network_security_groups.push(NetworkSecurityGroup { name: name.to_owned(), rules });
        self
    }

    fn rule(&self, text: &str) -> SecurityRule {
        let words: Vec<_> = text.split_whitespace().collect();
        let [priority, direction, access, protocol, source, destination] = words[..] else {
            panic!("{text:?} is no rule")
        };
        let (source, source_ports) = self.side(source);
        let (destination, destination_ports) = self.side(destination);
        SecurityRule {
            name: format!("rule-{priority}"),
            priority: priority.parse().unwrap(),
            direction: if direction == "Inbound" { Direction::Inbound } else { Direction::Outbound },
            access: if access == "Allow" { Access::Allow } else { Access::Deny },
            protocol: match protocol {
                "Tcp" => Protocol::Tcp,
                "Udp" => Protocol::Udp,
                "Icmp" => Protocol::Icmp,
                _ => Protocol::Any,
            },
            source,
            source_ports,
            destination,
            destination_ports,
        }
    }

    /// `*`, `10.0.0.0/8`, `VirtualNetwork:80`, `asg/web:80-90`.
    fn side(&self, text: &str) -> (RulePeer, Vec<PortRange>) {
        let (who, ports) = text.split_once(':').unwrap_or((text, "0-65535"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let ports = PortRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        if let Some(asg) = who.strip_prefix("asg/") {
            return (RulePeer::Asgs(vec![self.asg_id(asg)]), vec![ports]);
        }
        let prefix = match ServiceTag::find(who, &self.network.service_tags) {
            Some(tag) => AddressPrefix::Tag(tag),
            None if who == "*" => AddressPrefix::Any,
            None => AddressPrefix::Prefix(who.parse().unwrap()),
        };
        (RulePeer::Prefixes(vec![prefix]), vec![ports])
    }

    pub(crate) fn asg(mut self, name: &str) -> Self {
        self.network.application_security_groups.push(ApplicationSecurityGroup { name: name.to_owned() });
        self
    }

    /// A route table, given as routes such as `default 0.0.0.0/0 10.0.100.4` or `cut 10.1.0.0/16 None`.
    pub(crate) fn route_table(mut self, name: &str, routes: &[&str]) -> Self {
        let route = |text: &&str| {
            let words: Vec<_> = text.split_whitespace().collect();
            let [name, prefix, next_hop] = words[..] else { panic!("{text:?} is no route") };
            UserRoute {
                name: name.to_owned(),
                destination: RouteDestination::Prefix(prefix.parse().unwrap()),
                next_hop: match next_hop {
                    "VnetLocal" => UserNextHop::VnetLocal,
                    "Internet" => UserNextHop::Internet,
                    "VirtualNetworkGateway" => UserNextHop::VirtualNetworkGateway,
                    "None" => UserNextHop::None,
                    addresses => UserNextHop::VirtualAppliance(
                        addresses.split(',').map(|address| address.parse().unwrap()).collect(),
                    ),
                },
            }
        };
        self.network.route_tables.push(RouteTable {
            name: name.to_owned(),
            disable_bgp_route_propagation: false,
            disable_peering_route: false,
            routes: routes.iter().map(route).collect(),
        });
        self
    }

    /// Attaches a group to the subnet that has this prefix or name, `spoke1/default`.
    pub(crate) fn subnet_nsg(mut self, subnet: &str, nsg: &str) -> Self {
        let nsg = self.nsg_id(nsg);
        self.subnet_mut(subnet).nsg = Some(nsg);
        self
    }

    pub(crate) fn subnet_routes(mut self, subnet: &str, table: &str) -> Self {
        let table = self.network.route_tables.iter().position(|known| known.name == table).unwrap();
        self.subnet_mut(subnet).route_table = Some(RouteTableId(table));
        self
    }

    /// A VM with one NIC in the first subnet that has its address.
    pub(crate) fn vm(self, name: &str, address: &str) -> Self {
        self.vm_with(name, &[address], |_| {})
    }

    /// A VM that forwards: IP forwarding on its NICs and in its guest.
    pub(crate) fn nva(self, name: &str, addresses: &[&str]) -> Self {
        self.vm_with(name, addresses, |vm| {
            vm.guest_ip_forwarding = true;
            vm.nics.iter_mut().for_each(|nic| nic.enable_ip_forwarding = true);
        })
    }

    /// A VM with a NIC per address, each written `10.0.0.4` or `vnet/10.0.0.4`.
    pub(crate) fn vm_with(
        mut self,
        name: &str,
        addresses: &[&str],
        change: impl FnOnce(&mut VirtualMachine),
    ) -> Self {
        let number = u8::try_from(self.network.virtual_machines.len()).unwrap();
        let nics = addresses.iter().enumerate().map(|(index, text)| {
            let (vnet, address) = text.split_once('/').map_or((None, *text), |(v, a)| (Some(v), a));
            let address: Ipv4Addr = address.parse().unwrap();
            Nic {
                name: format!("nic{index}").parse().unwrap(),
                mac: MacAddr([0x00, 0x0d, 0x3a, 0, number + 1, u8::try_from(index).unwrap()]),
                subnet: self.subnet_of(vnet, address),
                addresses: vec![address],
                public_ips: Vec::new(),
                nsg: None,
                asgs: Vec::new(),
                enable_ip_forwarding: false,
                enable_accelerated_networking: true,
            }
        });
        let mut vm = VirtualMachine {
            name: name.parse().unwrap(),
            host: HostId(usize::from(number) % self.network.hosts.len()),
            power_state: PowerState::Running,
            size: "Standard_D4s_v5".to_owned(),
            nics: nics.collect(),
            guest_ip_forwarding: false,
            guest_masquerade: false,
            guest_masquerade_except: goal_state::nsg::AddressSet::default(),
            listen: None,
            commands: Vec::new(),
        };
        change(&mut vm);
        self.network.virtual_machines.push(vm);
        self
    }

    /// The network, with its host at the edge if it needs one.
    pub(crate) fn build(mut self) -> Network {
        super::edge::add_edge(&mut self.network);
        self.network
    }

    pub(crate) fn asg_id(&self, name: &str) -> AsgId {
        AsgId(self.network.application_security_groups.iter().position(|asg| asg.name == name).unwrap())
    }

    pub(crate) fn nsg_id(&self, name: &str) -> NsgId {
        NsgId(self.network.network_security_groups.iter().position(|nsg| nsg.name == name).unwrap())
    }

    fn vnet_id(&self, name: &str) -> VnetId {
        VnetId(self.network.virtual_networks.iter().position(|vnet| vnet.name == name).unwrap())
    }

    fn subnet_mut(&mut self, name: &str) -> &mut Subnet {
        let (vnet, subnet) = name.split_once('/').unwrap();
        let vnet = self.vnet_id(vnet);
        let mut subnets = self.network.virtual_networks[vnet.0].subnets.iter_mut();
        subnets.find(|known| known.name == subnet).unwrap()
    }

    fn subnet_of(&self, vnet: Option<&str>, address: Ipv4Addr) -> SubnetRef {
        let vnets = self.network.virtual_networks.iter().enumerate();
        let named = vnets.filter(|(_, known)| vnet.is_none_or(|vnet| vnet == known.name));
        let mut subnets = named.flat_map(|(vnet, known)| {
            let subnets = known.subnets.iter().enumerate();
            subnets.map(move |(index, subnet)| (SubnetRef { vnet: VnetId(vnet), index }, subnet))
        });
        subnets.find(|(_, subnet)| subnet.prefix.contains(&address)).unwrap().0
    }
}
