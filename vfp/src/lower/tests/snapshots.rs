//! What is written for a spoke's web VM, for an appliance and for their host. A change here is a change of behaviour.

use super::fixture::hub_and_spoke;
use crate::network::{HostNetwork, Namespace};
use crate::ruleset::Ruleset;

fn lowered() -> HostNetwork {
    crate::lower(&hub_and_spoke())
}

fn port(name: &str) -> Namespace {
    lowered().ports.into_iter().find(|port| port.name == name).unwrap().namespace
}

fn ruleset(namespace: &Namespace) -> linux_net::nft::Ruleset {
    as_nft(namespace.ruleset.as_ref().unwrap())
}

fn as_nft(ruleset: &Ruleset) -> linux_net::nft::Ruleset {
    ruleset.try_into().unwrap()
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
    insta::assert_debug_snapshot!(Namespace { ruleset: None, ..port("port-web1-nic0") });
}

#[test]
fn the_rest_of_a_host() {
    insta::assert_debug_snapshot!(Namespace { ruleset: None, ..lowered().switch });
}

#[test]
fn a_guest_with_two_nics() {
    insta::assert_debug_snapshot!(lowered().machines[0]);
}

/// nft itself reads every ruleset, where it is installed and may be asked.
#[test]
fn nft_understands_what_is_written() {
    let host = lowered();
    let namespaces = host.ports.iter().map(|port| &port.namespace).chain([&host.switch]);
    let all = namespaces.chain(host.machines.iter().map(|machine| &machine.namespace));
    for ruleset in all.filter_map(|namespace| namespace.ruleset.as_ref()) {
        check_with_nft(&as_nft(ruleset).to_string());
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
