//! A network with everything that is in force in it. Each part is computed when it is first asked for, and once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::OnceLock;

use goal_state::nsg::Filter;

use super::owners::Owners;
use super::reach::reachable_addresses;
use super::routes::EffectiveRoutes;
use super::rules::filter;
use super::tags::Tags;
use crate::network::{Network, NicRef, SubnetRef, VnetId};

/// A network, and what is in force for its virtual networks, subnets and NICs. Threads may share it.
#[derive(Debug)]
pub struct Policy<'n> {
    network: &'n Network,
    vnets: Vec<OfVnet>,
    /// By VM and NIC.
    filters: Vec<Vec<OnceLock<Filter>>>,
    owners: OnceLock<Owners>,
}

#[derive(Debug, Default)]
struct OfVnet {
    reachable: OnceLock<BTreeMap<Ipv4Addr, NicRef>>,
    subnets: Vec<OfSubnet>,
}

#[derive(Debug, Default)]
struct OfSubnet {
    routes: OnceLock<EffectiveRoutes>,
    tags: OnceLock<Tags>,
}

impl<'n> Policy<'n> {
    /// Nothing is computed yet.
    #[must_use]
    pub fn new(network: &'n Network) -> Self {
        let vnets = network.virtual_networks.iter().map(|vnet| OfVnet {
            reachable: OnceLock::new(),
            subnets: vnet.subnets.iter().map(|_| OfSubnet::default()).collect(),
        });
        let filters = network.virtual_machines.iter().map(|vm| vm.nics.iter().map(|_| OnceLock::new()));
        Self {
            network,
            vnets: vnets.collect(),
            filters: filters.map(Iterator::collect).collect(),
            owners: OnceLock::new(),
        }
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// Effective routes of a subnet.
    #[must_use]
    pub fn routes(&self, subnet: SubnetRef) -> &EffectiveRoutes {
        self.subnet(subnet).routes.get_or_init(|| EffectiveRoutes::of(self.network, subnet))
    }

    /// Service tags as a subnet sees them.
    #[must_use]
    pub fn tags(&self, subnet: SubnetRef) -> &Tags {
        self.subnet(subnet).tags.get_or_init(|| Tags::of(self.network, subnet))
    }

    /// The filter of a NIC.
    #[must_use]
    pub fn filter(&self, nic: NicRef) -> &Filter {
        self.filters[nic.vm.0][nic.index.0].get_or_init(|| filter(self, nic))
    }

    /// Who has which name and which address.
    #[must_use]
    pub fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| Owners::of(self.network))
    }

    /// Every NIC address that a virtual network can send to, and who has it.
    #[must_use]
    pub fn reachable(&self, vnet: VnetId) -> &BTreeMap<Ipv4Addr, NicRef> {
        self.vnets[vnet.0].reachable.get_or_init(|| reachable_addresses(self.network, vnet))
    }

    fn subnet(&self, subnet: SubnetRef) -> &OfSubnet {
        &self.vnets[subnet.vnet.0].subnets[subnet.index]
    }
}
