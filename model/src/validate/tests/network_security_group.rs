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

#[test]
fn s1_3_ipv4_and_ipv6_never_stand_in_one_rule() {
    let mixed = |address: &str| {
        format!(
            "error SecurityRuleAddressFamiliesMixed: rule `r` has IPv4 and IPv6 addresses, such as {address}; a rule is for one of them: write a rule for each"
        )
    };
    let not_built = "error NotBuiltYet: IPv6 is not built yet; write IPv4";
    check(
        &rule,
        &[
            ("sourceAddressPrefix: 10.0.0.0/8, destinationAddressPrefix: 'fd00::/8'", &mixed("fd00::/8")),
            ("sourceAddressPrefix: ['fd00::1', 10.0.0.0/8]", &mixed("fd00::1/128")),
            (
                "sourceAddressPrefix: 'fd00::/8', destinationAddressPrefix: 'fd00::/8'",
                &format!("{not_built}\n{not_built}"),
            ),
            (
                "sourceAddressPrefix: 'fd00::1/8'",
                "error InvalidCIDRNotation: `fd00::1/8` has bits set to the right of its prefix length; the prefix is `fd00::/8`",
            ),
        ],
    );
}

#[test]
fn s3_1_a_rule_has_one_of_azures_protocols() {
    let with = |protocol: &str| {
        problems(&format!(
            "name: lab\n{}\n",
            rules(&format!("r: {{priority: 100, direction: Inbound, access: Allow, protocol: {protocol}}}"))
        ))
    };
    for protocol in ["Tcp", "udp", "ICMP", "Esp", "Ah", "'*'"] {
        assert_eq!(with(protocol), "", "{protocol}");
    }
    // ICMPv6 cannot be expressed, nor a protocol by its number.
    for protocol in ["Icmpv6", "58", "Any", "Gre"] {
        assert!(with(protocol).starts_with("error InvalidValue"), "{protocol}: {}", with(protocol));
    }
}

/// Over all rules of a group, each of sources and destinations.
#[test]
fn s15_a_group_has_at_most_4000_prefixes_of_a_side() {
    let file = |last: usize| {
        let list = |count: usize| {
            (0..count).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect::<Vec<_>>().join(", ")
        };
        let rule = |name: &str, priority: u16, count: usize| {
            format!(
                "{name}: {{priority: {priority}, direction: Inbound, access: Deny, protocol: Tcp, sourceAddressPrefix: [{}]}}",
                list(count)
            )
        };
        rules(&[rule("a", 100, 2000), rule("b", 200, last)].join(", "))
    };
    check(
        &lab,
        &[
            (&file(2000), ""),
            (
                &file(2001),
                "error LimitExceeded: there are 4001 source addresses in the rules of `nsg`; at most 4000 are allowed; leave 1 out",
            ),
        ],
    );
}

#[test]
fn s3_1_impossible_numbers_and_inverted_ranges_are_refused() {
    check(
        &rule,
        &[
            (
                "destinationPortRange: 90-80",
                "error InvalidValue: port range `90-80` is inverted; write `80-90`",
            ),
            (
                "destinationPortRange: 65536",
                "error InvalidValue: `65536` is not a port, a range of ports or `*`; ports go from 0 to 65535; several stand in a list: `[80, 443, 8000-8099]`",
            ),
            (
                "sourceAddressPrefix: 10.0.0.0/33",
                "error InvalidValue: `10.0.0.0/33` has no valid prefix length; a length from 0 to 32",
            ),
        ],
    );
}
