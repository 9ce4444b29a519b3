//! Effective security rules.

use super::{hub_spoke, policy};
use crate::network::Network;
use crate::network::build::NetworkBuilder;
use crate::network_watcher::effective_nsg::EffectiveSecurityRule;
use crate::network_watcher::{EffectiveNsgs, Target, effective_nsg};

fn ask(network: &Network, target: &str) -> EffectiveNsgs {
    effective_nsg(&policy(network), Target::find(network, target).unwrap())
}

#[test]
fn s13_4_effective_rules_have_azures_shape() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", &["100 Inbound Allow Tcp Internet *:3389-3389"])
        .subnet_nsg("a/default", "nsg")
        .vm("vm", "10.0.0.4")
        .build();
    insta::assert_json_snapshot!(ask(&network, "vm"));
}

#[test]
fn s13_4_each_group_comes_with_what_it_is_attached_to() {
    let network = hub_spoke();
    let associations = |target: &str| {
        let entries = ask(&network, target).value.into_iter();
        entries.map(|entry| serde_json::to_string(&entry.association).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        associations("web1"),
        [r#"{"subnet":{"id":"spoke/web"}}"#, r#"{"networkInterface":{"id":"web1/nic0"}}"#]
    );
    assert_eq!(associations("web2"), [r#"{"subnet":{"id":"spoke/web"}}"#]);
    assert_eq!(associations("spoke/web"), [r#"{"subnet":{"id":"spoke/web"}}"#]);
    assert_eq!(associations("hub/GatewaySubnet"), Vec::<String>::new());
}

fn rule(nsgs: &EffectiveNsgs, name: &str) -> EffectiveSecurityRule {
    let rules = nsgs.value.iter().flat_map(|entry| &entry.effective_security_rules);
    rules.into_iter().find(|rule| rule.name == name).unwrap().clone()
}

#[test]
fn s5_1_virtual_network_is_expanded_as_the_subnet_sees_it() {
    let network = hub_spoke();
    // The spoke's default route leads to an appliance inside, so everything is VirtualNetwork there.
    let allow = rule(&ask(&network, "web1"), "defaultSecurityRules/AllowVnetInBound");
    assert_eq!(allow.source_address_prefix.as_deref(), Some("VirtualNetwork"));
    assert_eq!(allow.expanded_source_address_prefix, ["0.0.0.0/0".parse().unwrap()]);
    let tags = &ask(&network, "web1").value[0].tag_map;
    assert_eq!(tags["VirtualNetwork"], ["0.0.0.0/0".parse().unwrap()]);
    assert_eq!(tags["Internet"], []);
    assert_eq!(tags["AzureLoadBalancer"], ["168.63.129.16/32".parse().unwrap()]);
}

#[test]
fn s13_4_rules_with_lists_have_the_plural_fields_only() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", &["100 Inbound Allow Tcp 10.1.0.0/16 *:80-80"])
        .subnet_nsg("a/default", "nsg")
        .build();
    let rule_100 = &mut network.network_security_groups[0].rules[0];
    rule_100.destination_ports.push(goal_state::nsg::PortRange::new(8000, 8099).unwrap());
    let crate::network::RulePeer::Prefixes(source) = &mut rule_100.source else { panic!() };
    source.push(crate::network::AddressPrefix::Prefix("10.1.0.0/16".parse().unwrap()));
    source.push(crate::network::AddressPrefix::Prefix("10.7.0.9/32".parse().unwrap()));
    let rule = rule(&ask(&network, "a/default"), "securityRules/rule-100");
    assert_eq!(rule.source_address_prefix, None);
    assert_eq!(rule.source_address_prefixes, ["10.1.0.0/16", "10.1.0.0/16", "10.7.0.9/32"], "as written");
    assert_eq!(rule.destination_port_range, None);
    assert_eq!(rule.destination_port_ranges, ["80-80", "8000-8099"]);
    assert_eq!(rule.source_port_range.as_deref(), Some("0-65535"));
}

#[test]
fn s3_5_application_security_groups_are_their_members_addresses() {
    let builder = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .asg("web")
        .nsg("nsg", &["100 Inbound Allow Tcp asg/web *:80-80"])
        .subnet_nsg("a/default", "nsg");
    let web = builder.asg_id("web");
    let network = builder
        .vm_with("w1", &["10.0.0.4"], |vm| vm.nics[0].asgs = vec![web])
        .vm_with("w2", &["10.0.0.5"], |vm| vm.nics[0].asgs = vec![web])
        .build();
    let rule = rule(&ask(&network, "w1"), "securityRules/rule-100");
    assert_eq!(rule.source_address_prefixes, ["10.0.0.4/32", "10.0.0.5/32"]);
    assert_eq!(rule.expanded_source_address_prefix, [], "no tag");
}
