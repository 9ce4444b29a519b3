//! What is written for a spoke's web VM, for an appliance and for their host. A change here is a change of behaviour.

use goal_state::nsg::AddressSet;

use super::fixture::{encrypting, hub_and_spoke, translating};
use crate::network::{HostNetwork, Namespace};
use crate::ruleset::as_nft;

fn lowered() -> HostNetwork {
    crate::lower(&hub_and_spoke())
}

fn port(name: &str) -> Namespace {
    lowered().ports.into_iter().find(|port| port.name == name).unwrap().namespace
}

fn ruleset(namespace: &Namespace) -> linux_net::nft::Ruleset {
    as_nft(&namespace.rulesets).unwrap()
}

#[test]
fn the_ruleset_of_a_web_vm() {
    insta::assert_snapshot!(ruleset(&port("port-web1-nic0")));
}

#[test]
fn the_ruleset_of_an_appliance() {
    insta::assert_snapshot!(ruleset(&port("port-nva-nic0")));
}

#[test]
fn the_hosts_bridge_table() {
    insta::assert_snapshot!(ruleset(&lowered().switch));
}

/// Ports that do not reach one of their next hops ask for it in vain, and no others do.
#[test]
fn a_next_hop_that_is_not_reached_is_not_answered() {
    let host = crate::lower(&with_a_next_hop_out_of_reach());
    let text = ruleset(&host.switch).to_string();
    let chain = text.lines().skip_while(|line| !line.contains("chain arp_requests")).collect::<Vec<_>>();
    insta::assert_snapshot!(chain.join("\n"));
    check_with_nft(&text);
    let untold = host.ports.iter().filter(|port| !port.untold.is_empty()).map(|port| port.name.as_str());
    assert_eq!(untold.collect::<Vec<_>>(), ["port-web1-nic0"]);
}

fn with_a_next_hop_out_of_reach() -> goal_state::HostGoalState {
    let mut goal = hub_and_spoke();
    let web1 = goal.virtual_machines.iter_mut().find(|vm| vm.name.as_str() == "web1").unwrap();
    let routes = std::sync::Arc::make_mut(&mut web1.network_interfaces[0].port.routes);
    let default = routes.iter_mut().find(|route| route.prefix.prefix_len() == 0).unwrap();
    let [nva, far, own] = [[10, 0, 100, 4], [10, 1, 1, 5], [10, 1, 1, 4]].map(std::net::Ipv4Addr::from);
    let addresses = vec![nva, own, far];
    default.next_hop =
        goal_state::route::NextHop::VirtualAppliance { addresses, unreachable: vec![own, far] };
    goal
}

#[test]
fn the_rest_of_a_port() {
    insta::assert_debug_snapshot!(Namespace { rulesets: vec![], ..port("port-web1-nic0") });
}

#[test]
fn the_rest_of_a_host() {
    insta::assert_debug_snapshot!(Namespace { rulesets: vec![], ..lowered().switch });
}

#[test]
fn a_guest_with_two_nics() {
    insta::assert_debug_snapshot!(lowered().machines[0]);
}

/// The bridge's table and the one before it: only NICs of other hosts are in the sets.
#[test]
fn the_hosts_tables_where_nics_encrypt() {
    let host = crate::lower(&encrypting());
    insta::assert_snapshot!(ruleset(&host.switch));
    let before = lowered().switch.devices;
    let made = host.switch.devices.iter().filter(|(name, _)| !before.contains_key(*name));
    insta::assert_debug_snapshot!(made.collect::<Vec<_>>());
}

/// Only behind routing it is known to whom a packet is handed.
#[test]
fn the_chain_of_a_port_that_must_not_send_in_clear() {
    let mut goal = hub_and_spoke();
    let nic = &mut goal.virtual_machines.last_mut().unwrap().network_interfaces[0];
    nic.port.unencrypted_refused = [[10, 0, 100, 4], [10, 2, 1, 4]]
        .map(|address| ipnet::Ipv4Net::from(std::net::Ipv4Addr::from(address)))
        .into_iter()
        .collect::<AddressSet>();
    let port = crate::lower(&goal).ports.into_iter().find(|port| port.name == "port-web1-nic0").unwrap();
    let lowered = ruleset(&port.namespace);
    let chain = lowered.tables[0].chains.iter().find(|chain| chain.name.as_str() == "unencrypted");
    insta::assert_snapshot!(chain.unwrap());
    check_with_nft(&lowered.to_string());
}

/// What is not there without translation, and the chains that lead there.
#[test]
fn ports_that_translate() {
    let host = crate::lower(&translating());
    for name in ["port-nva-nic0", "port-web1-nic0"] {
        let port = &host.ports.iter().find(|port| port.name == name).unwrap().namespace;
        let lowered = ruleset(port);
        check_with_nft(&lowered.to_string());
        let table = &lowered.tables[0];
        let is_about = |name: &str| {
            [
                "outbound",
                "outbound_routes",
                "outbound_internet",
                "inbound",
                "destinations",
                "sources",
                "leaving",
            ]
            .contains(&name)
        };
        let chains = table.chains.iter().filter(|chain| is_about(chain.name.as_str()));
        let sets = table.connection_sets.iter().map(ToString::to_string);
        let text = sets.chain(chains.map(ToString::to_string)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("{name}_translates"), text);
        insta::assert_debug_snapshot!(format!("{name}_leads"), (&port.rules, &port.routes));
    }
    let web1 = host.machines.iter().find(|machine| machine.vm.as_str() == "web1").unwrap();
    assert!(web1.namespace.addresses.iter().any(|address| address.device == "lo"));
    let nva = host.machines.iter().find(|machine| machine.vm.as_str() == "nva").unwrap();
    let answers = ruleset(&nva.namespace);
    check_with_nft(&answers.to_string());
    insta::assert_snapshot!("a_guest_that_answers_everything", answers);
}

/// A private endpoint begins nothing and takes TCP; one that is not approved takes nothing.
#[test]
fn the_port_of_a_private_endpoint() {
    let mut goal = hub_and_spoke();
    let text = [true, false].map(|approved| {
        let nic = &mut goal.virtual_machines.last_mut().unwrap().network_interfaces[0];
        let name = "pe-sql".to_owned();
        nic.port.private_endpoint = Some(goal_state::port::PrivateEndpoint { name, approved });
        let host = crate::lower(&goal);
        let port = host.ports.iter().find(|port| port.name == "port-web1-nic0").unwrap();
        let lowered = ruleset(&port.namespace);
        check_with_nft(&lowered.to_string());
        let chains = lowered.tables[0].chains.iter();
        let chains = chains.filter(|chain| ["outbound", "inbound"].contains(&chain.name.as_str()));
        chains.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!(text.join("\n\n"));
}

/// nft itself reads every ruleset, where it is installed and may be asked.
#[test]
fn nft_understands_what_is_written() {
    let host = lowered();
    let namespaces = host.ports.iter().map(|port| &port.namespace).chain([&host.switch]);
    let all = namespaces.chain(host.machines.iter().map(|machine| &machine.namespace));
    for namespace in all {
        check_with_nft(&ruleset(namespace).to_string());
    }
}

fn check_with_nft(text: &str) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut nft = Command::new("unshare")
        .args(["-Urn", "nft", "-c", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare of util-linux is installed");
    nft.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = nft.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}
