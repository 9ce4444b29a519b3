//! Security admin rules in every question that they concern.

use goal_state::nsg::{Access, Direction};

use super::policy;
use crate::network::Network;
use crate::network::build::NetworkBuilder;
use crate::network_watcher::nsg_diagnostics::DiagnosticProtocol;
use crate::network_watcher::{
    Profile, Target, effective_nsg, effective_security_admin_rules, ip_flow, nsg_diagnostics,
};
use crate::verdict::{IpProtocol, Packet};

fn network() -> Network {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .vnet("b", "10.1.0.0/16")
        .nsg("nsg", &["100 Inbound Allow Tcp * *:23-23"])
        .subnet_nsg("a/default", "nsg")
        .admin("org", &["a"], &["10 Inbound Deny Tcp * *:23-23", "5 Outbound AlwaysAllow Tcp * *:443-443"])
        .admin("team", &["a"], &["1 Inbound Allow Tcp * *:80-80"])
        .vm("vm", "10.0.0.4")
        .build()
}

fn listed(network: &Network, text: &str) -> Vec<String> {
    let rules = effective_security_admin_rules(&policy(network), text).unwrap().value.into_iter();
    rules
        .map(|r| format!("{} {} {} {} {}", r.configuration, r.priority, r.name, r.direction, r.access))
        .collect()
}

#[test]
fn s4_rules_are_listed_in_the_order_of_evaluation() {
    let network = network();
    let all =
        ["org 10 rule-10 Inbound Deny", "team 1 rule-1 Inbound Allow", "org 5 rule-5 Outbound AlwaysAllow"];
    assert_eq!(listed(&network, "A"), all);
    assert_eq!(listed(&network, "a/default"), all);
    assert_eq!(listed(&network, "b"), Vec::<String>::new(), "another virtual network");
    assert_eq!(listed(&network, "a/GatewaySubnet"), Vec::<String>::new(), "not enforced there");
    let error = effective_security_admin_rules(&policy(&network), "vm/nic0").unwrap_err();
    assert!(error.to_string().contains("is a network interface"), "{error}");
}

#[test]
fn s13_1_security_admin_rules_are_told_by_their_bare_names() {
    let network = network();
    let ask = |port| {
        let packet = Packet {
            protocol: IpProtocol::TCP,
            source: [10, 1, 0, 4].into(),
            source_port: 50000,
            destination: [10, 0, 0, 4].into(),
            destination_port: port,
        };
        let nic = Target::find_owner(&network, "vm", [10, 0, 0, 4].into()).unwrap();
        ip_flow(&policy(&network), nic, Direction::Inbound, &packet).answer()
    };
    assert_eq!((ask(23).access, ask(23).rule_name.as_deref()), (Access::Deny, Some("rule-10")));
    let allowed_by_admin_only = ask(80);
    assert_eq!(allowed_by_admin_only.rule_name.as_deref(), Some("defaultSecurityRules/DenyAllInBound"));
}

#[test]
fn s13_4_security_admin_rules_are_associated_with_the_network_manager() {
    let network = network();
    let nsgs = effective_nsg(&policy(&network), Target::find(&network, "vm").unwrap());
    let first = serde_json::to_value(&nsgs.value[0]).unwrap();
    assert_eq!(first["association"], serde_json::json!({"networkManager": {"id": "org"}}));
    assert_eq!(first["effectiveSecurityRules"][0]["name"], "rule-10");
    assert_eq!(first["effectiveSecurityRules"][1]["access"], "AlwaysAllow");
    assert_eq!(nsgs.value.len(), 3, "org, team, nsg");
}

#[test]
fn s13_5_the_network_manager_is_the_first_group() {
    let network = network();
    let profile = Profile {
        direction: Direction::Inbound,
        protocol: DiagnosticProtocol::Tcp,
        source: "10.1.0.4".to_owned(),
        destination: "10.0.0.4".to_owned(),
        destination_port: "23".to_owned(),
    };
    let target = Target::find(&network, "vm").unwrap();
    let diagnostics = nsg_diagnostics(&policy(&network), target, profile).unwrap();
    let result = &diagnostics.results[0].network_security_group_result;
    assert_eq!(result.security_rule_access_result, Access::Deny);
    let groups = result.evaluated_network_security_groups.iter().map(|group| {
        let rule = group.matched_rule.as_ref().map(|rule| rule.rule_name.as_str());
        (group.network_security_group_id.as_str(), group.applied_to.as_str(), rule)
    });
    assert_eq!(
        groups.collect::<Vec<_>>(),
        [("org", "a", Some("rule-10")), ("team", "a", None), ("nsg", "a/default", Some("UserRule_rule-100")),]
    );
}
