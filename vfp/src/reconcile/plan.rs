//! From what is wanted and what is there to what is to be done. Pure.
//!
//! Only what is ours is compared: see [`Owner`]. What is missing is put before what is too much is deleted, so that a
//! change never opens a gap.

use std::collections::{BTreeMap, BTreeSet};

use std::net::Ipv4Addr;

use linux_net::MacAddr;
use linux_net::netlink::{
    BridgePort, FdbTarget, Link, LinkChange, LinkKind, MAIN_TABLE, NewLink, Request, Route, Rule, Vxlan,
};

use super::Observed;
use crate::balancing::is_rule_table;
use crate::names;
use crate::network::{Device, DeviceKind, Namespace};

/// Packets that wait for the agent in a TAP device; the kernel's own choice for them is half of it.
const TAP_QUEUE: u32 = 1000;

/// Whose namespace it is, which says what of it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A port or a station: everything is ours.
    Port,
    /// The host: devices that bear our names, and what belongs to them.
    Switch,
    /// A VM: its NICs' devices and addresses, default routes and the tables of further NICs. The rest is the guest's.
    Guest,
}

/// What is to be done, in this order, with the kernel's settings in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Devices made, changed and removed.
    pub(super) devices: Vec<Request>,
    /// What devices carry; devices come up when what decides about their packets is there.
    pub(super) content: Vec<Request>,
    /// Addresses that a bridge has answered for and will answer for otherwise, or not at all: ports may remember them.
    pub(super) outdated: Vec<Ipv4Addr>,
}

pub(super) fn plan(wanted: &Namespace, observed: &Observed, owner: Owner) -> Plan {
    let mut plan = Plan {
        devices: devices(wanted, observed, owner),
        content: Vec::new(),
        outdated: outdated(wanted, observed, owner),
    };
    let content = &mut plan.content;
    content.extend(addresses(wanted, observed, owner));
    content.extend(neighbours(wanted, observed, owner));
    content.extend(forwarding(wanted, observed, owner));
    content.extend(rules(wanted, observed, owner));
    content.extend(up(wanted, observed));
    // The kernel takes a route only for a device that is up.
    content.extend(routes(wanted, observed, owner));
    plan
}

fn devices(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, link) in &observed.links {
        let unwanted =
            owner == Owner::Switch && names::is_ours_on_host(name) && !wanted.devices.contains_key(name);
        if unwanted || wanted.devices.get(name).is_some_and(|device| must_be_made_again(device, link)) {
            requests.push(Request::DeleteLink(name.clone()));
        }
    }
    for (name, device) in &wanted.devices {
        if present(device, observed, name).is_none() {
            requests.extend(make(name, device).map(Request::AddLink));
        }
        // A tunnel's packets may be led to NICs that are accelerated later.
        if matches!(device.kind, DeviceKind::Vxlan { .. }) && present(device, observed, name).is_none() {
            requests.push(Request::PutHooks(name.clone()));
        }
        // Made a moment ago, and elsewhere.
        if device.kind == DeviceKind::Tap && present(device, observed, name).is_some_and(|link| !link.up) {
            requests.push(Request::PutHooks(name.clone()));
        }
    }
    for (name, device) in wanted.devices.iter().filter(|(name, device)| !is_lacking(device, observed, name)) {
        requests.extend(settings(name, device, present(device, observed, name)));
    }
    requests
}

/// The link, unless it must be made again.
fn present<'a>(device: &Device, observed: &'a Observed, name: &str) -> Option<&'a Link> {
    observed.links.get(name).filter(|link| !must_be_made_again(device, link))
}

/// A TAP that could not be made: that has been told.
fn is_lacking(device: &Device, observed: &Observed, name: &str) -> bool {
    device.kind == DeviceKind::Tap && !observed.links.contains_key(name)
}

fn must_be_made_again(device: &Device, link: &Link) -> bool {
    match &device.kind {
        DeviceKind::Bridge => link.kind != LinkKind::Bridge,
        DeviceKind::Vxlan { .. } => vxlan(device).map(LinkKind::Vxlan).as_ref() != Some(&link.kind),
        // These have been seen to before.
        DeviceKind::Tap | DeviceKind::CableEnd => false,
    }
}

fn vxlan(device: &Device) -> Option<Vxlan> {
    match device.kind {
        DeviceKind::Vxlan { vni, local, port } => {
            Some(Vxlan { vni, local: Some(local), port, learning: false })
        }
        DeviceKind::Bridge | DeviceKind::Tap | DeviceKind::CableEnd => None,
    }
}

/// A cable is made with both its ends, and a TAP not by netlink: elsewhere.
fn make(name: &str, device: &Device) -> Option<NewLink> {
    let (name, mtu, mac) = (name.to_owned(), device.mtu, device.mac.map(|mac| MacAddr(mac.0)));
    match device.kind {
        DeviceKind::Bridge => Some(NewLink::Bridge { name, mac, mtu, up: false }),
        DeviceKind::Vxlan { .. } => {
            vxlan(device).map(|vxlan| NewLink::Vxlan { name, vxlan, mac, mtu, up: false })
        }
        DeviceKind::Tap | DeviceKind::CableEnd => None,
    }
}

fn settings(name: &str, device: &Device, link: Option<&Link>) -> Vec<Request> {
    let mut requests = Vec::new();
    if link.is_some_and(|link| link.mtu != device.mtu) {
        requests.push(Request::set_link(name, LinkChange::Mtu(device.mtu)));
    }
    if device.kind == DeviceKind::Tap && link.is_some_and(|link| link.queue_length != TAP_QUEUE) {
        requests.push(Request::set_link(name, LinkChange::QueueLength(TAP_QUEUE)));
    }
    if let Some(mac) = device.mac.map(|mac| MacAddr(mac.0))
        && link.is_some_and(|link| link.mac != Some(mac))
    {
        requests.push(Request::set_link(name, LinkChange::Mac(mac)));
    }
    if let Some(port) = &device.bridge {
        let is_port = link.is_some_and(|link| link.master.as_ref() == Some(&port.bridge));
        let settings = BridgePort { proxy_arp: port.answers_arp, ..BridgePort::STATIC };
        if !is_port {
            requests.push(Request::set_link(name, LinkChange::Master(port.bridge.clone())));
        }
        if !is_port || link.and_then(|link| link.port) != Some(settings) {
            requests.push(Request::set_port(name, settings));
        }
    }
    requests
}

/// Bridges and tunnels first, ports last.
fn up(wanted: &Namespace, observed: &Observed) -> Vec<Request> {
    let down =
        |(name, device): &(&String, &Device)| !present(device, observed, name).is_some_and(|link| link.up);
    let can_be = |(name, device): &(&String, &Device)| !is_lacking(device, observed, name);
    let mut devices = wanted.devices.iter().filter(down).filter(can_be).collect::<Vec<_>>();
    devices.sort_by_key(|(_, device)| device.kind == DeviceKind::CableEnd);
    devices.into_iter().map(|(name, _)| Request::set_up(name)).collect()
}

fn addresses(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let ours = observed.addresses.iter().filter(|address| match owner {
        Owner::Port => address.device != "lo",
        Owner::Switch => false,
        // Others than those wanted are the guest's own on its loopback device.
        Owner::Guest => wanted.devices.contains_key(&address.device) || wanted.addresses.contains(address),
    });
    difference(&wanted.addresses, ours, Clone::clone, Request::PutAddress, Request::DeleteAddress)
}

fn neighbours(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let ours = observed.neighbours.iter().filter(|neighbour| match owner {
        Owner::Port => true,
        Owner::Switch => is_wanted(wanted, &neighbour.device),
        Owner::Guest => false,
    });
    let key = |neighbour: &linux_net::netlink::Neighbour| (neighbour.device.clone(), neighbour.address);
    difference(&wanted.neighbours, ours, key, Request::PutNeighbour, Request::DeleteNeighbour)
}

fn outdated(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Ipv4Addr> {
    let wanted_now = wanted.neighbours.iter().collect::<BTreeSet<_>>();
    let ours = observed.neighbours.iter().filter(|neighbour| {
        owner == Owner::Switch && names::is_ours_on_host(&neighbour.device) && !wanted_now.contains(neighbour)
    });
    ours.map(|neighbour| neighbour.address).collect()
}

fn forwarding(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let ours =
        observed.forwarding.iter().filter(|entry| owner == Owner::Switch && is_wanted(wanted, &entry.device));
    let key = |entry: &linux_net::netlink::FdbEntry| {
        (entry.device.clone(), entry.mac, matches!(entry.target, FdbTarget::Port))
    };
    difference(&wanted.forwarding, ours, key, Request::PutFdb, Request::DeleteFdb)
}

/// Entries of a device that goes away go with it.
fn is_wanted(wanted: &Namespace, device: &str) -> bool {
    names::is_ours_on_host(device) && wanted.devices.contains_key(device)
}

fn rules(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let ours = observed.rules.iter().filter(|rule| match owner {
        Owner::Port => true,
        Owner::Switch => false,
        Owner::Guest => is_guest_table(rule.table),
    });
    difference(&wanted.rules, ours, Rule::clone, Request::PutRule, Request::DeleteRule)
}

fn routes(wanted: &Namespace, observed: &Observed, owner: Owner) -> Vec<Request> {
    let ours = observed.routes.iter().filter(|route| match owner {
        // Those follow health.
        Owner::Port => !is_rule_table(route.table),
        Owner::Switch => false,
        Owner::Guest => {
            let default = route.table == MAIN_TABLE && route.destination.prefix_len() == 0;
            default || is_guest_table(route.table)
        }
    });
    let key = |route: &Route| (route.table, route.destination, route.metric);
    difference(&wanted.routes, ours, key, Request::PutRoute, Request::DeleteRoute)
}

/// The tables that lowering gives to further NICs of a VM.
fn is_guest_table(table: u32) -> bool {
    (101..200).contains(&table)
}

/// Puts what is missing or different, then deletes what nothing wanted has the key of: a put has replaced the rest.
fn difference<'a, T, K>(
    wanted: &[T],
    observed: impl Iterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
    put: impl Fn(T) -> Request,
    delete: impl Fn(T) -> Request,
) -> Vec<Request>
where
    T: Clone + Ord + 'a,
    K: Ord,
{
    let observed = observed.collect::<BTreeSet<_>>();
    let keys = wanted.iter().map(|item| (key(item), ())).collect::<BTreeMap<_, _>>();
    let missing = wanted.iter().filter(|item| !observed.contains(item)).cloned().map(put).collect::<Vec<_>>();
    let surplus = observed.into_iter().filter(|item| !keys.contains_key(&key(item))).cloned().map(delete);
    missing.into_iter().chain(surplus.collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::tests::fixture::{encrypting, hub_and_spoke, translating};

    /// What the kernel would hold after everything in `wanted` was put.
    fn fulfilled(wanted: &Namespace) -> Observed {
        let link = |(index, (name, device)): (usize, (&String, &Device))| {
            let link = Link {
                index: u32::try_from(index).unwrap() + 2,
                name: name.clone(),
                kind: match device.kind {
                    DeviceKind::Bridge => LinkKind::Bridge,
                    DeviceKind::Vxlan { .. } => LinkKind::Vxlan(vxlan(device).unwrap()),
                    DeviceKind::Tap => LinkKind::Other("tun".into()),
                    DeviceKind::CableEnd => LinkKind::Veth,
                },
                mac: device.mac.map(|mac| MacAddr(mac.0)),
                mtu: device.mtu,
                queue_length: 1000,
                up: true,
                arp: true,
                master: device.bridge.as_ref().map(|port| port.bridge.clone()),
                port: device
                    .bridge
                    .as_ref()
                    .map(|port| BridgePort { proxy_arp: port.answers_arp, ..BridgePort::STATIC }),
                peer_index: None,
            };
            (name.clone(), link)
        };
        Observed {
            links: wanted.devices.iter().enumerate().map(link).collect(),
            addresses: wanted.addresses.clone(),
            routes: wanted.routes.clone(),
            rules: wanted.rules.clone(),
            neighbours: wanted.neighbours.clone(),
            forwarding: wanted.forwarding.clone(),
        }
    }

    #[test]
    fn what_is_so_needs_nothing() {
        [encrypting(), translating()].iter().for_each(needs_nothing);
    }

    fn needs_nothing(goal: &goal_state::HostGoalState) {
        let host = crate::lower(goal);
        assert_eq!(plan(&host.switch, &fulfilled(&host.switch), Owner::Switch), Plan::default());
        for port in &host.ports {
            assert_eq!(plan(&port.namespace, &fulfilled(&port.namespace), Owner::Port), Plan::default());
        }
        for machine in &host.machines {
            assert_eq!(
                plan(&machine.namespace, &fulfilled(&machine.namespace), Owner::Guest),
                Plan::default()
            );
        }
    }

    /// A host that another goal state had: a bridge too many, a NIC that has moved to another host, a foreign device.
    #[test]
    fn what_is_not_wanted_goes_and_what_is_not_ours_stays() {
        let wanted = crate::lower(&hub_and_spoke()).switch;
        let mut observed = fulfilled(&wanted);
        let moved = wanted.forwarding.iter().find(|entry| entry.device == "p000001").unwrap().clone();
        for name in ["br9", "underlay0"] {
            let link = Link { name: name.into(), ..observed.links["br1001"].clone() };
            observed.links.insert(name.into(), link);
        }
        observed.forwarding.push(linux_net::netlink::FdbEntry { device: "vx1001".into(), ..moved.clone() });
        let plan = plan(&wanted, &observed, Owner::Switch);
        assert_eq!(plan.devices, [Request::DeleteLink("br9".into())]);
        let surplus = linux_net::netlink::FdbEntry { device: "vx1001".into(), ..moved };
        assert_eq!(plan.content, [Request::DeleteFdb(surplus)]);
    }

    /// It goes with the last NIC that encrypts; one that could not be made is not asked for anything.
    #[test]
    fn a_tap_goes_when_nothing_is_encrypted() {
        let encrypting = crate::lower(&encrypting()).switch;
        let mut observed = fulfilled(&encrypting);
        let none = plan(&crate::lower(&hub_and_spoke()).switch, &observed, Owner::Switch);
        assert_eq!(none.devices, ["enc1001", "enc1002"].map(|name| Request::DeleteLink(name.into())));
        observed.links.remove("enc1002");
        assert_eq!(plan(&encrypting, &observed, Owner::Switch), Plan::default());
        let new = Link { queue_length: 500, up: false, master: None, ..observed.links["enc1001"].clone() };
        observed.links.insert("enc1001".into(), new);
        let made = plan(&encrypting, &observed, Owner::Switch);
        assert_eq!(made.devices.len(), 4, "{:?}", made.devices);
        assert!(made.devices.contains(&Request::set_link("enc1001", LinkChange::QueueLength(1000))));
        assert_eq!(made.content, [Request::set_up("enc1001")]);
    }

    #[test]
    fn a_replaced_route_is_put_and_not_deleted() {
        let port = crate::lower(&hub_and_spoke()).ports.remove(0).namespace;
        let mut observed = fulfilled(&port);
        let old = Route { target: linux_net::netlink::RouteTarget::Blackhole, ..port.routes[2].clone() };
        observed.routes[2] = old;
        let plan = plan(&port, &observed, Owner::Port);
        assert_eq!(plan.content, [Request::PutRoute(port.routes[2].clone())]);
    }

    /// An address that another NIC has now: the bridge is told, and so are the ports.
    #[test]
    fn an_address_that_moves_is_outdated() {
        let wanted = crate::lower(&hub_and_spoke()).switch;
        let mut observed = fulfilled(&wanted);
        observed.neighbours[0].mac = MacAddr([2; 6]);
        let plan = plan(&wanted, &observed, Owner::Switch);
        assert_eq!(plan.content, [Request::PutNeighbour(wanted.neighbours[0].clone())]);
        assert_eq!(plan.outdated, [wanted.neighbours[0].address]);
    }

    /// A namespace begins with three rules; ours are there before the first of those goes.
    #[test]
    fn the_local_rule_moves_without_a_gap() {
        let port = crate::lower(&hub_and_spoke()).ports.remove(0).namespace;
        let mut observed = fulfilled(&port);
        observed.rules = vec![Rule::initial_local(), Rule::new(32_766, 254), Rule::new(32_767, 253)];
        let plan = plan(&port, &observed, Owner::Port);
        assert_eq!(plan.content.len(), 6);
        assert_eq!(plan.content.last(), Some(&Request::DeleteRule(Rule::initial_local())));
    }

    #[test]
    fn a_bridge_port_is_set_before_it_comes_up() {
        let wanted = crate::lower(&hub_and_spoke()).switch;
        let plan = plan(&wanted, &Observed::default(), Owner::Switch);
        let all = plan.devices.iter().chain(&plan.content).collect::<Vec<_>>();
        let position = |request: &Request| all.iter().position(|other| *other == request).unwrap();
        let set = all
            .iter()
            .position(|request| matches!(request, Request::SetPort { device, .. } if device == "p000002"));
        assert!(set.unwrap() < position(&Request::set_up("p000002")));
        assert!(position(&Request::set_up("br1002")) < position(&Request::set_up("p000002")));
    }
}
