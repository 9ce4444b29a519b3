//! The platform's addresses: what the agent answers at a port, and what of it a customer's rules can cut.
//!
//! Neither routes nor ordinary rules stand between a VM and the platform: only rules about a service's own tag cut that service.
//! The agent's sockets are in the port's namespace, which therefore has the addresses, and which sends nothing but their answers.
//!
//! ```text
//! guest ─► outbound ─► platform: answer to a health probe? ─► known? ─► rules about this service ─► a service? ─► the agent
//! ```
//! <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works#azure-platform-considerations>

use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::edge::INTERNET_VNI;
use goal_state::nsg::{AddressSet, Direction, Filter, PortRange};
use goal_state::platform::{
    INSTANCE_METADATA, LICENSING, LICENSING_PORT, PlatformService, WIRE_SERVER, WIRE_SERVER_PORTS,
};
use goal_state::vm::NetworkInterface;
use ipnet::Ipv4Net;
use linux_net::netlink::{self, Address, Route, RouteTarget};

use super::port::{drop_rule, known_flows};
use super::{nsg, rule_list};
use crate::names::{GUEST, UPLINK};
use crate::ruleset::{Action, Chain, Match, Rule};

/// The chain of packets to the platform.
const CHAIN: &str = "platform";
/// The chain of packets to the servers of Windows licensing, which routes lead to.
const LICENSING_CHAIN: &str = "licensing";
/// The mark of answers to health probes, which go to the virtual network instead of the agent.
const PROBE_ANSWER: u32 = 0x10;
/// Holds the route of answers to health probes.
const PROBE_TABLE: u32 = 201;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DNS_PORT: u16 = 53;
const METADATA_PORT: u16 = 80;

/// The addresses that the agent listens on.
pub(super) fn addresses() -> Vec<Address> {
    [WIRE_SERVER, INSTANCE_METADATA]
        .map(|address| Address { device: GUEST.into(), address: address.into() })
        .to_vec()
}

/// Where answers go: the agent's to the guest, whatever routes say; those to health probes to the virtual network.
pub(super) fn policy_rules(to_guest: u32) -> [netlink::Rule; 2] {
    [netlink::Rule::new(150, to_guest).iif("lo"), netlink::Rule::new(250, PROBE_TABLE).fwmark(PROBE_ANSWER)]
}

/// The prober has the platform's address in the virtual network.
pub(super) fn probe_route() -> Route {
    Route::new(WIRE_SERVER.into(), RouteTarget::Device(UPLINK.into())).in_table(PROBE_TABLE)
}

/// Only the platform sends from its addresses.
pub(super) fn source_rule() -> Rule {
    let platform = AddressSet::new([WIRE_SERVER.into(), INSTANCE_METADATA.into()]);
    drop_rule(vec![Match::Source(platform)], DropReason::SourceAddress, Direction::Outbound)
}

/// What leads packets to the platform away from the customer's rules.
pub(super) fn entry_rules() -> [Rule; 2] {
    let platform = AddressSet::new([WIRE_SERVER.into(), INSTANCE_METADATA.into()]);
    let [servers, protocol, port] = licensing_question();
    [
        Rule::new(vec![Match::Destination(platform)], vec![Action::Goto(CHAIN.into())]),
        Rule::new(vec![servers, protocol, port], vec![Action::Goto(LICENSING_CHAIN.into())]),
    ]
}

/// The chains behind [`entry_rules`]. What they let through goes on to `pass`, or to `routes` where routes are asked.
pub(super) fn chains(nic: &NetworkInterface, pass: &str, routes: &str) -> Vec<Chain> {
    let filter = &nic.port.filter;
    let mut chains = Vec::new();
    let mut asked = |service| {
        let lists = service_chains(filter, service);
        let jumps = lists.iter().map(|chain| Action::Jump(chain.name.clone())).collect::<Vec<_>>();
        chains.extend(lists);
        jumps
    };
    let (dns, metadata) = (asked(PlatformService::Dns), asked(PlatformService::InstanceMetadata));
    let licensing = asked(PlatformService::Licensing);
    chains.push(platform_chain(nic, &dns, &metadata, pass));
    chains.push(licensing_chain(licensing, routes));
    chains
}

fn platform_chain(nic: &NetworkInterface, dns: &[Action], metadata: &[Action], pass: &str) -> Chain {
    let pass = || Action::Goto(pass.into());
    let answer = vec![Match::Destination(one(WIRE_SERVER)), Match::Established, Match::Reply];
    let mut rules = vec![Rule::new(answer, vec![Action::SetMark(PROBE_ANSWER), pass()])];
    rules.extend(known_flows(pass()));
    let jumps = |question: &[Match], jumps: &[Action]| {
        jumps.iter().map(|jump| Rule::new(question.to_vec(), vec![jump.clone()])).collect::<Vec<_>>()
    };
    rules.extend(jumps(&dns_question(), dns));
    rules.push(Rule::new(dns_question(), vec![pass()]));
    // The hosts of the internet and services are no VMs of Azure's; names they have to ask for.
    if nic.port.vni.get() != INTERNET_VNI {
        rules.push(Rule::new(tcp_to(WIRE_SERVER, &WIRE_SERVER_PORTS), vec![pass()]));
        let question = tcp_to(INSTANCE_METADATA, &[METADATA_PORT]);
        rules.extend(jumps(&question, metadata));
        rules.push(Rule::new(question, vec![pass()]));
    }
    rules.push(drop_rule(vec![], DropReason::Platform, Direction::Outbound));
    Chain { name: CHAIN.into(), hook: None, rules }
}

fn licensing_chain(jumps: Vec<Action>, routes: &str) -> Chain {
    let go_on = || Action::Goto(routes.into());
    let mut rules = known_flows(go_on()).to_vec();
    rules.extend(jumps.into_iter().map(|jump| Rule::new(vec![], vec![jump])));
    rules.push(Rule::new(vec![], vec![go_on()]));
    Chain { name: LICENSING_CHAIN.into(), hook: None, rules }
}

/// The rules about one service, a chain for each group that has some: each group must let it through.
fn service_chains(filter: &Filter, service: PlatformService) -> Vec<Chain> {
    let word = match service {
        PlatformService::Dns => "dns",
        PlatformService::InstanceMetadata => "metadata",
        PlatformService::Licensing => "licensing",
    };
    let chain = |group: &goal_state::nsg::RuleGroup| {
        let about = |priority| {
            let mut rules = filter.platform.iter();
            rules
                .any(|it| (it.service, it.association, it.priority) == (service, group.association, priority))
        };
        let mut list = nsg::list(group, Direction::Outbound);
        list.retain(|listed| about(listed.rule.priority));
        let name = format!("platform_{word}_{}", group.association.as_str());
        (!list.is_empty()).then(|| rule_list::chain(name, &list))
    };
    filter.outbound.iter().filter_map(|group| chain(group)).collect()
}

/// The agent's answers leave the port, and nothing else that begins there.
pub(super) fn answers() -> Vec<Rule> {
    let from = |address, protocols: &[u8], ports: &[u16]| {
        let matches = vec![
            Match::Source(one(address)),
            Match::Protocol(protocols.to_vec()),
            Match::SourcePort(ranges(ports)),
            Match::Established,
        ];
        Rule::new(matches, vec![Action::Accept])
    };
    vec![
        from(WIRE_SERVER, &[TCP, UDP], &[DNS_PORT]),
        from(WIRE_SERVER, &[TCP], &WIRE_SERVER_PORTS),
        from(INSTANCE_METADATA, &[TCP], &[METADATA_PORT]),
    ]
}

fn dns_question() -> Vec<Match> {
    vec![
        Match::Destination(one(WIRE_SERVER)),
        Match::Protocol(vec![TCP, UDP]),
        Match::DestinationPort(ranges(&[DNS_PORT])),
    ]
}

fn tcp_to(address: Ipv4Addr, ports: &[u16]) -> Vec<Match> {
    vec![Match::Destination(one(address)), Match::Protocol(vec![TCP]), Match::DestinationPort(ranges(ports))]
}

fn licensing_question() -> [Match; 3] {
    [
        Match::Destination(LICENSING.into_iter().map(Ipv4Net::from).collect()),
        Match::Protocol(vec![TCP]),
        Match::DestinationPort(ranges(&[LICENSING_PORT])),
    ]
}

fn one(address: Ipv4Addr) -> AddressSet {
    AddressSet::new([address.into()])
}

fn ranges(ports: &[u16]) -> Vec<PortRange> {
    ports.iter().filter_map(|&port| PortRange::new(port, port)).collect()
}
