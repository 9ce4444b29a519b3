//! Network security groups and their rules.

use super::*;

#[test]
fn s3_1_priorities_go_from_100_to_4096() {
    check(
        &rules,
        &[
            (
                "r: {priority: 99, direction: Inbound, access: Allow, protocol: Tcp}",
                "error SecurityRuleInvalidPriority: rule `r` has priority 99; priorities go from 100 to 4096",
            ),
            (
                "r: {priority: 4097, direction: Inbound, access: Allow, protocol: Tcp}",
                "error SecurityRuleInvalidPriority: rule `r` has priority 4097; priorities go from 100 to 4096",
            ),
            ("r: {priority: 4096, direction: Inbound, access: Allow, protocol: Tcp}", ""),
        ],
    );
}

#[test]
fn s3_1_a_priority_stands_once_per_direction() {
    check(
        &rules,
        &[
            (
                "a: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp}, b: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp}",
                "error SecurityRuleConflict: rules `a` and `b` of `nsg` both have priority 100 Inbound; a priority stands once per direction: give one of them another",
            ),
            (
                "a: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp}, b: {priority: 100, direction: Outbound, access: Allow, protocol: Tcp}",
                "",
            ),
        ],
    );
}

#[test]
fn s3_1_a_side_is_any_prefixes_or_one_tag() {
    check(
        &rule,
        &[
            ("sourceAddressPrefix: [10.0.0.0/8, 192.0.2.7], destinationAddressPrefix: virtualnetwork", ""),
            (
                "sourceAddressPrefix: [VirtualNetwork, Internet]",
                "error SecurityRuleParameterContainsUnsupportedValue: rule `r` has `Internet` in a list of source addresses; one service tag or `*` stands alone on a side; write a rule for each",
            ),
            (
                "sourceAddressPrefix: [10.0.0.0/8, Internet]",
                "error SecurityRuleParameterContainsUnsupportedValue: rule `r` has `Internet` in a list of source addresses; one service tag or `*` stands alone on a side; write a rule for each",
            ),
            (
                "destinationAddressPrefix: ['*', 10.0.0.0/8]",
                "error SecurityRuleParameterContainsUnsupportedValue: rule `r` has `*` in a list of destination addresses; one service tag or `*` stands alone on a side; write a rule for each",
            ),
            (
                "sourceAddressPrefix: []",
                "error SecurityRuleEmptySide: rule `r` has an empty list of source addresses; leave it out for any source",
            ),
            (
                "sourceAddressPrefix: 10.0.0.1/8",
                "error InvalidCIDRNotation: `10.0.0.1/8` has bits set to the right of its prefix length; the prefix is `10.0.0.0/8`",
            ),
        ],
    );
}

#[test]
fn s3_1_a_side_has_ports() {
    check(
        &rule,
        &[
            ("destinationPortRange: [80, 443, 8000-8099]", ""),
            (
                "destinationPortRange: []",
                "error SecurityRuleEmptySide: rule `r` has an empty list of destination ports; leave it out for every port",
            ),
        ],
    );
}

#[test]
fn s3_5_a_side_has_addresses_or_groups() {
    const FILE: &str = "applicationSecurityGroups: [web]";
    check(
        &|inner| format!("{FILE}\n{}", rule(inner)),
        &[
            (
                "sourceAddressPrefix: 10.0.0.0/8, sourceApplicationSecurityGroups: [web]",
                concat!(
                    "error SecurityRuleSideConflict: rule `r` has source addresses and source application security groups; keep sourceAddressPrefix or sourceApplicationSecurityGroups\n",
                    "warning ApplicationSecurityGroupEmpty: rule `r` names application security group `web`, which has no members; make a network interface a member of it, or leave the rule out"
                ),
            ),
            (
                "sourceApplicationSecurityGroups: []",
                "error SecurityRuleEmptySide: rule `r` has an empty list of source application security groups; leave it out for any source",
            ),
        ],
    );
}
