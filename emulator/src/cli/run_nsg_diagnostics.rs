//! `vnetlab run-nsg-diagnostics`: every group that looks at some traffic, and what its rules say.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use model::effective::Policy;
use model::network_watcher::nsg_diagnostics::{DiagnosticProtocol, DiagnosticResult, EvaluatedRule};
use model::network_watcher::{NsgDiagnostics, Profile, Target, nsg_diagnostics};

use super::flow_words::DirectionWord;
use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The VM (`web1`), one of its network interfaces (`fw/nic1`), or a subnet (`spoke1/web`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
    /// Inbound or Outbound, seen from the VM.
    #[arg(long, value_enum, ignore_case = true)]
    direction: DirectionWord,
    /// TCP, UDP, ICMP or Any.
    #[arg(long, value_enum, ignore_case = true)]
    protocol: Protocol,
    /// Where the traffic is from: `*`, an address, a prefix or a service tag.
    #[arg(long, value_name = "IP|CIDR|TAG")]
    source: String,
    /// Where it goes to: the same.
    #[arg(long, value_name = "IP|CIDR|TAG")]
    destination: String,
    /// The destination port, or `*`.
    #[arg(long, value_name = "N|*", default_value = "*")]
    port: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    #[value(name = "TCP")]
    Tcp,
    #[value(name = "UDP")]
    Udp,
    #[value(name = "ICMP")]
    Icmp,
    #[value(name = "Any", alias = "*")]
    Any,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let target = Target::find(&loaded.network, &args.vm).map_err(refuse)?;
    let policy = Policy::new(&loaded.network);
    let diagnostics = nsg_diagnostics(&policy, target, args.profile()).map_err(refuse)?;
    output::show(&diagnostics, format)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn profile(&self) -> Profile {
        Profile {
            direction: self.direction.into(),
            protocol: match self.protocol {
                Protocol::Tcp => DiagnosticProtocol::Tcp,
                Protocol::Udp => DiagnosticProtocol::Udp,
                Protocol::Icmp => DiagnosticProtocol::Icmp,
                Protocol::Any => DiagnosticProtocol::Any,
            },
            source: self.source.clone(),
            destination: self.destination.clone(),
            destination_port: self.port.clone(),
        }
    }
}

impl Show for NsgDiagnostics {
    fn table(&self) -> String {
        self.results.iter().map(table_of_result).collect()
    }
}

fn table_of_result(result: &DiagnosticResult) -> String {
    let result = &result.network_security_group_result;
    let mut columns = Columns::new(["GROUP", "APPLIED TO", "RULE", "RESULT"]);
    for group in &result.evaluated_network_security_groups {
        for rule in &group.rules_evaluation_result {
            let matched = group.matched_rule.as_ref().filter(|matched| matched.rule_name == rule.name);
            columns.row([
                group.network_security_group_id.clone(),
                group.applied_to.clone(),
                rule.name.clone(),
                matched.map_or_else(|| uncovered(rule), |rule| rule.action.to_string()),
            ]);
        }
    }
    format!("{}\n\n{columns}", result.security_rule_access_result)
}

/// `does not cover the protocol, the source`.
fn uncovered(rule: &EvaluatedRule) -> String {
    let parts = [
        (rule.protocol_matched, "protocol"),
        (rule.source_matched, "source"),
        (rule.source_port_matched, "source port"),
        (rule.destination_matched, "destination"),
        (rule.destination_port_matched, "destination port"),
    ];
    let missing: Vec<_> = parts.into_iter().filter(|(matched, _)| !matched).map(|(_, part)| part).collect();
    format!("does not cover {}", missing.join(", "))
}
