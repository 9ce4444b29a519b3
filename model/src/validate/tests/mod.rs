//! Every rule that a file can break: what was typed, and all that is said about it.

mod application_security_group;
mod attachments;
mod behavior;
mod gateways;
mod host;
mod limits;
mod load_balancers;
mod names;
mod network;
mod network_security_group;
mod peering;
mod private_dns_zone;
mod properties;
mod properties_of_networks;
mod public_side;
mod route_table;
mod security_admin;
mod service_tag;
mod subnet;
mod test_case;
mod virtual_machine;
mod virtual_network;

use super::load;
use crate::diagnostic::Severity;

/// A virtual network with two subnets.
const HUB: &str = "virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets: {web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.2.0/24}}
";

/// The same and another one.
const TWO: &str = "virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets: {web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.2.0/24}}
  spoke:
    addressSpace: [10.1.0.0/16]
    subnets: {app: {addressPrefix: 10.1.1.0/24}}
";

/// Checks what is said about each file: `file` makes it of what was typed. Nothing is said about a good one.
fn check(file: &dyn Fn(&str) -> String, cases: &[(&str, &str)]) {
    for (typed, said) in cases {
        let file = format!("name: lab\n{}\n", file(typed));
        assert_eq!(problems(&file), *said, "\n{file}");
    }
}

/// All problems of a file, one per line: how bad, the code, what is wrong, what would be right.
fn problems(text: &str) -> String {
    let loaded = load(text);
    assert_eq!(loaded.network.is_none(), loaded.errors().next().is_some());
    let lines: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let help = diagnostic.help.as_deref().unwrap_or_default();
            format!("{severity} {}: {}; {help}", diagnostic.code, diagnostic.message)
        })
        .collect();
    lines.join("\n")
}

fn lab(typed: &str) -> String {
    typed.to_owned()
}

fn networks(typed: &str) -> String {
    format!("virtualNetworks: {{{typed}}}")
}

fn subnets(typed: &str) -> String {
    networks(&format!("hub: {{addressSpace: [10.0.0.0/16], subnets: {{{typed}}}}}"))
}

fn rules(typed: &str) -> String {
    format!("networkSecurityGroups: {{nsg: {{securityRules: {{{typed}}}}}}}")
}

fn rule(typed: &str) -> String {
    rules(&format!("r: {{priority: 100, direction: Inbound, access: Allow, protocol: Tcp, {typed}}}"))
}

fn routes(typed: &str) -> String {
    format!("routeTables: {{rt: {{routes: {{{typed}}}}}}}")
}

fn route(typed: &str) -> String {
    routes(&format!("r: {{addressPrefix: 0.0.0.0/0, {typed}}}"))
}

fn machines(typed: &str) -> String {
    format!("virtualMachines: {{{typed}}}")
}

fn test(typed: &str) -> String {
    let machines = machines("web1: {subnet: hub/web}, web2: {subnet: hub/web}");
    format!("{machines}\ntests: [{{{typed}}}]")
}
