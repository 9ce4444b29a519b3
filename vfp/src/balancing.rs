//! Which backends a frontend's rules choose among: groups of next hops that follow health.
//!
//! Each rule has a group, whose members are the rule's healthy backends, and a routing table with a route to that group; without a healthy
//! backend it has neither, and packets fall through to the void. The groups are resilient: when a backend goes, only its flows move.
//! Nothing of this is in [`crate::network`], because it changes without a goal state, and survives the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::edge::{Backend, BalancingRule, Frontend};
use goal_state::nsg::Protocol;
use ipnet::Ipv4Net;
use linux_net::netlink::{NetlinkError, NextHop, NextHops, Request, ResilientGroup, Route, RouteTarget};
use linux_net::nft::{self, InvalidText, Name, NftError};
use linux_net::{NetNs, Netlink};

use crate::lower::frontend::flows;
use crate::names::INSIDE;
use crate::ruleset::TABLE;
use crate::station::Station;

/// The table of the first rule; those of the others follow.
const FIRST_TABLE: u32 = 0x1000;
const LAST_TABLE: u32 = FIRST_TABLE + 0xffff;

/// Buckets of a group: Azure has up to 1,000 backends in a pool, and flows are spread more evenly the more there are.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#load-balancer>
const BUCKETS: u16 = 4096;

/// Why backends could not be set, or flows not counted.
#[derive(Debug, thiserror::Error)]
pub enum BalancingError {
    /// There is no such frontend here.
    #[error("network namespace {name}")]
    Namespace {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: linux_net::netns::NetNsError,
    },
    /// The kernel refused.
    #[error("next hops")]
    Netlink(#[from] NetlinkError),
    /// The flows could not be listed.
    #[error("flows")]
    Nft(#[from] NftError),
    /// No name of a map.
    #[error("a name in the ruleset")]
    Name(#[from] InvalidText),
}

/// The routing table of a frontend's rule.
pub(crate) fn rule_table(index: usize) -> u32 {
    FIRST_TABLE + u32::from(usize_to_u16(index))
}

/// Whether a routing table of a frontend is filled here.
pub(crate) fn is_rule_table(table: u32) -> bool {
    (FIRST_TABLE..=LAST_TABLE).contains(&table)
}

/// Rules have their numbers in marks and tables; Azure has 1,500 in a load balancer.
pub(crate) fn usize_to_u16(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX - 1)
}

/// Makes the backends of each rule those that `is_healthy`; of which it knows nothing stays as it is. Returns how much has changed.
///
/// # Errors
/// When the frontend is not there, or the kernel refuses something.
pub fn settle(
    frontend: &Frontend,
    is_healthy: &dyn Fn(&BalancingRule, &Backend) -> Option<bool>,
) -> Result<usize, BalancingError> {
    let mut netlink = Netlink::open(&namespace(frontend)?)?;
    let (present, routes) = (netlink.next_hops()?, netlink.routes()?);
    let requests = plan(frontend, is_healthy, &present, &routes);
    netlink.apply(&requests)?;
    Ok(requests.len())
}

/// A frontend's rule, the address of a backend, and how many TCP connections the rule has there: those that have not ended, and were not idle
/// for too long.
pub type FlowCounts = BTreeMap<(usize, Ipv4Addr), u64>;

/// The open connections of a frontend.
///
/// # Errors
/// When the frontend is not there, or the kernel cannot be asked.
pub fn flow_counts(frontend: &Frontend) -> Result<FlowCounts, BalancingError> {
    let namespace = namespace(frontend)?;
    let mut counts = FlowCounts::new();
    for (index, _) in frontend.rules.iter().enumerate().filter(|(_, rule)| rule.protocol != Protocol::Udp) {
        let map = Name::new(flows(index))?;
        for ((_, backend), count) in nft::flow_counts(&namespace, &Name::new(TABLE)?, &[map])? {
            counts.insert((index, backend), count);
        }
    }
    Ok(counts)
}

fn namespace(frontend: &Frontend) -> Result<NetNs, BalancingError> {
    let name = Station::Frontend(frontend).namespace();
    NetNs::open(&name).map_err(|source| BalancingError::Namespace { name, source })
}

/// What is to be done. Pure.
fn plan(
    frontend: &Frontend,
    is_healthy: &dyn Fn(&BalancingRule, &Backend) -> Option<bool>,
    present: &NextHops,
    routes: &[Route],
) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut kept = BTreeSet::new();
    for (index, rule) in frontend.rules.iter().enumerate() {
        let group = Group::of(index, rule, present);
        let healthy = |backend: &&Backend| {
            is_healthy(rule, backend).unwrap_or_else(|| group.members.contains_key(&backend.address))
        };
        let wanted = rule.backends.iter().filter(healthy).map(|backend| backend.address).collect();
        requests.extend(group.settle(&wanted, routes));
        kept.extend((!wanted.is_empty()).then_some(group.id));
    }
    // A group of a rule that is no more, or has nobody. What is a member of none is of no use.
    let unwanted = present.groups.iter().map(|group| group.id).filter(|id| !kept.contains(id));
    let single = present.single.iter().map(|next_hop| next_hop.id);
    let strays = single.filter(|id| !kept.contains(&(id >> 16)));
    requests.extend(unwanted.chain(strays).map(Request::DeleteNextHop));
    requests
}

/// A rule's group, as it is.
struct Group<'a> {
    id: u32,
    table: u32,
    idle_timer_s: u32,
    exists: bool,
    members: BTreeMap<Ipv4Addr, u32>,
    numbers: BTreeSet<u32>,
    rule: &'a BalancingRule,
}

impl<'a> Group<'a> {
    fn of(index: usize, rule: &'a BalancingRule, present: &NextHops) -> Self {
        let id = u32::from(usize_to_u16(index)) + 1;
        let group = present.groups.iter().find(|group| group.id == id);
        let is_member = |next_hop: &&NextHop| {
            group.is_some_and(|group| group.members.contains(&next_hop.id)) && next_hop.device == INSIDE
        };
        let members = present.single.iter().filter(is_member);
        // TCP's connections are remembered, so their buckets may move at once, and a backend that comes back has its share.
        let idle_timer_s = if rule.protocol == Protocol::Udp { rule.idle_timeout_s } else { 0 };
        Self {
            id,
            table: rule_table(index),
            idle_timer_s,
            exists: group.is_some_and(|group| group.idle_timer_s == idle_timer_s),
            members: members.map(|next_hop| (next_hop.gateway, next_hop.id)).collect(),
            numbers: present.single.iter().map(|next_hop| next_hop.id).collect(),
            rule,
        }
    }

    /// Members come before others go, so that the group is never empty.
    fn settle(&self, wanted: &BTreeSet<Ipv4Addr>, routes: &[Route]) -> Vec<Request> {
        debug_assert!(wanted.len() <= self.rule.backends.len());
        let mut requests = Vec::new();
        if wanted.is_empty() {
            return requests;
        }
        let mut numbers = self.numbers.clone();
        let mut members = self.members.clone();
        for address in wanted.iter().filter(|address| !self.members.contains_key(address)) {
            let id = (self.id << 16..).find(|id| numbers.insert(*id)).unwrap_or(self.id << 16);
            members.insert(*address, id);
            requests.push(Request::PutNextHop(NextHop {
                id,
                gateway: *address,
                device: INSIDE.into(),
                onlink: true,
            }));
        }
        if members.len() != self.members.len() || !self.exists {
            let members = members.values().copied().collect();
            let (id, idle_timer_s) = (self.id, self.idle_timer_s);
            requests.push(Request::PutGroup(ResilientGroup { id, members, buckets: BUCKETS, idle_timer_s }));
        }
        // Deleted, and not left out: then its buckets change hands at once, however busy they are.
        let gone = self.members.iter().filter(|(address, _)| !wanted.contains(address));
        requests.extend(gone.map(|(_, id)| Request::DeleteNextHop(*id)));
        let route = Route::new(Ipv4Net::default(), RouteTarget::NextHop(self.id)).in_table(self.table);
        if !routes.contains(&route) {
            requests.push(Request::PutRoute(route));
        }
        requests
    }
}
