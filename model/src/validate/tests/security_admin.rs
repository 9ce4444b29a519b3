//! Security admin configurations.

use goal_state::nsg::RuleAccess;

use super::*;
use crate::network::SecurityAdminConfiguration;
use crate::network::security_admin::NetworkIntentPolicyServices;

fn configurations(typed: &str) -> String {
    format!("{TWO}securityAdminConfigurations: {{{typed}}}")
}

fn admin_rule(typed: &str) -> String {
    configurations(&format!(
        "org: {{virtualNetworks: '*', rules: {{r: {{direction: Inbound, protocol: Tcp, {typed}}}}}}}"
    ))
}

fn loaded(typed: &str) -> Vec<SecurityAdminConfiguration> {
    let text = format!("name: lab\n{}\n", configurations(typed));
    let network = load(&text).network;
    network.unwrap_or_else(|| panic!("{}", problems(&text))).security_admin_configurations
}

#[test]
fn s4_a_configuration_is_deployed_to_all_or_some_networks() {
    let of = |typed: &str| {
        let all = loaded(&format!("org: {{virtualNetworks: {typed}}}"));
        all[0].virtual_networks.iter().map(|vnet| vnet.0).collect::<Vec<_>>()
    };
    assert_eq!(of("'*'"), [0, 1]);
    assert_eq!(of("[spoke, Hub, hub]"), [0, 1]);
    assert_eq!(of("spoke"), [1]);
    check(
        &configurations,
        &[
            (
                "org: {virtualNetworks: [spok]}",
                "error InvalidResourceReference: there is no virtual network `spok`; did you mean `spoke`?",
            ),
            (
                "org: {virtualNetworks: []}",
                "error SecurityAdminConfigurationScope: security admin configuration `org` is deployed to no virtual network; name some, or write `virtualNetworks: \"*\"`",
            ),
            (
                "org: {virtualNetworks: [hub, '*']}",
                "error SecurityAdminConfigurationScope: `*` stands beside other virtual networks in `org`; `*` is all of them: let it stand alone",
            ),
        ],
    );
}

#[test]
fn s4_rules_have_their_fields_and_stand_in_order() {
    let all = loaded(
        "top: {virtualNetworks: '*', applyOnNetworkIntentPolicyBasedServices: allowrulesonly, rules: {
          b: {priority: 20, direction: Inbound, access: Deny, protocol: '*'},
          a: {priority: 10, direction: Inbound, access: AlwaysAllow, protocol: Tcp, sourceAddressPrefix: [10.0.0.0/8, 192.0.2.1], destinationPortRange: [22, 80-90]},
          o: {priority: 10, direction: Outbound, access: Allow, protocol: Esp, destinationAddressPrefix: Storage.KoreaCentral}}},
        below: {virtualNetworks: hub}",
    );
    assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["top", "below"]);
    let rules: Vec<_> =
        all[0].rules.iter().map(|rule| (rule.name.as_str(), rule.priority, rule.access)).collect();
    assert_eq!(
        rules,
        [("a", 10, RuleAccess::AlwaysAllow), ("b", 20, RuleAccess::Deny), ("o", 10, RuleAccess::Allow)]
    );
    let services = |at: usize| all[at].apply_on_network_intent_policy_based_services;
    assert_eq!(services(0), NetworkIntentPolicyServices::AllowRulesOnly);
    assert_eq!(services(1), NetworkIntentPolicyServices::None);
}

#[test]
fn s4_priorities_go_from_1_to_4096() {
    check(
        &admin_rule,
        &[
            ("priority: 1, access: Deny", ""),
            ("priority: 4096, access: Deny", ""),
            (
                "priority: 0, access: Deny",
                "error SecurityAdminRuleInvalidPriority: security admin rule `r` has priority 0; priorities go from 1 to 4096",
            ),
            (
                "priority: 4097, access: Deny",
                "error SecurityAdminRuleInvalidPriority: security admin rule `r` has priority 4097; priorities go from 1 to 4096",
            ),
        ],
    );
}

#[test]
fn s4_platform_tags_and_application_security_groups_are_refused() {
    for tag in ["AzurePlatformDNS", "AzurePlatformIMDS", "AzurePlatformLKM"] {
        let said = problems(&format!(
            "name: lab\n{}\n",
            admin_rule(&format!("priority: 1, access: Deny, destinationAddressPrefix: {tag}"))
        ));
        assert_eq!(
            said,
            format!(
                "error SecurityAdminRulePlatformTag: security admin rule `r` names service tag `{tag}`; the platform's tags are for network security groups only: write a rule in one"
            )
        );
    }
    let groups = admin_rule("priority: 1, access: Deny, sourceApplicationSecurityGroups: [web]");
    assert!(problems(&format!("name: lab\n{groups}\n")).starts_with("error UnknownKey"));
}

#[test]
fn s4_at_most_100_rules_and_1000_prefixes() {
    let rules = |count: usize, prefixes: usize| {
        let list: Vec<_> = (0..prefixes).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
        let rule = |n: usize| {
            format!(
                "r{n}: {{priority: {}, direction: Inbound, access: Deny, protocol: Tcp, sourceAddressPrefix: [{}]}}",
                n + 1,
                list.join(", ")
            )
        };
        let rules: Vec<_> = (0..count).map(rule).collect();
        configurations(&format!("org: {{virtualNetworks: '*', rules: {{{}}}}}", rules.join(", ")))
    };
    check(
        &lab,
        &[
            (&rules(100, 10), ""),
            (
                &rules(101, 1),
                "error LimitExceeded: there are 101 rules of `org`; at most 100 are allowed; leave 1 out",
            ),
            (
                &rules(91, 11),
                "error LimitExceeded: there are 1001 prefixes in security admin rules; at most 1000 are allowed; leave 1 out",
            ),
        ],
    );
}
