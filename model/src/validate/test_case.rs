//! The tests of a file: who asks whom, and what is expected.

use std::net::Ipv4Addr;

use goal_state::nsg::Protocol;

use crate::diagnostic::did_you_mean;
use crate::network::TestCase;
use crate::topology::{self, Span, Spanned, Test, TestProtocol, Topology};

use super::directory::Directory;
use super::report::Report;

/// The rules that every network security group has.
/// <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules>
const DEFAULT_RULES: [&str; 6] = [
    "AllowVnetInBound",
    "AllowAzureLoadBalancerInBound",
    "DenyAllInBound",
    "AllowVnetOutBound",
    "AllowInternetOutBound",
    "DenyAllOutBound",
];

/// Every test of the file, in its order, without those that are wrong. `line_of` tells the line of a position.
pub(super) fn test_cases(
    topology: &Topology,
    directory: &Directory,
    line_of: &dyn Fn(Span) -> usize,
    report: &mut Report,
) -> Vec<TestCase> {
    let check = TestCheck { topology, directory };
    topology.tests.iter().filter_map(|test| check.test_case(test, line_of(test.span), report)).collect()
}

struct TestCheck<'a> {
    topology: &'a Topology,
    directory: &'a Directory,
}

impl TestCheck<'_> {
    fn test_case(&self, test: &Spanned<Test>, line: usize, report: &mut Report) -> Option<TestCase> {
        self.endpoint(&test.from, report);
        self.endpoint(&test.to, report);
        if let Some(vms) = &test.via {
            for vm in vms {
                report.resolve("virtual machine", &self.directory.virtual_machines, vm);
            }
        }
        let port = port(test, report);
        self.rule(test, report);
        Some(TestCase {
            from: test.from.value.clone(),
            to: test.to.value.clone(),
            protocol: protocol(test),
            port: port?,
            expect: test.expect.value.into(),
            rule: test.rule.as_ref().map(|rule| rule.value.clone()),
            via: test.via.iter().flatten().map(|vm| vm.value.clone()).collect(),
            line,
        })
    }

    /// A VM, one of its NICs as `VM/NIC`, or an IPv4 address.
    fn endpoint(&self, endpoint: &Spanned<String>, report: &mut Report) {
        let text = endpoint.value.as_str();
        if text.parse::<Ipv4Addr>().is_ok() {
            return;
        }
        let (machine, nic) = text.split_once('/').map_or((text, None), |(machine, nic)| (machine, Some(nic)));
        if self.directory.virtual_machines.find(machine).is_none() && self.is_outside(machine) {
            report.not_built(endpoint.span, format_args!("endpoint `{text}`"));
            return;
        }
        let names = &self.directory.virtual_machines;
        let found = report.resolve_in("", "virtual machine", names, machine, endpoint.span);
        if let (Some(at), Some(nic)) = (found, nic) {
            self.check_nic(at, nic, endpoint, report);
        }
    }

    /// Whether it names something outside the virtual networks: the internet, a site or a service.
    fn is_outside(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case("internet")
            || self.topology.on_premises.get(name).is_some()
            || self.topology.services.get(name).is_some()
    }

    fn check_nic(&self, vm: usize, nic: &str, endpoint: &Spanned<String>, report: &mut Report) {
        let Some((vm_name, raw)) = self.topology.virtual_machines.iter().nth(vm) else { return };
        let typed = raw.network_interfaces.names().map(|name| name.value.as_str());
        let names: Vec<_> = if raw.network_interfaces.is_empty() { vec!["nic0"] } else { typed.collect() };
        if names.iter().any(|name| name.eq_ignore_ascii_case(nic)) {
            return;
        }
        let message = format!("virtual machine `{vm_name}` has no network interface `{nic}`");
        let help = format!("it has `{}`", names.join("`, `"));
        report.error("InvalidResourceReference", endpoint.span, message, help);
    }

    fn rule(&self, test: &Test, report: &mut Report) {
        let Some(rule) = &test.rule else { return };
        if test.expect.value == topology::Access::Allow {
            let message = format!("a test names rule `{rule}` and expects Allow");
            let help = "`rule` names what denies: leave it out, or expect Deny";
            report.error("TestRuleWithoutDeny", rule.span, message, help);
        }
        let groups = &self.topology.network_security_groups;
        let tables = &self.topology.route_tables;
        let rules = groups.iter().flat_map(|(_, group)| group.security_rules.names());
        let routes = tables.iter().flat_map(|(_, table)| table.routes.names());
        let typed = rules.chain(routes).map(|name| name.value.as_str());
        let names: Vec<_> = DEFAULT_RULES.into_iter().chain(typed).collect();
        if names.iter().any(|name| name.eq_ignore_ascii_case(&rule.value)) {
            return;
        }
        let help = match did_you_mean(&rule.value, names) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => "name a security rule, a default rule such as `DenyAllInBound`, or a route".to_owned(),
        };
        report.error("InvalidResourceReference", rule.span, format!("there is no rule `{rule}`"), help);
    }
}

fn protocol(test: &Test) -> Protocol {
    match test.protocol.as_ref().map_or(TestProtocol::Tcp, |protocol| protocol.value) {
        TestProtocol::Tcp => Protocol::Tcp,
        TestProtocol::Udp => Protocol::Udp,
        TestProtocol::Icmp => Protocol::Icmp,
    }
}

/// The port, or none for a protocol that has no ports; none at all when it is wrong.
fn port(test: &Spanned<Test>, report: &mut Report) -> Option<Option<u16>> {
    let protocol = protocol(test);
    match (&test.port, protocol.has_ports()) {
        (Some(port), true) if port.value == 0 => {
            report.error("TestPort", port.span, "a test asks port 0", "ports go from 1 to 65535");
            None
        }
        (Some(port), true) => Some(Some(port.value)),
        (Some(port), false) => {
            let message = format!("a test with protocol {protocol} has a port");
            report.error("TestPort", port.span, message, "leave the port out, or use protocol Tcp or Udp");
            None
        }
        (None, true) if report.is_omitted("port") => None,
        (None, true) => {
            let message = format!("a test with protocol {protocol} has no port");
            report.error(
                "TestPort",
                test.span,
                message,
                "give it one, such as `port: 80`, or use protocol Icmp",
            );
            None
        }
        (None, false) => Some(None),
    }
}

/// Reports senders that are an address which no NIC, or more than one, has.
pub(super) fn check_senders(topology: &Topology, network: &crate::network::Network, report: &mut Report) {
    for test in &topology.tests {
        let Ok(address) = test.from.value.parse::<Ipv4Addr>() else { continue };
        let owners: Vec<_> = network.nics().filter(|(_, nic)| nic.addresses.contains(&address)).collect();
        let message = match owners.len() {
            0 => format!("no network interface has the address {address}"),
            1 => continue,
            _ => format!("{} network interfaces have the address {address}", owners.len()),
        };
        let help = "a test is sent by a virtual machine: name it, such as `from: web1`";
        report.error("TestSender", test.from.span, message, help);
    }
}
