//! Address translation at a port: destinations before the filter, sources after it and after routing, so that rules see private
//! addresses.
//!
//! ```text
//! guest ─► filter ─► routes ─┬─ to the internet ─► way out, or dropped ─► sources ─┬─► up0
//!                            └─ elsewhere ─────────────────────────────────────────┘
//! up0 ─► destinations ─► closed? own packet led back? ─► filter ─► guest
//! ```
//!
//! Connection tracking remembers both, so replies go back as they came, whatever the way out is by then.
//! <https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections>
//!
//! | file | idea |
//! |---|---|
//! | [`inbound`] | destinations that are the NIC's although it does not have them |
//! | [`outbound`] | ways out of what the NIC begins |
//! | [`lease`] | ports of addresses that other NICs use, too |

mod inbound;
mod lease;
mod outbound;

use std::net::Ipv4Addr;

use goal_state::DropReason;
use goal_state::nsg::{AddressSet, Direction};
use goal_state::translation::{OutboundTranslation, Translation};
use goal_state::vm::NetworkInterface;
use ipnet::Ipv4Net;
use linux_net::netlink;

use super::drop_log::DropMark;
use crate::ruleset::{Action, Chain, ConnectionSet, Counter, Hook, Match, Rule, Translated};

pub(super) use inbound::{drop_rules as inbound_drop_rules, floating};
pub(super) use outbound::{CHAIN as INTERNET, routes};

/// The mark of packets from the guest that go to the internet.
const TO_INTERNET: u32 = 2;
/// The mark of translated packets that leave the port: no unified flow is learnt of them. The programs of `offload` have the same number.
const WAS_TRANSLATED: u32 = 4;
/// The mark of packets to the first NAT gateway, and the number of the table that leads there.
const FIRST_GATEWAY: u32 = 300;
/// What a drop's number has more than the place of a way out in the port's list: places of routes are numbers, too.
const WAY_OUT: u32 = 1 << 16;
/// The number of a drop of mail.
pub(crate) const MAIL: u32 = 25;

/// The chains besides those that the filter has. `pass` is where packets go that are let out.
pub(super) fn chains(nic: &NetworkInterface, pass: &str) -> Vec<Chain> {
    let chains = [
        outbound::leads_to_internet(nic).then(|| outbound::chain(nic, pass)),
        (!nic.port.translation.inbound.is_empty()).then(|| inbound::destinations(nic)),
        outbound::has_own_sources(nic).then(|| outbound::sources(nic)),
        (!nic.port.translation.is_empty()).then(|| leaving(nic)),
    ];
    chains.into_iter().flatten().collect()
}

/// What drops are counted with.
pub(super) fn counters(nic: &NetworkInterface) -> Vec<Counter> {
    inbound::counters(nic).into_iter().chain(outbound::counters(nic)).collect()
}

/// The sets in which flows are counted.
pub(super) fn connection_sets(nic: &NetworkInterface) -> Vec<ConnectionSet> {
    nic.port.translation.outbound.iter().enumerate().flat_map(lease::connection_sets).collect()
}

/// What the marks mean to routing.
pub(super) fn policy_rules(nic: &NetworkInterface) -> Vec<netlink::Rule> {
    let rule = |(number, _)| netlink::Rule::new(number, number).fwmark(number);
    outbound::gateways(nic).into_iter().map(rule).collect()
}

/// Whether a drop's number means a way out, and no route.
pub(crate) fn is_way_out(number: u32) -> bool {
    number >= WAY_OUT && number != DropMark::NONE
}

/// The way out that a drop's number means.
pub(crate) fn way_out(translation: &Translation, number: u32) -> Option<&OutboundTranslation> {
    translation.outbound.get(usize::try_from(number.checked_sub(WAY_OUT)?).ok()?)
}

/// What leaves the port, when it has been translated.
fn leaving(nic: &NetworkInterface) -> Chain {
    let mut rules = inbound::untranslated_answers(nic);
    let translated = vec![Match::Translated(Translated::Either)];
    rules.push(Rule::new(translated, vec![Action::SetMark(WAS_TRANSLATED)]));
    Chain { name: "leaving".into(), hook: Some(Hook::Postrouting), rules }
}

/// A drop by the item of a list at this place.
fn drop_mark(reason: DropReason, direction: Direction, place: usize) -> DropMark {
    let number = u32::try_from(place).unwrap_or(DropMark::NONE);
    DropMark { number, ..DropMark::plain(reason, direction) }
}

fn one(address: Ipv4Addr) -> AddressSet {
    AddressSet::new([Ipv4Net::from(address)])
}
