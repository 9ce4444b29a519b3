//! Rules that can never match, and rules that are open to the internet.

use super::said;

fn group(rules: &[&str]) -> Vec<String> {
    let rules: String = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| format!("      r{at}: {{priority: {}, access: Allow, {rule}}}\n", 100 + at))
        .collect();
    said(&format!(
        "name: lab
applicationSecurityGroups: [web, db]
networkSecurityGroups:
  nsg:
    securityRules:
{rules}"
    ))
}

fn is_shadowed(rules: &[&str]) -> bool {
    group(rules).iter().any(|line| line.starts_with("SecurityRuleNeverMatches"))
}

const OUT_TCP: &str = "direction: Outbound, protocol: Tcp";

#[test]
fn a_rule_that_an_earlier_one_covers_never_matches() {
    assert_eq!(
        group(&[
            "direction: Outbound, protocol: '*', destinationAddressPrefix: 10.0.0.0/8",
            "direction: Outbound, protocol: Tcp, destinationAddressPrefix: [10.1.0.0/16, 10.2.0.4], destinationPortRange: 443",
        ]),
        [
            "SecurityRuleNeverMatches: rule `r1` of `nsg` can never match: `r0` of higher priority matches everything that it would; give it a lower priority number than theirs, or leave it out"
        ]
    );
}

#[test]
fn a_rule_of_which_something_is_left_does_match() {
    for left in [
        "direction: Inbound, protocol: Tcp, sourceAddressPrefix: 10.0.0.0/8, destinationPortRange: 443",
        "direction: Outbound, protocol: Udp, destinationPortRange: 443",
        "direction: Outbound, protocol: '*', destinationPortRange: 443",
        "direction: Outbound, protocol: Tcp, destinationPortRange: [443, 444]",
        "direction: Outbound, protocol: Tcp, destinationPortRange: 442-443",
    ] {
        assert!(!is_shadowed(&[&format!("{OUT_TCP}, destinationPortRange: 443"), left]), "{left}");
    }
    let to_net = format!("{OUT_TCP}, destinationAddressPrefix: 10.0.0.0/9");
    assert!(!is_shadowed(&[&to_net, &format!("{OUT_TCP}, destinationAddressPrefix: 10.0.0.0/8")]));
}

#[test]
fn several_rules_cover_one_together() {
    let to = |prefix: &str| format!("{OUT_TCP}, destinationAddressPrefix: {prefix}");
    assert!(is_shadowed(&[&to("10.0.0.0/9"), &to("10.128.0.0/9"), &to("10.0.0.0/8")]));
    let ports = |ports: &str| format!("{OUT_TCP}, destinationPortRange: {ports}");
    assert!(is_shadowed(&[&ports("1-80"), &ports("81-90"), &ports("70-85")]));
    assert!(!is_shadowed(&[&ports("1-80"), &ports("82-90"), &ports("70-85")]));
    let every: Vec<_> = ["Tcp", "Udp", "Icmp", "Esp", "Ah", "'*'"]
        .iter()
        .map(|protocol| format!("direction: Outbound, protocol: {protocol}"))
        .collect();
    let every: Vec<_> = every.iter().map(String::as_str).collect();
    assert!(is_shadowed(&every));
    assert!(!is_shadowed(&every[1..]));
}

/// A tag differs per subnet, and members of a group come and go: each is covered by itself, and by everything.
#[test]
fn tags_and_groups_are_covered_by_themselves_only() {
    let to = |who: &str| format!("{OUT_TCP}, {who}");
    let [tag, prefix, web, both] = [
        "destinationAddressPrefix: VirtualNetwork",
        "destinationAddressPrefix: 10.0.0.0/8",
        "destinationApplicationSecurityGroups: [web]",
        "destinationApplicationSecurityGroups: [web, db]",
    ]
    .map(to);
    assert!(is_shadowed(&[&tag, &tag]) && is_shadowed(&[&web, &web]));
    assert!(is_shadowed(&[OUT_TCP, &tag]) && is_shadowed(&[OUT_TCP, &both]));
    assert!(!is_shadowed(&[&tag, &prefix]) && !is_shadowed(&[&prefix, &tag]));
    assert!(!is_shadowed(&[&web, &both]));
}

/// ICMP has no ports, so no ports of a rule leave anything of it.
#[test]
fn ports_leave_nothing_of_icmp() {
    let any = "direction: Outbound, protocol: '*', destinationPortRange: 80";
    let icmp = "direction: Outbound, protocol: Icmp";
    assert!(is_shadowed(&[any, icmp]));
}

#[test]
fn what_is_open_to_the_internet_is_asked_about() {
    let inbound = |rest: &str| group(&[&format!("direction: Inbound, {rest}")]);
    let told =
        inbound("protocol: Tcp, sourceAddressPrefix: Internet, destinationPortRange: [443, 3380-3390]");
    assert_eq!(
        told,
        [
            "SecurityRuleOpenToInternet: rule `r0` of `nsg` lets the internet in to port 3389 (RDP); name the sources that need it, or the ports that are served"
        ]
    );
    assert!(inbound("protocol: '*'")[0].contains("to every port"));
    assert!(
        inbound("protocol: Tcp, sourceAddressPrefix: 0.0.0.0/0, destinationPortRange: 22")[0].contains("SSH")
    );
    for narrow in [
        "protocol: Tcp, destinationPortRange: [80, 443]",
        "protocol: Tcp, sourceAddressPrefix: VirtualNetwork, destinationPortRange: 22",
        "protocol: Tcp, sourceAddressPrefix: 198.51.100.0/24, destinationPortRange: 22",
        "protocol: Icmp",
    ] {
        assert!(inbound(narrow).is_empty(), "{narrow}");
    }
    assert!(group(&["direction: Outbound, protocol: '*'"]).is_empty());
}
