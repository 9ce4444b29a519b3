//! How networks are drawn. What stands first is what proptest shrinks to: the plainest.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::{array, collection, prop_oneof};

use super::{
    Appliance, Asgs, Link, Network, NextHop, Nic, Peering, Route, RoutePrefix, Rule, Side, Subnet, Vm, Vnet,
};

/// Numbers of virtual networks, subnets, groups, tables, VMs: more than there are of any.
fn number() -> impl Strategy<Value = usize> {
    0..12_usize
}

/// A small network.
pub fn network() -> impl Strategy<Value = Network> {
    let places = (1..=3_usize, prop::bool::weighted(0.2));
    let vnets = (collection::vec(vnet(), 1..=3), array::uniform3(peering()));
    let groups = collection::vec(collection::vec(rule(), 0..=4), 0..=3);
    let tables = collection::vec(collection::vec(route(), 1..=3), 0..=3);
    let vms = collection::vec(vm(), 2..=4);
    (places, vnets, groups, tables, vms, weighted(0.75, appliance())).prop_map(
        |((hosts, on_one_host), (vnets, peerings), groups, tables, vms, appliance)| Network {
            hosts,
            on_one_host,
            vnets,
            peerings,
            groups,
            tables,
            vms,
            appliance,
        },
    )
}

fn vnet() -> impl Strategy<Value = Vnet> {
    let is_twin = prop::bool::weighted(0.2);
    (is_twin, collection::vec(subnet(), 1..=2)).prop_map(|(is_twin, subnets)| Vnet { is_twin, subnets })
}

fn subnet() -> impl Strategy<Value = Subnet> {
    (weighted(0.4, number()), weighted(0.6, number())).prop_map(|(group, table)| Subnet { group, table })
}

fn peering() -> impl Strategy<Value = Peering> {
    prop_oneof![
        2 => Just(Peering { there: None, back: None }),
        7 => (link(), link()).prop_map(|(there, back)| Peering { there: Some(there), back: Some(back) }),
        1 => link().prop_map(|link| Peering { there: Some(link), back: None }),
        1 => link().prop_map(|link| Peering { there: None, back: Some(link) }),
    ]
}

fn link() -> impl Strategy<Value = Link> {
    (prop::bool::weighted(0.85), prop::bool::weighted(0.6))
        .prop_map(|(access, forwarded)| Link { access, forwarded })
}

fn rule() -> impl Strategy<Value = Rule> {
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
        1 => Just(Side::Appliance),
        2 => asgs().prop_map(Side::Asgs),
    ]
}

fn asgs() -> impl Strategy<Value = Asgs> {
    (any::<bool>(), any::<bool>()).prop_map(|(red, blue)| Asgs { red, blue })
}

fn route() -> impl Strategy<Value = Route> {
    let prefix = prop_oneof![
        1 => Just(RoutePrefix::Default),
        1 => Just(RoutePrefix::Private),
        3 => number().prop_map(RoutePrefix::Space),
        2 => (number(), number()).prop_map(|(vnet, subnet)| RoutePrefix::Subnet(vnet, subnet)),
        2 => number().prop_map(RoutePrefix::Vm),
    ];
    let types = ["None", "VnetLocal", "Internet", "VirtualNetworkGateway"];
    let next_hop = prop_oneof![
        7 => Just(NextHop::Appliance),
        3 => select(types.to_vec()).prop_map(NextHop::Type),
        1 => number().prop_map(NextHop::Vm),
        1 => Just(NextHop::Nobody),
    ];
    (prefix, next_hop).prop_map(|(prefix, next_hop)| Route { prefix, next_hop })
}

fn vm() -> impl Strategy<Value = Vm> {
    (number(), nic(), weighted(0.15, nic()), prop::bool::weighted(0.2))
        .prop_map(|(vnet, nic, second_nic, listens)| Vm { vnet, nic, second_nic, listens })
}

fn nic() -> impl Strategy<Value = Nic> {
    (number(), weighted(0.3, number()), asgs()).prop_map(|(subnet, group, asgs)| Nic { subnet, group, asgs })
}

fn appliance() -> impl Strategy<Value = Appliance> {
    let subnet = (weighted(0.25, number()), weighted(0.15, number()))
        .prop_map(|(group, table)| Subnet { group, table });
    let [platform, guest] = [0.9; 2].map(prop::bool::weighted);
    let masquerades = prop::bool::weighted(0.25);
    (subnet, weighted(0.2, number()), platform, guest, masquerades, weighted(0.15, nic())).prop_map(
        |(subnet, group, platform_forwards, guest_forwards, masquerades, second_nic)| Appliance {
            subnet,
            group,
            platform_forwards,
            guest_forwards,
            masquerades,
            second_nic,
        },
    )
}
