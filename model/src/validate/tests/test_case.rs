//! Tests.

use super::*;

#[test]
fn an_endpoint_is_a_machine_an_interface_or_an_address() {
    check(
        &|inner| format!("{HUB}{}", test(inner)),
        &[
            ("from: web1, to: web2/nic0, protocol: Icmp, expect: Allow", ""),
            ("from: web1, to: 192.0.2.1, protocol: Icmp, expect: Allow", ""),
            (
                "from: wbe1, to: web2, protocol: Icmp, expect: Allow",
                "error InvalidResourceReference: there is no virtual machine `wbe1`; did you mean `web1`?",
            ),
            (
                "from: web1, to: web2/nic1, protocol: Icmp, expect: Allow",
                "error InvalidResourceReference: virtual machine `web2` has no network interface `nic1`; it has `nic0`",
            ),
            (
                "from: internet/client, to: web1, protocol: Icmp, expect: Allow",
                "error InvalidResourceReference: there is no internet host `internet/client`; there is no internet host at all",
            ),
            ("from: 10.0.1.4, to: web2, protocol: Icmp, expect: Allow", ""),
            (
                "from: 10.0.1.99, to: web2, protocol: Icmp, expect: Allow",
                "error TestSender: nobody sends from the address 10.0.1.99: no virtual machine, machine on premises, service or internet host has it; a test is sent by somebody: name it, such as `from: web1` or `from: internet/client`",
            ),
        ],
    );
}

#[test]
fn ports_go_with_tcp_and_udp() {
    check(
        &|inner| format!("{HUB}{}", test(inner)),
        &[
            (
                "from: web1, to: web2, protocol: Tcp, expect: Allow",
                "error TestPort: a test with protocol Tcp has no port; give it one, such as `port: 80`, or use protocol Icmp",
            ),
            (
                "from: web1, to: web2, expect: Allow",
                "error TestPort: a test with protocol Tcp has no port; give it one, such as `port: 80`, or use protocol Icmp",
            ),
            (
                "from: web1, to: web2, protocol: Udp, port: 0, expect: Allow",
                "error TestPort: a test asks port 0; ports go from 1 to 65535",
            ),
            (
                "from: web1, to: web2, protocol: Icmp, port: 80, expect: Allow",
                "error TestPort: a test with protocol Icmp has a port; leave the port out, or use protocol Tcp or Udp",
            ),
        ],
    );
}

#[test]
fn a_rule_explains_a_deny() {
    check(
        &|inner| format!("{HUB}{}", test(inner)),
        &[
            (
                "from: web1, to: web2, port: 80, expect: Allow, rule: DenyAllInBound",
                "error TestRuleWithoutDeny: a test names rule `DenyAllInBound` and expects Allow; `rule` names what denies: leave it out, or expect Deny",
            ),
            ("from: web1, to: web2, port: 80, expect: Deny, rule: denyallinbound", ""),
            (
                "from: web1, to: web2, port: 80, expect: Deny, rule: DenyAlInBound",
                "error InvalidResourceReference: there is no rule `DenyAlInBound`; did you mean `DenyAllInBound`?",
            ),
        ],
    );
}

#[test]
fn via_names_machines() {
    check(
        &|inner| format!("{HUB}{}", test(inner)),
        &[(
            "from: web1, to: web2, port: 80, expect: Allow, via: [web3]",
            "error InvalidResourceReference: there is no virtual machine `web3`; did you mean `web2`?",
        )],
    );
}

#[test]
fn an_endpoint_may_be_outside_of_azure() {
    const OUTSIDE: &str = "internet: {hosts: {client: 203.0.113.9}}
onPremises: {seoul: {addressPrefixes: [10.50.0.0/16], machines: {erp: 10.50.1.10}}}
services: {sql1: {type: Microsoft.Sql, ipAddress: 20.60.0.9}}
";
    check(
        &|inner| format!("{HUB}{OUTSIDE}{}", test(inner)),
        &[
            ("from: internet/client, to: web1, protocol: Icmp, expect: Deny", ""),
            ("from: web1, to: Seoul/ERP, protocol: Icmp, expect: Deny", ""),
            ("from: web1, to: sql1, port: 1433, expect: Allow", ""),
            ("from: 203.0.113.9, to: web1, protocol: Icmp, expect: Deny", ""),
            ("from: 168.63.129.16, to: web1, port: 80, expect: Allow", ""),
            ("from: web1, to: 168.63.129.16, port: 80, expect: Allow", ""),
            (
                "from: internet/clinet, to: web1, protocol: Icmp, expect: Deny",
                "error InvalidResourceReference: there is no internet host `internet/clinet`; did you mean `internet/client`?",
            ),
            (
                "from: web1, to: seoul/erpp, protocol: Icmp, expect: Deny",
                "error InvalidResourceReference: there is no machine on premises `seoul/erpp`; did you mean `seoul/erp`?",
            ),
            (
                "from: web1, to: sql2, port: 1433, expect: Allow",
                "error InvalidResourceReference: there is no virtual machine, service or site `sql2`; did you mean `sql1`?",
            ),
        ],
    );
}
