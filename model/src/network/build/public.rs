//! The public side of a test network: public addresses, NAT gateways, load balancers, services, and the internet.

use std::net::Ipv4Addr;

use super::NetworkBuilder;
use crate::network::public::{
    LoadBalancerProtocol, LoadBalancerSku, LoadDistribution, PrivateLinkServiceConnectionState, PublicIpSku,
};
use crate::network::{
    Frontend, FrontendAddress, IdleFlows, InternetHost, LoadBalancer, LoadBalancingRule, NatGateway,
    NatGatewayId, NicIndex, NicRef, OutboundRule, PrivateEndpoint, PublicIpAddress, PublicIpId, Service,
    ServiceEndpoint, ServiceId,
};

impl NetworkBuilder {
    /// A Standard public address in koreacentral.
    pub(crate) fn public_ip(mut self, name: &str, address: &str) -> Self {
        self.network.public_ip_addresses.push(PublicIpAddress {
            name: name.to_owned(),
            location: "koreacentral".to_owned(),
            sku: PublicIpSku::Standard,
            address: address.parse().unwrap(),
        });
        self
    }

    /// Makes a public address Basic.
    pub(crate) fn basic(mut self, public_ip: &str) -> Self {
        let PublicIpId(at) = self.public_ip_id(public_ip);
        self.network.public_ip_addresses[at].sku = PublicIpSku::Basic;
        self
    }

    /// Gives the first address of a VM's first NIC a public one.
    pub(crate) fn vm_public_ip(mut self, vm: &str, public_ip: &str) -> Self {
        let public_ip = self.public_ip_id(public_ip);
        let vm = self.network.find_vm(vm).unwrap();
        let nic = &mut self.network.virtual_machines[vm.0].nics[0];
        nic.public_ips.push((nic.addresses[0], public_ip));
        self
    }

    /// A NAT gateway with these public addresses.
    pub(crate) fn nat_gateway(mut self, name: &str, public_ips: &[&str]) -> Self {
        let public_ips = public_ips.iter().map(|name| self.public_ip_id(name)).collect();
        self.network.nat_gateways.push(NatGateway {
            name: name.to_owned(),
            public_ips,
            idle_timeout_in_minutes: 4,
        });
        self
    }

    /// Attaches a NAT gateway to the subnet `spoke1/default`.
    pub(crate) fn subnet_nat_gateway(self, subnet: &str, name: &str) -> Self {
        let at = self.network.nat_gateways.iter().position(|known| known.name == name).unwrap();
        self.subnet_with(subnet, |subnet| subnet.nat_gateway = Some(NatGatewayId(at)))
    }

    /// A service endpoint of the subnet `spoke1/default` to what these tags of [`Self::tags`] cover.
    pub(crate) fn service_endpoint(self, subnet: &str, service: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| self.network.service_tags.find(tag).unwrap()).collect();
        let endpoint = ServiceEndpoint { service: service.to_owned(), tags };
        self.subnet_with(subnet, |subnet| subnet.service_endpoints.push(endpoint))
    }

    /// A service in koreacentral that answers on everything.
    pub(crate) fn service(mut self, name: &str, service_type: &str, address: &str) -> Self {
        self.network.services.push(Service {
            name: name.to_owned(),
            service_type: service_type.to_owned(),
            location: "koreacentral".to_owned(),
            address: address.parse().unwrap(),
            fqdn: None,
            listen: None,
            commands: Vec::new(),
            firewall: None,
        });
        self
    }

    /// An approved private endpoint with this address, for the service of this name.
    pub(crate) fn private_endpoint(self, name: &str, address: &str, service: &str) -> Self {
        self.private_endpoint_with(name, address, service, |_| {})
    }

    /// The same, changed. The address is written `10.0.0.4` or `vnet/10.0.0.4`.
    pub(crate) fn private_endpoint_with(
        mut self,
        name: &str,
        address: &str,
        service: &str,
        change: impl FnOnce(&mut PrivateEndpoint),
    ) -> Self {
        let (vnet, address) = address.split_once('/').map_or((None, address), |(v, a)| (Some(v), a));
        let address = address.parse().unwrap();
        let service = self.network.services.iter().position(|known| known.name == service).unwrap();
        let mut endpoint = PrivateEndpoint {
            name: name.to_owned(),
            subnet: self.subnet_of(vnet, address),
            address,
            service: ServiceId(service),
            state: PrivateLinkServiceConnectionState::Approved,
        };
        change(&mut endpoint);
        self.network.private_endpoints.push(endpoint);
        self
    }

    pub(crate) fn internet_host(mut self, name: &str, address: &str) -> Self {
        let address = address.parse().unwrap();
        self.network.internet_hosts.push(InternetHost {
            name: name.to_owned(),
            address,
            listen: None,
            commands: Vec::new(),
        });
        self
    }

    /// A Standard load balancer with one frontend `fe`, a private address or the name of a public one; one pool `pool` of
    /// first NICs; and rules such as `Tcp 80 8080` or, for HA ports, `All 0 0`.
    pub(crate) fn load_balancer(self, name: &str, frontend: &str, pool: &[&str], rules: &[&str]) -> Self {
        self.load_balancer_with(name, frontend, pool, rules, |_| {})
    }

    /// The same, changed.
    pub(crate) fn load_balancer_with(
        mut self,
        name: &str,
        frontend: &str,
        pool: &[&str],
        rules: &[&str],
        change: impl FnOnce(&mut LoadBalancer),
    ) -> Self {
        let address = match frontend.parse::<Ipv4Addr>() {
            Ok(address) => FrontendAddress::Private { subnet: self.subnet_of(None, address), address },
            Err(_) => FrontendAddress::Public(self.public_ip_id(frontend)),
        };
        let nic = |vm: &&str| NicRef { vm: self.network.find_vm(vm).unwrap(), index: NicIndex(0) };
        let mut balancer = LoadBalancer {
            name: name.to_owned(),
            sku: LoadBalancerSku::Standard,
            frontends: vec![Frontend { name: "fe".to_owned(), address }],
            backend_pools: vec![("pool".to_owned(), pool.iter().map(nic).collect())],
            probes: Vec::new(),
            load_balancing_rules: rules.iter().map(|rule| load_balancing_rule(rule)).collect(),
            inbound_nat_rules: Vec::new(),
            outbound_rules: Vec::new(),
        };
        change(&mut balancer);
        self.network.load_balancers.push(balancer);
        self
    }

    /// An outbound rule from the pool of a load balancer to its frontend.
    pub(crate) fn outbound_rule(mut self, balancer: &str) -> Self {
        let balancer = self.network.load_balancers.iter_mut().find(|known| known.name == balancer).unwrap();
        balancer.outbound_rules.push(OutboundRule {
            name: "out".to_owned(),
            frontends: vec![0],
            backend_pool: 0,
            protocol: LoadBalancerProtocol::All,
            allocated_outbound_ports: 0,
            idle: IdleFlows::default(),
        });
        self
    }

    pub(crate) fn public_ip_id(&self, name: &str) -> PublicIpId {
        let mut addresses = self.network.public_ip_addresses.iter();
        PublicIpId(addresses.position(|known| known.name == name).unwrap())
    }
}

fn load_balancing_rule(text: &str) -> LoadBalancingRule {
    let words: Vec<_> = text.split_whitespace().collect();
    let [protocol, frontend_port, backend_port] = words[..] else { panic!("{text:?} is no rule") };
    LoadBalancingRule {
        name: format!("rule-{frontend_port}"),
        frontend: 0,
        backend_pool: 0,
        protocol: protocol.parse().unwrap(),
        frontend_port: frontend_port.parse().unwrap(),
        backend_port: backend_port.parse().unwrap(),
        probe: None,
        load_distribution: LoadDistribution::Default,
        enable_floating_ip: false,
        disable_outbound_snat: false,
        idle: IdleFlows::default(),
    }
}
