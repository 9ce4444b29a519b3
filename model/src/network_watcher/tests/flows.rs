//! IP flow verify and NSG diagnostics.

use goal_state::nsg::{Access, Association, Direction};

use super::{hub_spoke, nic, policy};
use crate::network::Network;
use crate::network::build::NetworkBuilder;
use crate::network_watcher::nsg_diagnostics::DiagnosticProtocol;
use crate::network_watcher::{Profile, Target, VerificationIpFlow, ip_flow, nsg_diagnostics};
use crate::verdict::{IpProtocol, Packet};

/// `10.0.0.4:80`.
fn end(text: &str) -> (std::net::Ipv4Addr, u16) {
    let (address, port) = text.split_once(':').unwrap();
    (address.parse().unwrap(), port.parse().unwrap())
}

fn ask(network: &Network, vm: &str, direction: Direction, local: &str, remote: &str) -> VerificationIpFlow {
    let (from, to) = if direction == Direction::Inbound { (remote, local) } else { (local, remote) };
    let ((source, source_port), (destination, destination_port)) = (end(from), end(to));
    let packet = Packet { protocol: IpProtocol::TCP, source, source_port, destination, destination_port };
    ip_flow(&policy(network), nic(network, vm), direction, &packet).answer()
}

fn says(answer: &VerificationIpFlow) -> (Access, &str) {
    (answer.access, answer.rule_name.as_deref().unwrap_or("nobody"))
}

#[test]
fn s13_1_custom_rules_are_security_rules_and_the_others_default_security_rules() {
    let network = hub_spoke();
    let web2 = |direction, local, remote| ask(&network, "web2", direction, local, remote);
    let answer = web2(Direction::Inbound, "10.1.1.5:80", "10.0.100.4:50000");
    assert_eq!(says(&answer), (Access::Deny, "securityRules/rule-110"));
    let answer = web2(Direction::Outbound, "10.1.1.5:50000", "10.0.100.4:80");
    assert_eq!(says(&answer), (Access::Allow, "defaultSecurityRules/AllowVnetOutBound"));
}

#[test]
fn s13_1_an_allow_is_told_by_the_group_that_was_evaluated_last() {
    let network = hub_spoke();
    // Inbound the subnet's group goes first, and the network interface's is the last.
    let answer = ask(&network, "web1", Direction::Inbound, "10.1.1.4:80", "10.1.1.5:50000");
    assert_eq!(says(&answer), (Access::Allow, "securityRules/rule-100"));
    let answer = ask(&network, "web1", Direction::Inbound, "10.1.1.4:22", "10.1.1.5:50000");
    assert_eq!(says(&answer), (Access::Allow, "defaultSecurityRules/AllowVnetInBound"));
    // A Deny of the first is not overruled by the second.
    let answer = ask(&network, "web1", Direction::Inbound, "10.1.1.4:80", "10.0.100.4:50000");
    assert_eq!(says(&answer), (Access::Deny, "securityRules/rule-110"));
}

/// The tutorial's question: to the internet, and nothing but default rules.
#[test]
fn s13_1_to_the_internet_is_allowed_by_default_and_from_it_denied() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", &[])
        .subnet_nsg("a/default", "nsg")
        .vm("vm", "10.0.0.4")
        .build();
    let answer = ask(&network, "vm", Direction::Outbound, "10.0.0.4:60000", "13.107.21.200:80");
    assert_eq!(says(&answer), (Access::Allow, "defaultSecurityRules/AllowInternetOutBound"));
    let answer = ask(&network, "vm", Direction::Outbound, "10.0.0.4:60000", "172.31.0.100:80");
    assert_eq!(says(&answer), (Access::Deny, "defaultSecurityRules/DenyAllOutBound"));
    let answer = ask(&network, "vm", Direction::Inbound, "10.0.0.4:80", "172.31.0.100:60000");
    assert_eq!(says(&answer), (Access::Deny, "defaultSecurityRules/DenyAllInBound"));
}

#[test]
fn s13_1_routes_do_not_count() {
    let network = hub_spoke();
    let answer = ask(&network, "web2", Direction::Outbound, "10.1.1.5:50000", "10.9.0.1:80");
    assert_eq!(answer.access, Access::Allow, "the route cut leads nowhere, and nobody asks it");
}

#[test]
fn s13_1_without_a_group_everything_is_allowed_by_no_rule() {
    let network = hub_spoke();
    let answer = ask(&network, "nva", Direction::Inbound, "10.0.100.4:22", "10.1.1.4:50000");
    assert_eq!(says(&answer), (Access::Allow, "nobody"));
    assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"access":"Allow","ruleName":null}"#);
}

fn profile(
    direction: Direction,
    protocol: DiagnosticProtocol,
    [source, destination, port]: [&str; 3],
) -> Profile {
    Profile {
        direction,
        protocol,
        source: source.to_owned(),
        destination: destination.to_owned(),
        destination_port: port.to_owned(),
    }
}

#[test]
fn s13_5_diagnostics_have_azures_shape() {
    let network = hub_spoke();
    let inbound = profile(Direction::Inbound, DiagnosticProtocol::Tcp, ["10.1.1.0/26", "10.1.1.4", "*"]);
    let web1 = Target::find(&network, "web1").unwrap();
    insta::assert_json_snapshot!(nsg_diagnostics(&policy(&network), web1, inbound).unwrap());
}

/// Which group decides what: `spoke/web UserRule_rule-110 Deny`.
fn decisions(network: &Network, vm: &str, profile: Profile) -> (Access, Vec<String>) {
    let target = Target::find(network, vm).unwrap();
    let diagnostics = nsg_diagnostics(&policy(network), target, profile).unwrap();
    let result = &diagnostics.results[0].network_security_group_result;
    let groups = result.evaluated_network_security_groups.iter().map(|group| {
        let matched = group.matched_rule.as_ref();
        let matched = matched.map_or("-".to_owned(), |rule| format!("{} {}", rule.rule_name, rule.action));
        format!("{} {matched}", group.applied_to)
    });
    (result.security_rule_access_result, groups.collect())
}

#[test]
fn s13_5_groups_behind_a_deny_are_listed_too() {
    let network = hub_spoke();
    let inbound = profile(Direction::Inbound, DiagnosticProtocol::Tcp, ["10.0.100.4", "10.1.1.4", "80"]);
    let (access, groups) = decisions(&network, "web1", inbound);
    assert_eq!(access, Access::Deny);
    assert_eq!(groups, ["spoke/web UserRule_rule-110 Deny", "web1/nic0 UserRule_rule-100 Allow"]);
    let outbound = profile(Direction::Outbound, DiagnosticProtocol::Udp, ["10.1.1.4", "10.0.100.4", "53"]);
    let (access, groups) = decisions(&network, "web1", outbound);
    assert_eq!(access, Access::Allow);
    assert_eq!(
        groups,
        ["web1/nic0 UserRule_rule-300 Allow", "spoke/web DefaultRule_AllowVnetOutBound Allow"]
    );
}

#[test]
fn s13_5_a_rule_must_cover_all_that_is_asked_for() {
    let network = hub_spoke();
    let inbound = |protocol, source, port| {
        decisions(&network, "web2", profile(Direction::Inbound, protocol, [source, "10.1.1.5", port]))
            .1
            .remove(0)
    };
    // Part of what the rule denies, and more than that.
    assert_eq!(inbound(DiagnosticProtocol::Tcp, "10.0.100.128/25", "*"), "spoke/web UserRule_rule-110 Deny");
    assert_eq!(
        inbound(DiagnosticProtocol::Tcp, "10.0.0.0/16", "*"),
        "spoke/web DefaultRule_AllowVnetInBound Allow"
    );
    // A rule for TCP does not cover every protocol, one for port 80 not every port; ICMP has no ports.
    assert_eq!(inbound(DiagnosticProtocol::Any, "10.0.100.4", "80"), "spoke/web UserRule_rule-110 Deny");
    assert_eq!(inbound(DiagnosticProtocol::Icmp, "10.0.100.4", "7"), "spoke/web UserRule_rule-110 Deny");
    assert_eq!(
        inbound(DiagnosticProtocol::Tcp, "virtualnetwork", "*"),
        "spoke/web DefaultRule_AllowVnetInBound Allow"
    );
}

#[test]
fn s13_5_what_is_no_address_tag_or_port_is_refused() {
    let network = hub_spoke();
    let ask = |source, port| {
        let profile = profile(Direction::Inbound, DiagnosticProtocol::Tcp, [source, "*", port]);
        let target = Target::find(&network, "web2").unwrap();
        nsg_diagnostics(&policy(&network), target, profile).unwrap_err().to_string()
    };
    assert_eq!(
        ask("Internett", "80"),
        "\"Internett\" is neither *, an address, a prefix nor a service tag; did you mean Internet?"
    );
    assert_eq!(ask("*", "http"), "\"http\" is neither * nor a port from 0 to 65535");
}

/// For a single flow, IP flow verify and the diagnostics agree.
#[test]
fn s13_5_diagnostics_of_one_flow_say_what_ip_flow_verify_says() {
    let network = hub_spoke();
    for (vm, local) in [("web1", "10.1.1.4"), ("web2", "10.1.1.5"), ("nva", "10.0.100.4")] {
        for remote in ["10.0.100.4", "10.1.1.5", "8.8.8.8", "10.9.0.1", "168.63.129.16", "192.168.0.1"] {
            for port in ["22", "25", "53", "80", "443"] {
                for direction in [Direction::Inbound, Direction::Outbound] {
                    let ends = [format!("{local}:{port}"), format!("{remote}:{port}")];
                    let flow = ask(&network, vm, direction, &ends[0], &ends[1]);
                    let sides = match direction {
                        Direction::Inbound => [remote, local, port],
                        Direction::Outbound => [local, remote, port],
                    };
                    let (access, _) =
                        decisions(&network, vm, profile(direction, DiagnosticProtocol::Tcp, sides));
                    assert_eq!(access, flow.access, "{vm} {direction} {sides:?}");
                }
            }
        }
    }
}

#[test]
fn s3_2_names_are_prefixed_as_each_question_does_it() {
    use crate::network_watcher::rule_name::{in_arm, in_diagnostics};
    let network = hub_spoke();
    let policy = policy(&network);
    let rules = &policy.filter(nic(&network, "web2")).inbound[0].rules;
    let (custom, default) = (&rules[0], rules.last().unwrap());
    assert_eq!(in_arm(Association::Subnet, custom), "securityRules/rule-100");
    assert_eq!(in_arm(Association::Subnet, default), "defaultSecurityRules/DenyAllInBound");
    assert_eq!(in_diagnostics(Association::Subnet, custom), "UserRule_rule-100");
    assert_eq!(in_diagnostics(Association::Subnet, default), "DefaultRule_DenyAllInBound");
    assert_eq!(in_arm(Association::NetworkManager, custom), "rule-100");
    assert_eq!(in_diagnostics(Association::NetworkManager, custom), "rule-100");
}
