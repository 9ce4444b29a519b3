//! Security admin rules before network security groups: what `explain` says of them, and what becomes of the packets.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::verdict::Question;
use integration_tests::{Lab, User};

/// `open` has no network security group; the one of `closed` allows 80 and 81 and denies everything else from its network.
const TOPOLOGY: &str = "\
name: admin
hosts: 2
virtualNetworks:
  vnet:
    addressSpace: [10.0.0.0/16]
    subnets:
      open: {addressPrefix: 10.0.0.0/24}
      closed: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}
networkSecurityGroups:
  nsg:
    securityRules:
      allow-web: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp, destinationPortRange: 80-81}
      deny-all: {priority: 4096, direction: Inbound, access: Deny, protocol: \"*\"}
securityAdminConfigurations:
  root:
    virtualNetworks: \"*\"
    rules:
      no-telnet: {priority: 10, direction: Inbound, access: Deny, protocol: Tcp, destinationPortRange: 23}
      monitor: {priority: 20, direction: Inbound, access: AlwaysAllow, protocol: Tcp, destinationPortRange: 9100}
      leave: {priority: 30, direction: Inbound, access: Allow, protocol: Tcp, destinationPortRange: 81-82}
      no-mail: {priority: 10, direction: Outbound, access: Deny, protocol: Tcp, destinationPortRange: 25}
  team:
    virtualNetworks: [vnet]
    rules:
      no-81: {priority: 10, direction: Inbound, access: Deny, protocol: Tcp, destinationPortRange: 81}
      no-web: {priority: 11, direction: Inbound, access: Deny, protocol: Tcp, destinationPortRange: 80}
virtualMachines:
  open: {subnet: vnet/open, host: host1}
  closed: {subnet: vnet/closed, host: host2}
";

/// Each verdict of the model is the packet's, and both name the same rule.
#[test]
fn the_first_admin_rule_decides_before_any_group_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let denied = |from: &str, to: &str, port: u16| {
        let answer = lab.prove_agreed(&Question::tcp(from, to, port));
        assert_eq!(answer["verdict"], "Deny", "{answer:#}");
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let observed = word(&answer["proof"]["observed"]["rule"]);
        assert_eq!(word(&answer["reason"]["rule"]), observed, "{answer:#}");
        (word(&answer["reason"]["layer"]), observed)
    };
    let allowed = |from: &str, to: &str, port: u16| {
        let answer = lab.prove_agreed(&Question::tcp(from, to, port));
        assert_eq!(answer["verdict"], "Allow", "{answer:#}");
    };
    let admin = |rule: &str| ("securityAdminRule".to_owned(), rule.to_owned());

    // Deny needs no group; AlwaysAllow does not ask the one that there is.
    assert_eq!(denied("closed", "open", 23), admin("no-telnet"));
    allowed("closed", "open", 22);
    allowed("open", "closed", 9100);
    // Allow goes on to the group, and the second configuration is not asked any more.
    allowed("open", "closed", 81);
    assert_eq!(denied("open", "closed", 82), ("networkSecurityGroup".to_owned(), "deny-all".to_owned()));
    // What the first configuration does not speak of, the second one decides.
    assert_eq!(denied("open", "closed", 80), admin("no-web"));
    // On the sender's side.
    assert_eq!(denied("open", "closed", 25), admin("no-mail"));
    assert_eq!(denied("closed", "open", 25), admin("no-mail"));
}
