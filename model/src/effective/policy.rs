//! A network with everything that is in force in it. Each part is computed when it is first asked for, and once.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use goal_state::nsg::{AddressSet, Direction, Filter, RuleGroup};
use ipnet::Ipv4Net;
use prefix_trie::PrefixMap;

use super::bgp::Bgp;
use super::classifier::Classifier;
use super::default_outbound;
use super::encryption::Encryption;
use super::gateway_routes::gateway_routes;
use super::leases::Leases;
use super::owners::Owners;
use super::reach::{self, Owner};
use super::routes::{EffectiveRoute, EffectiveRoutes};
use super::rules::{GroupKey, filter, members, subnet_filter};
use super::tags::Tags;
use crate::network::{AsgId, Network, NicRef, PeeringScope, PrivateEndpointId, SubnetRef, VnetId};

/// A network, and what is in force for its virtual networks, subnets and NICs. Threads may share it.
#[derive(Debug)]
pub struct Policy<'n> {
    network: &'n Network,
    addresses: OnceLock<Vec<BTreeMap<Ipv4Addr, Owner>>>,
    bgp: OnceLock<Bgp>,
    /// By VM and NIC.
    default_outbound: OnceLock<Vec<Vec<Ipv4Addr>>>,
    encryption: OnceLock<Encryption>,
    /// By virtual network.
    private_endpoints: OnceLock<Vec<Vec<PrivateEndpointId>>>,
    vnets: Vec<OfVnet>,
    /// By VM and NIC.
    filters: Vec<Vec<OfNic>>,
    leases: OnceLock<Leases>,
    owners: OnceLock<Owners>,
    members: OnceLock<Vec<AddressSet>>,
    groups: Mutex<HashMap<GroupKey, SharedGroup>>,
}

/// A group that NICs share, once somebody has made it.
type SharedGroup = Arc<OnceLock<Arc<RuleGroup>>>;

#[derive(Debug, Default)]
struct OfNic {
    filter: OnceLock<Filter>,
    inbound: OnceLock<Vec<Classifier>>,
    outbound: OnceLock<Vec<Classifier>>,
}

#[derive(Debug, Default)]
struct OfVnet {
    links: OnceLock<PrefixMap<Ipv4Net, usize>>,
    gateway_routes: OnceLock<Vec<EffectiveRoute>>,
    subnets: Vec<OfSubnet>,
}

#[derive(Debug, Default)]
struct OfSubnet {
    routes: OnceLock<EffectiveRoutes>,
    tags: OnceLock<Tags>,
    filter: OnceLock<Filter>,
}

impl<'n> Policy<'n> {
    /// Nothing is computed yet.
    #[must_use]
    pub fn new(network: &'n Network) -> Self {
        let vnets = network.virtual_networks.iter().map(|vnet| OfVnet {
            links: OnceLock::new(),
            gateway_routes: OnceLock::new(),
            subnets: vnet.subnets.iter().map(|_| OfSubnet::default()).collect(),
        });
        let filters = network.virtual_machines.iter().map(|vm| vm.nics.iter().map(|_| OfNic::default()));
        Self {
            network,
            addresses: OnceLock::new(),
            bgp: OnceLock::new(),
            default_outbound: OnceLock::new(),
            encryption: OnceLock::new(),
            private_endpoints: OnceLock::new(),
            vnets: vnets.collect(),
            filters: filters.map(Iterator::collect).collect(),
            leases: OnceLock::new(),
            owners: OnceLock::new(),
            members: OnceLock::new(),
            groups: Mutex::default(),
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
        // Nothing else of a subnet decides about its routes.
        let of = |index: usize| {
            let subnet = &self.network.vnet(subnet.vnet).subnets[index];
            (subnet.route_table, &subnet.service_endpoints)
        };
        let own = of(subnet.index);
        let first = (0..subnet.index).find(|&index| of(index) == own).unwrap_or(subnet.index);
        let subnet = SubnetRef { index: first, ..subnet };
        self.subnet(subnet).routes.get_or_init(|| EffectiveRoutes::of(self, subnet))
    }

    /// Service tags as a subnet sees them.
    #[must_use]
    pub fn tags(&self, subnet: SubnetRef) -> &Tags {
        let subnet = self.alike(subnet);
        self.subnet(subnet).tags.get_or_init(|| Tags::of(self, subnet))
    }

    /// The filter of a NIC.
    #[must_use]
    pub fn filter(&self, nic: NicRef) -> &Filter {
        self.filters[nic.vm.0][nic.index.0].filter.get_or_init(|| filter(self, nic))
    }

    /// The first subnet of the same virtual network for which service tags have the same addresses.
    pub(super) fn alike(&self, subnet: SubnetRef) -> SubnetRef {
        let vnet = self.network.vnet(subnet.vnet);
        if vnet.peerings.iter().any(|link| link.scope != PeeringScope::CompleteVnets) {
            return subnet;
        }
        let table = vnet.subnets[subnet.index].route_table;
        let first = vnet.subnets.iter().position(|other| other.route_table == table);
        SubnetRef { index: first.unwrap_or(subnet.index), ..subnet }
    }

    /// The group of this key, made by `make` when it is asked for first.
    pub(super) fn group(&self, key: GroupKey, make: impl FnOnce(&GroupKey) -> RuleGroup) -> Arc<RuleGroup> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(groups.entry(key.clone()).or_default());
        drop(groups);
        Arc::clone(cell.get_or_init(|| Arc::new(make(&key))))
    }

    /// The private addresses of every NIC in any of the groups. None for groups without members: the rule matches nothing.
    pub(super) fn members(&self, asgs: &[AsgId]) -> AddressSet {
        let all = self.members.get_or_init(|| members(self.network));
        match asgs {
            [asg] => all[asg.0].clone(),
            asgs => AddressSet::new(asgs.iter().flat_map(|asg| all[asg.0].prefixes()).copied()),
        }
    }

    /// For each group of the NIC's filter in one direction, in order, what finds the rule for a packet. Made for those who ask
    /// about many packets; a single one is answered sooner by [`crate::verdict::rule_match::first_match`].
    #[must_use]
    pub fn classifiers(&self, nic: NicRef, direction: Direction) -> &[Classifier] {
        let of_nic = &self.filters[nic.vm.0][nic.index.0];
        let cell = match direction {
            Direction::Inbound => &of_nic.inbound,
            Direction::Outbound => &of_nic.outbound,
        };
        cell.get_or_init(|| {
            self.filter(nic).groups(direction).iter().map(|group| Classifier::new(group)).collect()
        })
    }

    /// What filters whatever stands in a subnet without being a NIC of a VM, such as a private endpoint.
    #[must_use]
    pub fn subnet_filter(&self, subnet: SubnetRef) -> &Filter {
        self.subnet(subnet).filter.get_or_init(|| subnet_filter(self, subnet))
    }

    /// Who has which name and which address.
    #[must_use]
    pub fn owners(&self) -> &Owners {
        self.owners.get_or_init(|| Owners::of(self.network))
    }

    /// Source ports of frontends that are leased to machines of backend pools.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        self.leases.get_or_init(|| Leases::of(self.network))
    }

    /// The address that a NIC has in the internet where default outbound access gives it one. It is no other NIC's.
    #[must_use]
    pub fn default_outbound_address(&self, nic: NicRef) -> Ipv4Addr {
        let all = self.default_outbound.get_or_init(|| default_outbound::addresses(self.network));
        all[nic.vm.0][nic.index.0]
    }

    /// Every private address in a virtual network, and who has it.
    #[must_use]
    pub fn addresses(&self, vnet: VnetId) -> &BTreeMap<Ipv4Addr, Owner> {
        &self.addresses.get_or_init(|| reach::addresses(self.network))[vnet.0]
    }

    /// What gateways and route servers learn and announce.
    #[must_use]
    pub fn bgp(&self) -> &Bgp {
        self.bgp.get_or_init(|| Bgp::of(self.network))
    }

    /// Who encrypts with whom.
    #[must_use]
    pub fn encryption(&self) -> &Encryption {
        self.encryption.get_or_init(|| Encryption::of(self.network))
    }

    /// The routes that gateways and route servers put into a virtual network, its own or those of the hub that it uses,
    /// sorted by prefix. A route table may keep them from a subnet.
    #[must_use]
    pub fn gateway_routes(&self, vnet: VnetId) -> &[EffectiveRoute] {
        let routes = &self.vnets[vnet.0].gateway_routes;
        routes.get_or_init(|| gateway_routes(self.network, self.bgp(), vnet))
    }

    /// The private endpoints in a virtual network.
    pub(super) fn private_endpoints(&self, vnet: VnetId) -> &[PrivateEndpointId] {
        let by_vnet = self.private_endpoints.get_or_init(|| {
            let mut by_vnet = vec![Vec::new(); self.network.virtual_networks.len()];
            for (position, endpoint) in self.network.private_endpoints.iter().enumerate() {
                by_vnet[endpoint.subnet.vnet.0].push(PrivateEndpointId(position));
            }
            by_vnet
        });
        &by_vnet[vnet.0]
    }

    /// The positions of the virtual network's peering links that give access, by what their routes cover.
    pub(super) fn links(&self, vnet: VnetId) -> &PrefixMap<Ipv4Net, usize> {
        self.vnets[vnet.0].links.get_or_init(|| reach::links(self.network, vnet))
    }

    fn subnet(&self, subnet: SubnetRef) -> &OfSubnet {
        &self.vnets[subnet.vnet.0].subnets[subnet.index]
    }
}
