//! How rules are drawn.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::{collection, option, prop_oneof};

use super::{asgs, number};
use crate::random::{AdminConfiguration, Rule, Side};

/// A security admin configuration.
pub(super) fn admin_configuration() -> impl Strategy<Value = AdminConfiguration> {
    let access = select(&["Allow", "AlwaysAllow", "Deny"][..]);
    let rules = collection::vec((access, rule()), 1..=3);
    let vnets = option::weighted(0.5, collection::vec(number(), 1..=2));
    (vnets, rules).prop_map(|(vnets, rules)| AdminConfiguration { vnets, rules })
}

/// A rule of a network security group.
pub(super) fn rule() -> impl Strategy<Value = Rule> {
    let words = (
        select(&["Inbound", "Outbound"][..]),
        select(&["Allow", "Deny"][..]),
        select(&["\"*\"", "\"*\"", "Tcp", "Udp", "Icmp", "Esp", "Ah"][..]),
    );
    let source_ports = prop_oneof![
        6 => Just("\"*\""),
        1 => select(&["1-1024", "[22, 60000-65535]"][..]),
    ];
    let destination_ports =
        select(&["\"*\"", "80", "443", "[22, 443]", "[53, 500-600]", "50-100", "0-65535"][..]);
    (words, source_ports, destination_ports, side(), side(), number()).prop_map(
        |(
            (direction, access, protocol),
            source_ports,
            destination_ports,
            source,
            destination,
            vnet_of_asgs,
        )| {
            Rule {
                direction,
                access,
                protocol,
                source_ports,
                destination_ports,
                source,
                destination,
                vnet_of_asgs,
            }
        },
    )
}

fn side() -> impl Strategy<Value = Side> {
    let words = [
        "\"*\"",
        "VirtualNetwork",
        "Internet",
        "AzureLoadBalancer",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "[10.0.0.0/15, 10.2.2.0/24]",
    ];
    prop_oneof![
        3 => Just(Side::Word("\"*\"")),
        5 => select(words.to_vec()).prop_map(Side::Word),
        1 => number().prop_map(Side::Space),
        1 => (number(), number()).prop_map(|(vnet, subnet)| Side::Subnets(vnet, subnet)),
        1 => number().prop_map(Side::Vm),
        1 => (number(), number()).prop_map(|(one, other)| Side::Vms(one, other)),
        1 => number().prop_map(Side::Appliance),
        2 => number().prop_map(Side::Tag),
        2 => asgs().prop_map(Side::Asgs),
    ]
}
