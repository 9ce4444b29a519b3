//! A NIC's port: a namespace that routes between the guest and the host's bridge, and filters both ways.
//!
//! ```text
//! guest, vf ─► outbound: source, protocol, platform? ─► established? ─► admin rules ─► NIC group ─► subnet group ─► routes ─► unencrypted ─► translation ─► up0
//! up0 ─► translation ─► inbound: destination, forwarded traffic ─► established? ─► admin rules ─► subnet group ─► NIC group ─► guest
//! ```
//!
//! `vf` is there while an accelerated NIC has its VF, and never for others. What comes by it is from the guest as well.
//!
//! The filter is in the prerouting hook because Azure evaluates groups before routes, and because a packet that a
//! blackhole route takes never reaches the forward hook. The port itself never sends a packet, but for the platform's answers
//! ([`super::platform`]): what Linux would say (ICMP errors) is dropped.

use goal_state::nsg::{AddressSet, Association, Direction, PortRange};
use goal_state::vm::{NetworkInterface, VirtualMachine};
use goal_state::{DropReason, MacAddr, NicId};
use ipnet::Ipv4Net;
use linux_net::netlink::{self, LOCAL_TABLE, MAIN_TABLE, Neighbour, Route, RouteTarget};

use super::drop_log::{DropMark, log_seen};
use super::nsg::{self, direction_word};
use super::rule_list::{self, ListedRule};
use super::{
    MTU, decision_tree, mac, peering, platform, private_endpoint, route, security_admin, translation,
    unencrypted,
};
use crate::names::{self, GUEST, UPLINK, VF};
use crate::network::{Cable, CableEnd, Device, DeviceKind, Namespace, PortNetwork, Sysctl};
use crate::ruleset::{Action, Chain, Counter, Family, Hook, Match, Rule, Ruleset};

/// The mark of IPv4 packets from the guest. ARP requests have none, which is how their look-up is told apart.
pub(super) const FROM_GUEST: u32 = 1;
const TCP: u8 = 6;
/// Holds one default route to the guest, for whatever comes in from the bridge.
const INBOUND_TABLE: u32 = 100;
/// Holds one default route to the bridge, so that every ARP request of the guest has an answer.
const ARP_TABLE: u32 = 200;
/// Linux's table for what nothing else decides; empty.
const DEFAULT_TABLE: u32 = 253;
/// What DSCP marks a probe.
const PROBE_DSCP: u8 = goal_state::probe::PROBE_DSCP;

/// The port of a VM's NIC.
pub(super) fn lower(vm: &VirtualMachine, index: usize, nic: &NetworkInterface) -> PortNetwork {
    let id = NicId { vm: vm.name.clone(), nic: nic.name.clone() };
    let name = names::port_namespace(&id);
    let end = |namespace: Option<&str>, device: &str| CableEnd {
        namespace: namespace.map(str::to_owned),
        device: device.to_owned(),
    };
    PortNetwork {
        guest_cable: Cable {
            ends: [
                end(Some(&names::vm_namespace(&vm.name)), &names::guest_device(index)),
                end(Some(&name), GUEST),
            ],
            hooks: nic.accelerated,
        },
        uplink_cable: Cable {
            ends: [end(Some(&name), UPLINK), end(None, &names::host_port(nic.mac))],
            hooks: nic.accelerated,
        },
        namespace: namespace(nic),
        untold: route::unreachable(&nic.port.routes),
        nic: id,
        name,
    }
}

fn namespace(nic: &NetworkInterface) -> Namespace {
    let cable_end = |mac| Device { kind: DeviceKind::CableEnd, mac: Some(mac), mtu: MTU, bridge: None };
    Namespace {
        sysctls: sysctls(),
        devices: [(GUEST.to_owned(), cable_end(MacAddr::GATEWAY)), (UPLINK.to_owned(), cable_end(nic.mac))]
            .into(),
        addresses: platform::addresses(),
        routes: routes(nic),
        rules: policy_rules(nic),
        neighbours: primary(nic)
            .map(|address| Neighbour { device: GUEST.into(), address, mac: mac(nic.mac) })
            .into_iter()
            .collect(),
        forwarding: Vec::new(),
        rulesets: vec![ruleset(nic)],
    }
}

fn primary(nic: &NetworkInterface) -> Option<std::net::Ipv4Addr> {
    nic.addresses.first().copied()
}

fn sysctls() -> Vec<Sysctl> {
    let mut sysctls = vec![
        Sysctl::new("net/ipv4/ip_forward", "1"),
        // Of several next hops, a flow keeps to one: addresses (1, 2), protocol (4) and ports (16, 32) choose it. They are read
        // from the packet: policy 1 would take the guest's own hash of the flow, which changes when TCP sends again.
        Sysctl::optional("net/ipv4/fib_multipath_hash_fields", "55"),
        Sysctl::optional("net/ipv4/fib_multipath_hash_policy", "3"),
        Sysctl::new(format!("net/ipv4/conf/{GUEST}/proxy_arp"), "1"),
        // Answer at once: the guest asks before its first packet.
        Sysctl::new(format!("net/ipv4/neigh/{GUEST}/proxy_delay"), "0"),
        // The bridge answers at once or never. While a question is open, further packets to that address wait for its end
        // and are lost with it, unsaid: so questions are short.
        Sysctl::new(format!("net/ipv4/neigh/{UPLINK}/retrans_time_ms"), "100"),
        // An appliance's neighbours see half of a flow at times.
        Sysctl::optional("net/netfilter/nf_conntrack_tcp_be_liberal", "1"),
        // Nor do they see every acknowledgement of a unified flow: a connection that rests with one unseen lives as long as any.
        Sysctl::optional("net/netfilter/nf_conntrack_tcp_timeout_unacknowledged", "432000"),
        Sysctl::optional("net/ipv6/conf/all/disable_ipv6", "1"),
        Sysctl::optional("net/ipv6/conf/default/disable_ipv6", "1"),
    ];
    // `default` is for `vf`, which comes later.
    for device in ["all", "default", GUEST, UPLINK] {
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/rp_filter"), "0"));
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/send_redirects"), "0"));
    }
    sysctls
}

/// The local table comes after the two devices' rules, so that no address is ever taken for the port's own.
fn policy_rules(nic: &NetworkInterface) -> Vec<netlink::Rule> {
    let [answers, probe_answers] = platform::policy_rules(INBOUND_TABLE);
    let mut rules = vec![
        netlink::Rule::new(100, INBOUND_TABLE).iif(UPLINK),
        answers,
        netlink::Rule::new(200, ARP_TABLE).iif(GUEST).fwmark(0),
        probe_answers,
    ];
    rules.extend(translation::policy_rules(nic));
    rules.extend([
        netlink::Rule::new(32_000, LOCAL_TABLE),
        netlink::Rule::new(32_766, MAIN_TABLE),
        netlink::Rule::new(32_767, DEFAULT_TABLE),
    ]);
    rules
}

fn routes(nic: &NetworkInterface) -> Vec<Route> {
    let everything = Ipv4Net::default();
    let mut routes = route::table(&nic.port.routes);
    // By way of the primary address, whatever the destination: one neighbour entry serves all.
    let to_guest = |gateway| RouteTarget::Gateway { gateway, device: GUEST.into(), onlink: true };
    routes.extend(
        primary(nic).map(|address| Route::new(everything, to_guest(address)).in_table(INBOUND_TABLE)),
    );
    routes.push(Route::new(everything, RouteTarget::Device(UPLINK.into())).in_table(ARP_TABLE));
    routes.push(platform::probe_route());
    routes.extend(translation::routes(nic));
    routes
}

/// The filter of one port.
fn ruleset(nic: &NetworkInterface) -> Ruleset {
    let mut counters = plain_counters(nic);
    counters.extend(peering::counters(&nic.port.forwarded_traffic_refused));
    counters.extend(route::counters(&nic.port.routes));
    counters.extend(unencrypted::counter(&nic.port.unencrypted_refused));
    counters.extend(translation::counters(nic));
    let mut chains = vec![
        pass(Direction::Outbound),
        pass(Direction::Inbound),
        route::chain(&nic.port.routes, &pass_name(Direction::Outbound), translation::INTERNET),
    ];
    for direction in [Direction::Outbound, Direction::Inbound] {
        for (name, list) in rule_lists(nic, direction) {
            counters.extend(list.iter().map(|listed| listed.counter.clone()));
            match decision_tree::chains(&name, &list, mark_of(direction)) {
                Some(tree) => chains.extend(tree),
                None => chains.push(rule_list::chain(name, &list)),
            }
        }
    }
    chains.extend(platform::chains(nic, &pass_name(Direction::Outbound), route::CHAIN));
    chains.extend([outbound(nic), inbound(nic), entry(nic), silence()]);
    chains.extend(unencrypted::chain(&nic.port.unencrypted_refused));
    chains.extend(translation::chains(nic, &pass_name(Direction::Outbound)));
    let connection_sets = translation::connection_sets(nic);
    Ruleset { counters, connection_sets, chains, ..Ruleset::new(Family::Ip) }
}

/// Where every packet enters. What is neither from the guest nor from the bridge does not exist.
fn entry(nic: &NetworkInterface) -> Chain {
    let lead = |(device, direction): (&str, _)| {
        Rule::new(
            vec![Match::InDevice(vec![device.into()])],
            vec![Action::Goto(direction_word(direction).into())],
        )
    };
    let vf = nic.accelerated.then_some((VF, Direction::Outbound));
    let devices = [(GUEST, Direction::Outbound), (UPLINK, Direction::Inbound)];
    Chain {
        name: "port".into(),
        hook: Some(Hook::Prerouting { drop: true }),
        rules: vf.into_iter().chain(devices).map(lead).collect(),
    }
}

/// What Linux says in the port's name is not said. The agent's answers are.
fn silence() -> Chain {
    Chain { name: "silence".into(), hook: Some(Hook::Output), rules: platform::answers() }
}

fn outbound(nic: &NetworkInterface) -> Chain {
    let mut rules = vec![Rule::new(vec![], vec![Action::SetMark(FROM_GUEST)])];
    rules.push(if nic.port.enable_ip_forwarding {
        platform::source_rule()
    } else {
        let foreign = vec![Match::SourceNot(taken_for_own(nic))];
        drop_rule(foreign, DropReason::SourceAddress, Direction::Outbound)
    });
    rules.extend(protocol_rules());
    rules.extend(platform::entry_rules());
    rules.extend(known_flows(Action::Goto(past_groups(Direction::Outbound))));
    rules.extend(private_endpoint::outbound_rule(nic));
    rules.extend(jumps(nic, Direction::Outbound));
    rules.push(Rule::new(vec![], vec![Action::Goto(past_groups(Direction::Outbound))]));
    Chain { name: direction_word(Direction::Outbound).into(), hook: None, rules }
}

fn inbound(nic: &NetworkInterface) -> Chain {
    let pass = || Action::Goto(past_groups(Direction::Inbound));
    let mut rules = translation::inbound_drop_rules(nic);
    rules.extend(private_endpoint::approval_rule(nic));
    if !nic.port.enable_ip_forwarding {
        rules.push(drop_rule(
            vec![Match::DestinationNot(taken_for_own(nic))],
            DropReason::IpForwarding,
            Direction::Inbound,
        ));
    }
    rules.extend(peering::rules(&nic.port.forwarded_traffic_refused));
    rules.extend(known_flows(pass()));
    rules.extend(jumps(nic, Direction::Inbound));
    rules.extend(private_endpoint::protocol_rule(nic));
    rules.push(Rule::new(vec![], vec![pass()]));
    Chain { name: direction_word(Direction::Inbound).into(), hook: None, rules }
}

/// What belongs to a connection that is known skips the groups. A SYN asks for a new one: connection tracking may still have
/// one of the same addresses and ports whose end it has not understood, because what came before did not pass it.
pub(super) fn known_flows(pass: Action) -> [Rule; 2] {
    let tcp = vec![Match::Established, Match::Protocol(vec![TCP]), Match::NoNewConnection];
    [
        Rule::new(vec![Match::Established, Match::ProtocolNot(vec![TCP])], vec![pass.clone()]),
        Rule::new(tcp, vec![pass]),
    ]
}

fn jumps(nic: &NetworkInterface, direction: Direction) -> Vec<Rule> {
    let jump = |(name, _)| Rule::new(vec![], vec![Action::Jump(name)]);
    rule_lists(nic, direction).into_iter().map(jump).collect()
}

/// What the customer's rules are asked in, in order: the chains' names, and what is in them.
fn rule_lists(nic: &NetworkInterface, direction: Direction) -> Vec<(String, Vec<ListedRule<'_>>)> {
    let filter = &nic.port.filter;
    let admin = security_admin::list(filter, direction, &past_groups(direction));
    let admin = (!admin.is_empty()).then(|| (security_admin::chain_name(direction), admin));
    let groups =
        filter.groups(direction).iter().filter(|group| group.association != Association::NetworkManager);
    let groups = groups.map(|group| (nsg::chain_name(group, direction), nsg::list(group, direction)));
    admin.into_iter().chain(groups).collect()
}

/// The mark of packets that go on after the groups.
fn mark_of(direction: Direction) -> u32 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => FROM_GUEST,
    }
}

/// The chain after the groups.
fn past_groups(direction: Direction) -> String {
    match direction {
        Direction::Inbound => pass_name(direction),
        Direction::Outbound => route::CHAIN.into(),
    }
}

/// Where accepted packets end; probes say so.
fn pass(direction: Direction) -> Chain {
    let rules = vec![
        Rule::new(vec![Match::Dscp(PROBE_DSCP)], vec![log_seen(direction)]),
        Rule::new(vec![], vec![Action::Accept]),
    ];
    Chain { name: pass_name(direction), hook: None, rules }
}

fn pass_name(direction: Direction) -> String {
    format!("{}_pass", direction_word(direction))
}

/// What the virtual network does not carry.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq#what-protocols-can-i-use-within-vnets>
fn protocol_rules() -> Vec<Rule> {
    const UDP: u8 = 17;
    let port = |port| PortRange::new(port, port).into_iter().collect::<Vec<_>>();
    [
        vec![Match::NotUnicastFrame],
        vec![Match::Destination(multicast_and_broadcast())],
        // ICMP, TCP, UDP, ESP, AH.
        vec![Match::ProtocolNot(vec![1, 6, 17, 50, 51])],
        // Reserved by the host.
        vec![Match::Protocol(vec![UDP]), Match::SourcePort(port(65_330))],
        // A DHCP client that knows its server.
        vec![Match::Protocol(vec![UDP]), Match::SourcePort(port(68)), Match::DestinationPort(port(67))],
    ]
    .into_iter()
    .map(|matches| drop_rule(matches, DropReason::Protocol, Direction::Outbound))
    .collect()
}

pub(super) fn drop_rule(matches: Vec<Match>, reason: DropReason, direction: Direction) -> Rule {
    let log = DropMark::plain(reason, direction).log();
    Rule::new(matches, vec![Action::Count(counter_name(reason)), log, Action::Drop])
}

/// Counters of drops that no rule of the customer's makes.
fn plain_counters(nic: &NetworkInterface) -> Vec<Counter> {
    let mut reasons = vec![DropReason::SourceAddress, DropReason::Protocol, DropReason::Platform];
    if !nic.port.enable_ip_forwarding {
        reasons.push(DropReason::IpForwarding);
    }
    reasons.extend(private_endpoint::reason(nic));
    reasons.sort();
    let counter =
        |reason: DropReason| Counter { name: counter_name(reason), comment: reason.as_str().into() };
    reasons.into_iter().map(counter).collect()
}

/// The bare word may be one of nft's own.
pub(super) fn counter_name(reason: DropReason) -> String {
    format!("drop_{reason}")
}

pub(super) fn own_addresses(nic: &NetworkInterface) -> AddressSet {
    nic.addresses.iter().copied().map(Ipv4Net::from).collect()
}

/// The NIC's own, and those of frontends that its guest has as well.
fn taken_for_own(nic: &NetworkInterface) -> AddressSet {
    let floating = translation::floating(nic);
    let floating = floating.prefixes().iter().copied();
    nic.addresses.iter().copied().map(Ipv4Net::from).chain(floating).collect()
}

fn multicast_and_broadcast() -> AddressSet {
    let multicast = Ipv4Net::new_assert([224, 0, 0, 0].into(), 4);
    [multicast, Ipv4Net::from(std::net::Ipv4Addr::BROADCAST)].into_iter().collect()
}
