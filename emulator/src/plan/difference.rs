//! What is created, changed and deleted between two networks, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::vm::{Guest, NetworkInterface, VirtualMachine};
use goal_state::{HostGoalState, HostName};

use super::edge::edge_reasons;
use super::restart::why_restart;
use super::{Action, Change, Kind};

/// How `new` differs from `old`; nothing when they are the same. Generations do not count.
pub(crate) fn difference(old: &[HostGoalState], new: &[HostGoalState]) -> Vec<Change> {
    let mut changes = compare(Kind::Host, &hosts(old), &hosts(new), describe_host, host_reasons);
    changes.extend(compare(
        Kind::VirtualNetwork,
        &networks(old),
        &networks(new),
        describe_network,
        network_reasons,
    ));
    changes.extend(compare(
        Kind::VirtualMachine,
        &machines(old),
        &machines(new),
        describe_machine,
        machine_reasons,
    ));
    changes.extend(compare(
        Kind::NetworkInterface,
        &interfaces(old),
        &interfaces(new),
        describe_interface,
        interface_reasons,
    ));
    changes
}

type Named<T> = BTreeMap<String, T>;

/// Creations and changes in order of name, then deletions.
fn compare<T>(
    kind: Kind,
    old: &Named<T>,
    new: &Named<T>,
    describe: impl Fn(&T) -> String,
    reasons: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Change> {
    let change = |action, name: &str, why: String| Change { action, kind, name: name.to_owned(), why };
    let mut changes = Vec::new();
    for (name, wanted) in new {
        match old.get(name) {
            None => changes.push(change(Action::Create, name, describe(wanted))),
            Some(present) => {
                let reasons = reasons(present, wanted);
                if !reasons.is_empty() {
                    changes.push(change(Action::Change, name, reasons.join("; ")));
                }
            }
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        changes.push(change(Action::Delete, name, "no longer in the topology".to_owned()));
    }
    changes
}

fn hosts(states: &[HostGoalState]) -> Named<&HostGoalState> {
    states.iter().map(|state| (state.host.to_string(), state)).collect()
}

fn describe_host(host: &&HostGoalState) -> String {
    let offload = if host.offload { "" } else { ", nothing is offloaded" };
    let honest = if host.honest_packets { ", encrypted packets are sent one by one" } else { "" };
    format!("provider address {}{offload}{honest}", host.provider_address)
}

fn host_reasons(old: &&HostGoalState, new: &&HostGoalState) -> Vec<String> {
    let mut reasons = Vec::new();
    if old.provider_address != new.provider_address {
        reasons.push(format!("provider address {} becomes {}", old.provider_address, new.provider_address));
    }
    match (old.offload, new.offload) {
        (false, true) => reasons.push("known flows are offloaded".to_owned()),
        (true, false) => reasons.push("known flows are no longer offloaded".to_owned()),
        _ => {}
    }
    match (old.honest_packets, new.honest_packets) {
        (false, true) => reasons.push("encrypted packets are sent one by one".to_owned()),
        (true, false) => reasons.push("encrypted packets are no longer sent one by one".to_owned()),
        _ => {}
    }
    reasons.extend(edge_reasons(&old.edge, &new.edge));
    reasons
}

/// A virtual network as all hosts together see it.
struct Network {
    vni: u32,
    reachable: BTreeSet<Ipv4Addr>,
}

fn networks(states: &[HostGoalState]) -> Named<Network> {
    let mut networks = Named::new();
    for network in states.iter().flat_map(|state| &state.virtual_networks) {
        let entry = networks
            .entry(network.name.clone())
            .or_insert_with(|| Network { vni: network.vni.get(), reachable: BTreeSet::new() });
        entry.reachable.extend(network.mappings.iter().map(|mapping| mapping.customer_address));
    }
    networks
}

fn describe_network(network: &Network) -> String {
    let reachable = crate::output::sentence(network.reachable.len(), "address", "addresses");
    format!("VNI {}, {reachable} reachable", network.vni)
}

fn network_reasons(old: &Network, new: &Network) -> Vec<String> {
    let mut reasons = Vec::new();
    if old.vni != new.vni {
        reasons.push(format!("VNI {} becomes {}", old.vni, new.vni));
    }
    let joined: Vec<_> = new.reachable.difference(&old.reachable).map(ToString::to_string).collect();
    if !joined.is_empty() {
        reasons.push(format!("{} can be reached", joined.join(", ")));
    }
    let gone: Vec<_> = old.reachable.difference(&new.reachable).map(ToString::to_string).collect();
    if !gone.is_empty() {
        reasons.push(format!("{} can no longer be reached", gone.join(", ")));
    }
    reasons
}

type Machine<'a> = (&'a HostName, &'a VirtualMachine);

fn machines(states: &[HostGoalState]) -> Named<Machine<'_>> {
    states
        .iter()
        .flat_map(|state| {
            state.virtual_machines.iter().map(move |vm| (vm.name.to_string(), (&state.host, vm)))
        })
        .collect()
}

fn describe_machine((host, _): &Machine<'_>) -> String {
    format!("on {host}")
}

fn machine_reasons((old_host, old): &Machine<'_>, (new_host, new): &Machine<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    if old_host != new_host {
        reasons.push(format!("moves from {old_host} to {new_host}, and starts anew there"));
    } else if let Some(why) = why_restart(old, new) {
        reasons.push(format!("restarts, because {why}"));
    }
    let mut differs = |different: bool, what: &str| {
        if different {
            reasons.push(format!("{what} changed"));
        }
    };
    let Guest {
        ip_forwarding,
        masquerade,
        masquerade_except,
        admits,
        listen,
        answers_everything,
        commands,
        hosts,
        floating,
        dns_servers,
        dns_suffix,
    } = &old.guest;
    differs(*ip_forwarding != new.guest.ip_forwarding, "the guest's IP forwarding");
    differs(*masquerade != new.guest.masquerade, "the guest's masquerading");
    differs(*masquerade_except != new.guest.masquerade_except, "where the guest masquerades");
    differs(*admits != new.guest.admits, "whom it lets in");
    differs(*listen != new.guest.listen, "listen");
    differs(*answers_everything != new.guest.answers_everything, "whether it answers on every port");
    differs(*commands != new.guest.commands, "commands");
    differs(*hosts != new.guest.hosts, "/etc/hosts");
    differs(*floating != new.guest.floating, "addresses on the loopback device");
    differs(*dns_servers != new.guest.dns_servers, "DNS servers");
    differs(*dns_suffix != new.guest.dns_suffix, "the DNS suffix");
    reasons
}

fn interfaces(states: &[HostGoalState]) -> Named<&NetworkInterface> {
    let machines = states.iter().flat_map(|state| &state.virtual_machines);
    machines
        .flat_map(|vm| {
            vm.network_interfaces.iter().map(move |nic| (format!("{}/{}", vm.name, nic.name), nic))
        })
        .collect()
}

fn describe_interface(nic: &&NetworkInterface) -> String {
    let addresses: Vec<_> = nic.addresses.iter().map(ToString::to_string).collect();
    let mut groups: Vec<_> = nic
        .port
        .filter
        .inbound
        .iter()
        .chain(&nic.port.filter.outbound)
        .map(|group| group.name.as_str())
        .collect();
    groups.sort_unstable();
    groups.dedup();
    let routes = crate::output::sentence(nic.port.routes.len(), "route", "routes");
    let filter = if groups.is_empty() { "no filter".to_owned() } else { groups.join(", ") };
    format!("{} in {}, {routes}, {filter}", addresses.join(", "), nic.subnet)
}

fn interface_reasons(old: &&NetworkInterface, new: &&NetworkInterface) -> Vec<String> {
    let mut reasons = Vec::new();
    match (old.accelerated, new.accelerated) {
        (false, true) => reasons.push("accelerated networking is switched on".to_owned()),
        (true, false) => reasons.push("accelerated networking is switched off".to_owned()),
        _ => {}
    }
    match (old.encryption_port, new.encryption_port) {
        (None, Some(_)) => reasons.push("encryption is switched on".to_owned()),
        (Some(_), None) => reasons.push("encryption is switched off".to_owned()),
        _ => {}
    }
    let mut differs = |different: bool, what: &str| {
        if different {
            reasons.push(format!("{what} changed"));
        }
    };
    differs(old.mac != new.mac, "the Ethernet address");
    differs(old.addresses != new.addresses, "private addresses");
    differs(old.subnet != new.subnet, "the subnet");
    differs(old.port.vni != new.port.vni, "the virtual network");
    differs(old.port.enable_ip_forwarding != new.port.enable_ip_forwarding, "IP forwarding");
    differs(old.port.filter != new.port.filter, "effective security rules");
    differs(old.port.routes != new.port.routes, "effective routes");
    differs(
        old.port.forwarded_traffic_refused != new.port.forwarded_traffic_refused,
        "forwarded traffic of peers",
    );
    differs(old.port.translation != new.port.translation, "public addresses");
    differs(old.port.private_endpoint != new.port.private_endpoint, "the private endpoint");
    differs(old.port.unencrypted_refused != new.port.unencrypted_refused, "whom nothing is sent to in clear");
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::example::host;
    use super::*;

    fn lines(old: &[HostGoalState], new: &[HostGoalState]) -> Vec<String> {
        difference(old, new)
            .iter()
            .map(|c| format!("{} {} {}: {}", c.action, c.kind, c.name, c.why))
            .collect()
    }

    #[test]
    fn the_same_network_is_no_change_whatever_its_generation() {
        let old = host("host1", 1, &[("web", 4)]);
        let mut new = old.clone();
        new.generation = new.generation.next();
        assert_eq!(difference(&[old], &[new]), []);
    }

    #[test]
    fn a_new_network_is_all_creation() {
        insta::assert_snapshot!(lines(&[], &[host("host1", 1, &[("web", 4), ("db", 5)])]).join("\n"), @r"
        create host host1: provider address 198.18.0.1
        create virtual network hub: VNI 4096, 2 addresses reachable
        create virtual machine db: on host1
        create virtual machine web: on host1
        create network interface db/nic0: 10.0.0.5 in 10.0.0.0/24, 1 route, no filter
        create network interface web/nic0: 10.0.0.4 in 10.0.0.0/24, 1 route, no filter
        ");
    }

    #[test]
    fn a_changed_data_path_is_told_of_host_vm_and_nic() {
        let old = [host("host1", 1, &[("web", 4)])];
        let mut new = old.clone();
        new[0].offload = false;
        new[0].virtual_machines[0].network_interfaces[0].accelerated = true;
        insta::assert_snapshot!(lines(&old, &new).join("\n"), @r"
        change host host1: known flows are no longer offloaded
        change virtual machine web: restarts, because accelerated networking changes
        change network interface web/nic0: accelerated networking is switched on
        ");
        assert_eq!(lines(&new, &old)[0], "change host host1: known flows are offloaded");
    }

    #[test]
    fn s11_4_encryption_is_told_of_vm_and_nic() {
        let old = [host("host1", 1, &[("web", 4)])];
        let mut new = old.clone();
        new[0].virtual_machines[0].network_interfaces[0].encryption_port = Some(20_007);
        insta::assert_snapshot!(lines(&old, &new).join("\n"), @r"
        change virtual machine web: restarts, because it begins to encrypt
        change network interface web/nic0: encryption is switched on
        ");
        assert_eq!(lines(&new, &old), ["change network interface web/nic0: encryption is switched off"]);
    }

    #[test]
    fn honest_packets_are_told_of_the_host() {
        let old = [host("host1", 1, &[("web", 4)])];
        let mut new = old.clone();
        new[0].honest_packets = true;
        assert_eq!(lines(&old, &new), ["change host host1: encrypted packets are sent one by one"]);
        assert_eq!(lines(&new, &old), ["change host host1: encrypted packets are no longer sent one by one"]);
        assert!(lines(&[], &new)[0].ends_with(", encrypted packets are sent one by one"));
    }

    #[test]
    fn a_vm_that_moves_and_one_that_goes_are_told_apart() {
        let old = [host("host1", 1, &[("web", 4), ("db", 5)]), host("host2", 2, &[])];
        let mut new = [host("host1", 1, &[]), host("host2", 2, &[("web", 4)])];
        new[1].virtual_machines[0].network_interfaces[0].port.enable_ip_forwarding = true;
        insta::assert_snapshot!(lines(&old, &new).join("\n"), @r"
        change virtual network hub: 10.0.0.5 can no longer be reached
        change virtual machine web: moves from host1 to host2, and starts anew there
        delete virtual machine db: no longer in the topology
        change network interface web/nic0: IP forwarding changed
        delete network interface db/nic0: no longer in the topology
        ");
    }
}
