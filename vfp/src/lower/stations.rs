//! Stations of the platform between virtual networks: what all of them have.
//!
//! ```text
//! station namespace                     host namespace
//!   inside   ──veth── p…  bridge of the virtual network ── vxlan ┐
//!   outside  ──veth── p…  bridge of the internet ──────── vxlan ─┴─ underlay0
//! ```
//!
//! To bridges a leg is what a NIC's port is: they answer its questions, and know it by its Ethernet address.

use std::collections::BTreeMap;

use goal_state::HostGoalState;
use goal_state::edge::Leg;
use ipnet::Ipv4Net;
use linux_net::netlink::{Address, MAIN_TABLE, Route, RouteTarget, Rule};

use super::{MTU, frontend, nat_gateway, router};
use crate::names;
use crate::network::{Cable, CableEnd, Device, DeviceKind, Namespace, StationNetwork, Sysctl};
use crate::station::Station;

/// Linux's table for what nothing else decides; empty.
const DEFAULT_TABLE: u32 = 253;

/// All stations of the host.
pub(super) fn lower(goal: &HostGoalState) -> Vec<StationNetwork> {
    let lower = |station| match station {
        Station::Router(router) => router::lower(router),
        Station::NatGateway(gateway) => nat_gateway::lower(gateway),
        Station::Frontend(frontend) => frontend::lower(frontend),
        Station::Prober(_) => prober(station),
    };
    Station::all(&goal.edge).map(lower).collect()
}

/// Who probes: everybody is a neighbour, and it forwards nothing.
fn prober(station: Station<'_>) -> StationNetwork {
    let mut prober = bare(station);
    prober.namespace.sysctls.retain(|setting| setting.path != "net/ipv4/ip_forward");
    prober.namespace.routes = vec![Route::new(Ipv4Net::default(), RouteTarget::Device(names::INSIDE.into()))];
    prober
}

/// A station that has its legs, with their addresses, and forwards as its main table says, which is still empty. Nothing is filtered.
pub(super) fn bare(station: Station<'_>) -> StationNetwork {
    let name = station.namespace();
    let legs = station.legs();
    let cables = legs.iter().map(|(device, leg)| cable(&name, device, leg)).collect();
    let address = |(device, leg): &(&str, &Leg)| Address {
        device: (*device).into(),
        address: Ipv4Net::from(leg.address),
    };
    let namespace = Namespace {
        sysctls: sysctls(legs.iter().map(|(device, _)| *device)),
        devices: legs
            .iter()
            .map(|(device, leg)| ((*device).to_owned(), end(leg)))
            .collect::<BTreeMap<_, _>>(),
        addresses: legs.iter().map(address).collect(),
        rules: vec![Rule::initial_local(), Rule::new(32_766, MAIN_TABLE), Rule::new(32_767, DEFAULT_TABLE)],
        ..Namespace::default()
    };
    StationNetwork { name, namespace, cables, keeps_ttl: true }
}

fn end(leg: &Leg) -> Device {
    Device { kind: DeviceKind::CableEnd, mac: Some(leg.mac), mtu: MTU, bridge: None }
}

fn cable(namespace: &str, device: &str, leg: &Leg) -> Cable {
    let here = CableEnd { namespace: Some(namespace.to_owned()), device: device.to_owned() };
    let there = CableEnd { namespace: None, device: names::host_port(leg.mac) };
    Cable { ends: [here, there], hooks: false }
}

fn sysctls<'a>(legs: impl Iterator<Item = &'a str>) -> Vec<Sysctl> {
    let mut sysctls = vec![
        Sysctl::new("net/ipv4/ip_forward", "1"),
        // What is unreachable is said to be so, every time.
        Sysctl::new("net/ipv4/icmp_ratelimit", "0"),
        Sysctl::optional("net/ipv6/conf/all/disable_ipv6", "1"),
        Sysctl::optional("net/ipv6/conf/default/disable_ipv6", "1"),
    ];
    for device in ["all"].into_iter().chain(legs) {
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/rp_filter"), "0"));
        // It forwards out of the device that it received on, and is meant to.
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/send_redirects"), "0"));
        if device != "all" {
            // The bridge answers at once or never.
            sysctls.push(Sysctl::new(format!("net/ipv4/neigh/{device}/retrans_time_ms"), "100"));
        }
    }
    sysctls
}
