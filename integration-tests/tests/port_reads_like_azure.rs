//! What a person sees in a port's namespace: `ip route` is the NIC's effective routes, `nft list ruleset` its effective rules.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::verdict::Question;
use integration_tests::{Lab, User};

fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at =
            rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or not in its place, in\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

/// web1: its own network and the hub's directly, everything else by the NVA. The system routes to nowhere (10.0.0.0/8 ...) are gone,
/// because a route of the user's covers 0.0.0.0/0.
#[test]
fn routes_of_a_spoke_lead_to_the_appliance_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");

    let routes = lab.in_namespace("port-web1-nic0", &["ip", "route"]).ok();

    let lines: Vec<String> =
        routes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let starts = |text: &str| lines.iter().any(|line| line.starts_with(text));
    assert!(starts("default via 10.0.100.4 dev up0"), "{routes}");
    assert!(starts("10.0.0.0/16 dev up0"), "{routes}");
    assert!(starts("10.1.0.0/16 dev up0"), "{routes}");
    assert!(!starts("blackhole") && !routes.contains("10.2."), "{routes}");
}

/// jump has no route table: both spokes by peering, private addresses that nobody has go nowhere.
#[test]
fn routes_of_the_hub_end_in_system_routes_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");

    let routes = lab.in_namespace("port-jump-nic0", &["ip", "route"]).ok();

    for line in ["10.0.0.0/16 dev up0", "10.1.0.0/16 dev up0", "10.2.0.0/16 dev up0"] {
        assert!(routes.contains(line), "{line} in\n{routes}");
    }
    for line in
        ["blackhole default", "blackhole 10.0.0.0/8", "blackhole 172.16.0.0/12", "blackhole 192.168.0.0/16"]
    {
        assert!(routes.contains(line), "{line} in\n{routes}");
    }
}

/// app1's rules stand in the ruleset with their Azure names, in the order of their priorities, default rules last; and the counter of
/// a rule counts what it decided.
#[test]
fn rules_stand_in_order_with_their_names_and_count_as_root() {
    let lab = Lab::shipped(User::Root, "hub-spoke");
    let count = |rule: &str| {
        let counters = lab.in_namespace("port-app1-nic0", &["nft", "list", "counters"]).ok();
        let counter =
            counters.split("counter ").find(|counter| counter.contains(&format!("nsg-app/{rule}\"")));
        let counter = counter.unwrap_or_else(|| panic!("no counter of {rule} in\n{counters}"));
        let (_, packets) = counter.split_once("packets ").unwrap();
        packets.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let before = (count("allow-web-to-app"), count("deny-inbound"));

    let allowed = lab.prove_agreed(&Question::tcp("web1", "app1", 8080));
    let denied = lab.prove_agreed(&Question::tcp("web1", "app1", 22));

    assert_eq!(allowed["verdict"], "Allow");
    assert_eq!(denied["reason"]["rule"], "deny-inbound");
    assert!(count("allow-web-to-app") > before.0 && count("deny-inbound") > before.1);
    let ruleset = lab.in_namespace("port-app1-nic0", &["nft", "list", "table", "ip", "vfp"]).ok();
    let chain = ruleset.split("chain ").find(|chain| chain.starts_with("inbound_subnet")).unwrap();
    assert_in_order(
        chain,
        &[
            "subnet_in_100",
            "subnet_in_110",
            "subnet_in_120",
            "subnet_in_130",
            "subnet_in_140",
            "subnet_in_4096",
            "subnet_in_65500",
        ],
    );
}
