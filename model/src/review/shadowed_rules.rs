//! Can every rule of a network security group match something? One that earlier rules cover never does.
//!
//! A rule is covered when one earlier rule matches whatever it matches, or when several do that cover it in all respects but
//! one (protocol, an address side, a port side) and together cover it in that one. That is how rules come to be covered in
//! practice; covers that need more are not found.

use goal_state::nsg::{AddressSet, PortRange, Protocol};
use ipnet::Ipv4Net;

use super::Review;
use crate::network::{AddressPrefix, Network, NsgId, RulePeer, SecurityRule, ServiceTag};

pub(super) fn ask(review: &mut Review<'_>) {
    let network = review.network;
    for (at, group) in network.network_security_groups.iter().enumerate() {
        let shapes: Vec<_> = group.rules.iter().map(|rule| Shape::of(network, rule)).collect();
        for (later, rule) in group.rules.iter().enumerate() {
            let same_direction = |earlier: &usize| group.rules[*earlier].direction == rule.direction;
            let earlier: Vec<_> = (0..later).filter(same_direction).collect();
            let candidates = earlier.iter().map(|&one| &shapes[one]);
            let Some(covering) = covered_by(&shapes[later], candidates) else { continue };
            let names: Vec<_> =
                covering.iter().map(|&one| format!("`{}`", group.rules[earlier[one]].name)).collect();
            let message = format!(
                "rule `{}` of `{}` can never match: {} of higher priority {} everything that it would",
                rule.name,
                group.name,
                names.join(", "),
                if names.len() == 1 { "matches" } else { "match" },
            );
            let help = "give it a lower priority number than theirs, or leave it out";
            review.warn("SecurityRuleNeverMatches", review.places.rule(NsgId(at), &rule.name), message, help);
        }
    }
}

/// What a rule matches, in each respect.
struct Shape {
    protocol: Protocol,
    source: Side,
    source_ports: Vec<PortRange>,
    destination: Side,
    destination_ports: Vec<PortRange>,
}

/// Whom a side matches.
#[derive(PartialEq, Eq)]
enum Side {
    /// Addresses that are the same for every NIC.
    Addresses(AddressSet),
    /// A tag whose addresses differ per subnet, or members of groups: comparable with itself only.
    Peer(RulePeer),
}

impl Shape {
    fn of(network: &Network, rule: &SecurityRule) -> Self {
        Self {
            protocol: rule.protocol,
            source: Side::of(network, &rule.source),
            source_ports: PortRange::disjoint(&rule.source_ports),
            destination: Side::of(network, &rule.destination),
            destination_ports: PortRange::disjoint(&rule.destination_ports),
        }
    }
}

impl Side {
    fn of(network: &Network, peer: &RulePeer) -> Self {
        let RulePeer::Prefixes(prefixes) = peer else { return Self::Peer(peer.clone()) };
        let mut addresses: Vec<Ipv4Net> = Vec::new();
        for prefix in prefixes {
            match prefix {
                AddressPrefix::Any => addresses.push(Ipv4Net::default()),
                AddressPrefix::Prefix(prefix) => addresses.push(*prefix),
                AddressPrefix::Tag(ServiceTag::Named(tag)) => {
                    addresses.extend(network.service_tags.get(*tag).addresses.prefixes());
                }
                AddressPrefix::Tag(_) => return Self::Peer(peer.clone()),
            }
        }
        Self::Addresses(AddressSet::new(addresses))
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Addresses(mine), _) if mine.is_all() => true,
            // A tag without addresses here may have some elsewhere.
            (Self::Addresses(mine), Self::Addresses(theirs)) => {
                !theirs.is_empty() && theirs.prefixes().iter().all(|prefix| holds(mine, *prefix))
            }
            (Self::Peer(mine), Self::Peer(theirs)) => mine == theirs,
            _ => false,
        }
    }
}

/// Whether every address of `prefix` is in `set`, whose prefixes are aggregated.
fn holds(set: &AddressSet, prefix: Ipv4Net) -> bool {
    let after = set.prefixes().partition_point(|other| other.network() <= prefix.network());
    after > 0 && set.prefixes()[after - 1].contains(&prefix)
}

/// In which respects an earlier rule does not cover a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Respect {
    Protocol,
    Source,
    SourcePorts,
    Destination,
    DestinationPorts,
}

const RESPECTS: [Respect; 5] = [
    Respect::Protocol,
    Respect::Source,
    Respect::SourcePorts,
    Respect::Destination,
    Respect::DestinationPorts,
];

/// Positions among `earlier` of the rules that cover `later`; none when something is left for it.
fn covered_by<'s>(later: &Shape, earlier: impl Iterator<Item = &'s Shape>) -> Option<Vec<usize>> {
    let mut lacking_one: Vec<(usize, Respect, &Shape)> = Vec::new();
    for (at, shape) in earlier.enumerate() {
        match lacks(shape, later) {
            Lacks::Nothing => return Some(vec![at]),
            Lacks::One(respect) => lacking_one.push((at, respect, shape)),
            Lacks::More => {}
        }
    }
    RESPECTS.into_iter().find_map(|respect| {
        let parts: Vec<_> = lacking_one.iter().filter(|(_, lacking, _)| *lacking == respect).collect();
        let shapes: Vec<_> = parts.iter().map(|(.., shape)| *shape).collect();
        together_cover(respect, &shapes, later).then(|| parts.iter().map(|(at, ..)| *at).collect())
    })
}

enum Lacks {
    Nothing,
    One(Respect),
    More,
}

fn lacks(earlier: &Shape, later: &Shape) -> Lacks {
    let mut lacking = None;
    for respect in RESPECTS {
        if covers(earlier, later, respect) {
            continue;
        }
        if lacking.replace(respect).is_some() {
            return Lacks::More;
        }
    }
    lacking.map_or(Lacks::Nothing, Lacks::One)
}

fn covers(earlier: &Shape, later: &Shape, respect: Respect) -> bool {
    match respect {
        Respect::Protocol => earlier.protocol == Protocol::Any || earlier.protocol == later.protocol,
        Respect::Source => earlier.source.covers(&later.source),
        Respect::Destination => earlier.destination.covers(&later.destination),
        // ICMP, ESP and AH have no ports.
        Respect::SourcePorts => {
            has_no_ports(later) || cover_ports(&earlier.source_ports, &later.source_ports)
        }
        Respect::DestinationPorts => {
            has_no_ports(later) || cover_ports(&earlier.destination_ports, &later.destination_ports)
        }
    }
}

fn has_no_ports(shape: &Shape) -> bool {
    shape.protocol != Protocol::Any && !shape.protocol.has_ports()
}

/// Whether shapes that cover `later` in every other respect cover it in this one when taken together.
fn together_cover(respect: Respect, shapes: &[&Shape], later: &Shape) -> bool {
    if shapes.len() < 2 {
        return false;
    }
    let addresses = |side: fn(&Shape) -> &Side| {
        let sets = shapes.iter().filter_map(|shape| match side(shape) {
            Side::Addresses(set) => Some(set.prefixes().iter().copied()),
            Side::Peer(_) => None,
        });
        Side::Addresses(AddressSet::new(sets.flatten())).covers(side(later))
    };
    let ports = |of: fn(&Shape) -> &Vec<PortRange>| {
        let all: Vec<_> = shapes.iter().flat_map(|shape| of(shape).iter().copied()).collect();
        cover_ports(&PortRange::disjoint(&all), of(later))
    };
    match respect {
        Respect::Protocol => {
            let every = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Esp, Protocol::Ah];
            later.protocol == Protocol::Any
                && every.iter().all(|protocol| shapes.iter().any(|shape| shape.protocol == *protocol))
        }
        Respect::Source => addresses(|shape| &shape.source),
        Respect::Destination => addresses(|shape| &shape.destination),
        Respect::SourcePorts => ports(|shape| &shape.source_ports),
        Respect::DestinationPorts => ports(|shape| &shape.destination_ports),
    }
}

/// Whether each range of `theirs` lies inside one of `mine`, which neither overlap nor touch.
fn cover_ports(mine: &[PortRange], theirs: &[PortRange]) -> bool {
    let inside = |range: &PortRange| {
        mine.iter().any(|mine| mine.first() <= range.first() && range.last() <= mine.last())
    };
    theirs.iter().all(inside)
}
