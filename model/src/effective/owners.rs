//! Who has which name and which address, found without a search through the whole network.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::network::{
    FrontendAddress, GatewayId, InternetHostId, LoadBalancerId, NatGatewayId, Network, NicRef, PublicIpId,
    ServiceId, SiteId, VmId,
};

/// Who has a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicOwner {
    /// A private address of a NIC: what is sent to the public one arrives there.
    Nic {
        /// The NIC.
        nic: NicRef,
        /// The private address.
        private: Ipv4Addr,
        /// The public address resource.
        public_ip: PublicIpId,
    },
    /// A frontend of a load balancer.
    Frontend(FrontendRef),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A virtual network gateway.
    Gateway(GatewayId),
    /// A stand-in for a PaaS service.
    Service(ServiceId),
    /// A host in the internet.
    InternetHost(InternetHostId),
}

/// A frontend of a load balancer, by its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrontendRef {
    /// The load balancer.
    pub balancer: LoadBalancerId,
    /// The position in its `frontends`.
    pub index: usize,
}

/// A machine on premises, by its position in its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineRef {
    /// The site.
    pub site: SiteId,
    /// The position in its `machines`.
    pub index: usize,
}

/// Names and addresses of one network, and who has them.
#[derive(Debug)]
pub struct Owners {
    machines: HashMap<String, VmId>,
    nics: HashMap<Ipv4Addr, Vec<NicRef>>,
    public: HashMap<Ipv4Addr, PublicOwner>,
    on_premises: HashMap<Ipv4Addr, MachineRef>,
    pools: HashMap<NicRef, Vec<(LoadBalancerId, usize)>>,
}

impl Owners {
    /// Looks at everything once.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let mut owners = Self {
            machines: HashMap::new(),
            nics: HashMap::new(),
            public: HashMap::new(),
            on_premises: HashMap::new(),
            pools: HashMap::new(),
        };
        owners.note_machines(network);
        owners.note_load_balancers(network);
        owners.note_public_addresses(network);
        owners.note_sites(network);
        owners
    }

    /// The VM of this name, compared without case as Azure does.
    #[must_use]
    pub fn vm(&self, name: &str) -> Option<VmId> {
        self.machines.get(&name.to_ascii_lowercase()).copied()
    }

    /// Every NIC with this private address: unrelated virtual networks may use the same ones.
    #[must_use]
    pub fn nics(&self, address: Ipv4Addr) -> &[NicRef] {
        self.nics.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Who has this public address.
    #[must_use]
    pub fn public(&self, address: Ipv4Addr) -> Option<PublicOwner> {
        self.public.get(&address).copied()
    }

    /// The machine on premises with this address.
    #[must_use]
    pub fn on_premises(&self, address: Ipv4Addr) -> Option<MachineRef> {
        self.on_premises.get(&address).copied()
    }

    /// The backend pools that a NIC is in, each by its load balancer and its position there.
    #[must_use]
    pub fn pools(&self, nic: NicRef) -> &[(LoadBalancerId, usize)] {
        self.pools.get(&nic).map_or(&[], Vec::as_slice)
    }

    fn note_machines(&mut self, network: &Network) {
        for (position, vm) in network.virtual_machines.iter().enumerate() {
            self.machines.entry(vm.name.as_str().to_ascii_lowercase()).or_insert(VmId(position));
        }
        for (nic, properties) in network.nics() {
            for &address in &properties.addresses {
                self.nics.entry(address).or_default().push(nic);
            }
            for &(private, public_ip) in &properties.public_ips {
                let owner = PublicOwner::Nic { nic, private, public_ip };
                self.public.entry(network.public_ip(public_ip).address).or_insert(owner);
            }
        }
    }

    fn note_load_balancers(&mut self, network: &Network) {
        for (position, balancer) in network.load_balancers.iter().enumerate() {
            let id = LoadBalancerId(position);
            for (index, frontend) in balancer.frontends.iter().enumerate() {
                let frontend_ref = FrontendRef { balancer: id, index };
                if let FrontendAddress::Public(public_ip) = frontend.address {
                    let address = network.public_ip(public_ip).address;
                    self.public.entry(address).or_insert(PublicOwner::Frontend(frontend_ref));
                }
            }
            for (pool, (_, members)) in balancer.backend_pools.iter().enumerate() {
                for &nic in members {
                    self.pools.entry(nic).or_default().push((id, pool));
                }
            }
        }
    }

    fn note_public_addresses(&mut self, network: &Network) {
        for (position, gateway) in network.nat_gateways.iter().enumerate() {
            for &public_ip in &gateway.public_ips {
                let owner = PublicOwner::NatGateway(NatGatewayId(position));
                self.public.entry(network.public_ip(public_ip).address).or_insert(owner);
            }
        }
        for (position, gateway) in network.virtual_network_gateways.iter().enumerate() {
            for &public_ip in &gateway.public_ips {
                let owner = PublicOwner::Gateway(GatewayId(position));
                self.public.entry(network.public_ip(public_ip).address).or_insert(owner);
            }
        }
        for (position, service) in network.services.iter().enumerate() {
            self.public.entry(service.address).or_insert(PublicOwner::Service(ServiceId(position)));
        }
        for (position, host) in network.internet_hosts.iter().enumerate() {
            self.public.entry(host.address).or_insert(PublicOwner::InternetHost(InternetHostId(position)));
        }
    }

    fn note_sites(&mut self, network: &Network) {
        for (position, site) in network.on_premises.iter().enumerate() {
            for (index, (_, address)) in site.machines.iter().enumerate() {
                let machine = MachineRef { site: SiteId(position), index };
                self.on_premises.entry(*address).or_insert(machine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::build::NetworkBuilder;

    #[test]
    fn names_are_found_without_case_and_addresses_with_every_owner() {
        let network = NetworkBuilder::new()
            .vnet("red", "10.0.0.0/16")
            .vnet("blue", "10.0.0.0/16")
            .vm_with("web1", &["red/10.0.0.4"], |_| {})
            .vm_with("web2", &["blue/10.0.0.4"], |_| {})
            .build();
        let owners = Owners::of(&network);
        assert_eq!(owners.vm("WEB2"), Some(VmId(1)));
        assert_eq!(owners.vm("web3"), None);
        assert_eq!(owners.nics([10, 0, 0, 4].into()).len(), 2);
        assert!(owners.nics([10, 0, 0, 5].into()).is_empty());
        assert_eq!(owners.public([20, 0, 0, 1].into()), None);
    }
}
