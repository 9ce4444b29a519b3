//! A region's router: it forwards between public addresses, by the internet's bridge, and each hop shows in the time to live.
//!
//! What nobody has it says by ICMP: it has no route for it, and Linux answers. It says so to the host, too, whose log tells it.

use goal_state::DropReason;
use goal_state::edge::Router;
use goal_state::nsg::{AddressSet, Direction};
use ipnet::Ipv4Net;
use linux_net::netlink::{Route, RouteTarget};

use super::drop_log::DropMark;
use super::port::counter_name;
use super::stations;
use crate::names::OUTSIDE;
use crate::network::StationNetwork;
use crate::ruleset::{Action, Chain, Counter, Family, Hook, Match, Rule, Ruleset};
use crate::station::Station;

/// Addresses that nobody in the internet can have (RFC 1918, RFC 6598, RFC 3927 and others), so that from there nobody can be reached by
/// them.
const NOT_PUBLIC: [([u8; 4], u8); 8] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([224, 0, 0, 0], 3),
];

/// The station.
pub(super) fn lower(router: &Router) -> StationNetwork {
    let mut station = stations::bare(Station::Router(router));
    let on_link =
        router.on_link.iter().map(|prefix| Route::new(*prefix, RouteTarget::Device(OUTSIDE.into())));
    let via = router.via.iter().map(|(prefix, gateway)| {
        let device = OUTSIDE.to_owned();
        Route::new(*prefix, RouteTarget::Gateway { gateway: *gateway, device, onlink: true })
    });
    station.namespace.routes = on_link.chain(via).collect();
    station.namespace.rulesets = vec![ruleset(router)];
    station.keeps_ttl = false;
    station
}

/// What has no route is logged here, and goes on to where Linux finds that out.
fn ruleset(router: &Router) -> Ruleset {
    let routed = router.on_link.iter().chain(router.via.iter().map(|(prefix, _)| prefix)).copied();
    let own = AddressSet::new([Ipv4Net::from(router.leg.address)]);
    let not_public =
        NOT_PUBLIC.into_iter().map(|(address, length)| Ipv4Net::new_assert(address.into(), length));
    let mut rules = vec![
        Rule::new(vec![Match::Destination(routed.collect())], vec![Action::Accept]),
        // It answers nobody itself.
        logged(vec![Match::Destination(own)], DropReason::PublicAddress, Action::Drop),
        logged(vec![Match::Destination(not_public.collect())], DropReason::PublicAddress, Action::Accept),
        logged(vec![], DropReason::NoDestination, Action::Accept),
    ];
    if router.on_link.is_empty() && router.via.is_empty() {
        rules.remove(0);
    }
    let counter =
        |reason: DropReason| Counter { name: counter_name(reason), comment: reason.as_str().into() };
    let chains = vec![Chain { name: "router".into(), hook: Some(Hook::Prerouting { drop: false }), rules }];
    let counters = vec![counter(DropReason::PublicAddress), counter(DropReason::NoDestination)];
    Ruleset { counters, chains, ..Ruleset::new(Family::Ip) }
}

fn logged(matches: Vec<Match>, reason: DropReason, then: Action) -> Rule {
    let log = DropMark::plain(reason, Direction::Outbound).log();
    Rule::new(matches, vec![Action::Count(counter_name(reason)), log, then])
}
