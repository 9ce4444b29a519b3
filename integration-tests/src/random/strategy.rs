//! How networks are drawn. What stands first is what proptest shrinks to: the plainest.

mod edge;
mod rules;

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::{array, collection, prop_oneof};

use super::{
    Announced, Appliance, Asgs, Covered, Destination, Gateway, Link, Network, NextHop, Nic, Peering, Route,
    Subnet, Switch, Table, Vm, Vnet,
};
use edge::edge;
use rules::{admin_configuration, rule};

/// Tags that a lab may define; all are ordinary names of Azure's services.
const TAGS: [&str; 3] = ["Storage", "Sql", "AzureCloud"];
/// Switches whose other values packets and model know.
const SWITCHES: [Switch; 6] = [
    ("allowVirtualNetworkAccess", "tagOnly"),
    ("allowForwardedTraffic", "ignored"),
    ("virtualNetworkTagRoutes", "all"),
    ("noneRoutes", "2025-12"),
    ("noneRoutes", "observed"),
    ("defaultOutboundAccess", "private"),
];

/// Numbers of virtual networks, subnets, groups, tables, VMs: more than there are of any.
fn number() -> impl Strategy<Value = usize> {
    0..12_usize
}

fn rarely(probability: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(probability)
}

/// A small network; half of those that may have something outside do.
pub fn network(outside: bool) -> impl Strategy<Value = Network> {
    let places = (1..=3_usize, rarely(0.2), behavior(), service_tags(), any::<u64>().no_shrink());
    let vnets = (collection::vec(vnet(), 1..=3), array::uniform3(peering()));
    let configurations = prop_oneof![
        3 => Just(Vec::new()),
        2 => collection::vec(admin_configuration(), 1..=3),
    ];
    let filters = (configurations, collection::vec(collection::vec(rule(), 0..=4), 0..=3));
    let tables = collection::vec(table(), 0..=3);
    let vms = collection::vec(vm(), 2..=4);
    let appliances = (
        collection::vec(appliance(), 0..=2),
        subnet(0.25, 0.2),
        gateway(),
        announced(),
        if outside { weighted(0.5, edge()).boxed() } else { Just(None).boxed() },
    );
    (places, vnets, filters, tables, vms, appliances).prop_map(
        |(
            (hosts, on_one_host, behavior, service_tags, lot),
            (vnets, peerings),
            (admin_configurations, groups),
            tables,
            vms,
            (appliances, appliance_subnet, gateway, announced, edge),
        )| Network {
            hosts,
            on_one_host,
            behavior,
            service_tags,
            vnets,
            peerings,
            admin_configurations,
            groups,
            tables,
            vms,
            appliances,
            appliance_subnet,
            gateway,
            announced,
            edge,
            lot,
        },
    )
}

fn behavior() -> impl Strategy<Value = Vec<Switch>> {
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(SWITCHES.to_vec(), 1..=3)]
}

fn service_tags() -> impl Strategy<Value = Vec<(&'static str, Covered)>> {
    let tag = |name: &'static str| covered().prop_map(move |covered| (name, covered));
    let tags: Vec<_> = TAGS.into_iter().map(tag).collect();
    (tags, 0..=TAGS.len()).prop_map(|(mut tags, count)| {
        tags.truncate(count);
        tags
    })
}

fn vnet() -> impl Strategy<Value = Vnet> {
    (rarely(0.15), collection::vec(subnet(0.4, 0.6), 1..=2))
        .prop_map(|(is_twin, subnets)| Vnet { is_twin, subnets })
}

fn subnet(group: f64, table: f64) -> impl Strategy<Value = Subnet> {
    (weighted(group, number()), weighted(table, number()), rarely(0.15))
        .prop_map(|(group, table, private)| Subnet { group, table, private })
}

fn peering() -> impl Strategy<Value = Peering> {
    let links = prop_oneof![
        2 => Just((None, None)),
        9 => (link(), link()).prop_map(|(there, back)| (Some(there), Some(back))),
        1 => link().prop_map(|link| (Some(link), None)),
        1 => link().prop_map(|link| (None, Some(link))),
    ];
    (links, weighted(0.12, number())).prop_map(|((there, back), of_subnets)| Peering {
        there,
        back,
        of_subnets,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (rarely(0.85), rarely(0.6), rarely(0.6), rarely(0.5), rarely(0.04), rarely(0.1)).prop_map(
        |(access, forwarded, transit, remote_gateways, disconnected, stale)| Link {
            access,
            forwarded,
            transit,
            remote_gateways,
            disconnected,
            stale,
        },
    )
}

fn table() -> impl Strategy<Value = Table> {
    (rarely(0.1), rarely(0.25), collection::vec(route(), 1..=3)).prop_map(
        |(without_peerings, without_gateways, routes)| Table { without_peerings, without_gateways, routes },
    )
}

fn covered() -> impl Strategy<Value = Covered> {
    prop_oneof![
        1 => Just(Covered::Everything),
        1 => Just(Covered::Private),
        3 => number().prop_map(Covered::Space),
        2 => (number(), number()).prop_map(|(vnet, subnet)| Covered::Subnet(vnet, subnet)),
        2 => number().prop_map(Covered::Vm),
        1 => Just(Covered::Site),
        1 => Just(Covered::Announced),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    let destination = prop_oneof![
        5 => covered().prop_map(Destination::Prefix),
        1 => number().prop_map(Destination::Tag),
    ];
    let types = ["None", "VnetLocal", "Internet", "VirtualNetworkGateway"];
    let next_hop = prop_oneof![
        7 => number().prop_map(NextHop::Appliance),
        2 => number().prop_map(NextHop::Appliances),
        3 => select(types.to_vec()).prop_map(NextHop::Type),
        1 => number().prop_map(NextHop::Vm),
        1 => Just(NextHop::Nobody),
    ];
    (destination, next_hop).prop_map(|(destination, next_hop)| Route { destination, next_hop })
}

fn vm() -> impl Strategy<Value = Vm> {
    (number(), nic(), weighted(0.15, nic()), rarely(0.2), rarely(0.06)).prop_map(
        |(vnet, nic, second_nic, listens, deallocated)| Vm { vnet, nic, second_nic, listens, deallocated },
    )
}

fn nic() -> impl Strategy<Value = Nic> {
    (number(), weighted(0.3, number()), asgs()).prop_map(|(subnet, group, asgs)| Nic { subnet, group, asgs })
}

fn asgs() -> impl Strategy<Value = Asgs> {
    (any::<bool>(), any::<bool>()).prop_map(|(red, blue)| Asgs { red, blue })
}

fn appliance() -> impl Strategy<Value = Appliance> {
    (weighted(0.2, number()), rarely(0.9), rarely(0.9), rarely(0.25), weighted(0.15, nic())).prop_map(
        |(group, platform_forwards, guest_forwards, masquerades, second_nic)| Appliance {
            group,
            platform_forwards,
            guest_forwards,
            masquerades,
            second_nic,
        },
    )
}

fn gateway() -> impl Strategy<Value = Option<Gateway>> {
    weighted(0.3, weighted(0.5, covered()).prop_map(|announces| Gateway { announces }))
}

fn announced() -> impl Strategy<Value = Option<Vec<Announced>>> {
    let route = (prop_oneof![2 => Just(Covered::Announced), 3 => covered()], 1..=2_usize);
    let announced = collection::vec(route, 1..=2).prop_map(|routes| Announced { routes });
    weighted(0.2, collection::vec(announced, 1..=2))
}
