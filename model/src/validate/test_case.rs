//! The tests of a file: who asks whom, and what is expected.

use std::net::Ipv4Addr;

use goal_state::nsg::Protocol;

use crate::diagnostic::did_you_mean;
use crate::effective::Policy;
use crate::network::TestCase;
use crate::topology::{self, Span, Spanned, Test, TestProtocol, Topology};
use crate::verdict::{IpProtocol, Question};

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

    /// A VM, VM/NIC, internet/HOST, SITE/MACHINE, a service, or an IPv4 address. A VM goes before others of its name.
    fn endpoint(&self, endpoint: &Spanned<String>, report: &mut Report) {
        let text = endpoint.value.as_str();
        if text.parse::<Ipv4Addr>().is_ok() {
            return;
        }
        let (first, second) =
            text.split_once('/').map_or((text, None), |(first, second)| (first, Some(second)));
        let directory = self.directory;
        if let Some(at) = directory.virtual_machines.find(first) {
            if let Some(nic) = second {
                self.check_nic(at, nic, endpoint, report);
            }
        } else if let (Some(host), true) = (second, first.eq_ignore_ascii_case("internet")) {
            let hosts = self.topology.internet.iter().flat_map(|internet| internet.hosts.names());
            let names: Vec<_> = hosts.map(|name| name.value.as_str()).collect();
            check_member("internet host", ("internet", host), &names, endpoint.span, report);
        } else if let (Some(machine), Some(site)) = (second, directory.sites.find(first)) {
            let sites = self.topology.on_premises.iter().nth(site);
            let machines = sites.into_iter().flat_map(|(_, site)| site.machines.names());
            let names: Vec<_> = machines.map(|name| name.value.as_str()).collect();
            check_member("machine on premises", (first, machine), &names, endpoint.span, report);
        } else if second.is_some() || directory.services.find(first).is_none() {
            self.report_unknown(first, endpoint.span, report);
        }
    }

    fn report_unknown(&self, name: &str, at: Span, report: &mut Report) {
        let Directory { virtual_machines, services, sites, .. } = self.directory;
        let others = services.iter().chain(sites.iter());
        match report.similar(name, others).filter(|_| virtual_machines.closest(name).is_none()) {
            Some(similar) => {
                let message = format!("there is no virtual machine, service or site `{name}`");
                report.error("InvalidResourceReference", at, message, format!("did you mean `{similar}`?"));
            }
            None => {
                report.resolve_in("", "virtual machine", virtual_machines, name, at);
            }
        }
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

/// What `parent/name` names must be one of `names`.
fn check_member(kind: &str, (parent, name): (&str, &str), names: &[&str], at: Span, report: &mut Report) {
    if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return;
    }
    let help = match report.similar(name, names.iter().copied()) {
        Some(similar) => format!("did you mean `{parent}/{similar}`?"),
        None if names.is_empty() => format!("there is no {kind} at all"),
        None => format!("there is `{parent}/{}`", names.join(&format!("`, `{parent}/"))),
    };
    report.error("InvalidResourceReference", at, format!("there is no {kind} `{parent}/{name}`"), help);
}

/// Reports senders that nobody is, or that several are: the same refusals that a question on the command line meets.
pub(super) fn check_senders(topology: &Topology, network: &crate::network::Network, report: &mut Report) {
    let policy = Policy::new(network);
    for test in topology.tests.iter().filter(|test| test.from.value.parse::<Ipv4Addr>().is_ok()) {
        let protocol = IpProtocol::of(protocol(test)).unwrap_or(IpProtocol::ICMP);
        let question = Question {
            from: test.from.value.clone(),
            to: test.to.value.clone(),
            protocol,
            port: test.port.as_ref().map(|port| port.value),
            source_port: None,
            source_ip: None,
        };
        if let Err(problem) = question.check(&policy) {
            let help = "a test is sent by somebody: name it, such as `from: web1` or `from: internet/client`";
            report.error("TestSender", test.from.span, problem.to_string(), help);
        }
    }
}
