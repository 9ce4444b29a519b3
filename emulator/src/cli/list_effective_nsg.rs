//! `vnetlab list-effective-nsg`: every security rule that holds for a network interface.

use std::process::ExitCode;

use anyhow::Result;
use model::effective::Policy;
use model::network_watcher::effective_nsg::{EffectiveNsg, EffectiveNsgAssociation, EffectiveSecurityRule};
use model::network_watcher::{EffectiveNsgs, Target, effective_nsg};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show, some_of};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The VM (`web1`), one of its network interfaces (`fw/nic1`), or a subnet (`hub/GatewaySubnet`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let target = Target::find(&loaded.network, &args.vm).map_err(refuse)?;
    output::show(&effective_nsg(&Policy::new(&loaded.network), target), format)?;
    Ok(ExitCode::SUCCESS)
}

impl Show for EffectiveNsgs {
    fn table(&self) -> String {
        if self.value.is_empty() {
            return "no network security group, so nothing is filtered\n".to_owned();
        }
        let groups: Vec<_> = self.value.iter().map(table_of_group).collect();
        groups.join("\n")
    }
}

fn table_of_group(group: &EffectiveNsg) -> String {
    let (kind, name) = match &group.association {
        EffectiveNsgAssociation::NetworkManager(manager) => ("network manager", &manager.id),
        EffectiveNsgAssociation::Subnet(subnet) => ("subnet", &subnet.id),
        EffectiveNsgAssociation::NetworkInterface(nic) => ("network interface", &nic.id),
    };
    let mut columns = Columns::new([
        "DIRECTION",
        "PRIORITY",
        "NAME",
        "SOURCE",
        "PORTS",
        "DESTINATION",
        "PORTS",
        "PROTOCOL",
        "ACCESS",
    ]);
    for rule in &group.effective_security_rules {
        columns.row(row(rule));
    }
    let tags = group.tag_map.iter().map(|(tag, prefixes)| match &prefixes[..] {
        [] => format!("{tag}: no address\n"),
        prefixes => format!("{tag}: {}\n", some_of(prefixes)),
    });
    format!("{} ({kind} {name})\n{columns}{}", group.network_security_group.id, tags.collect::<String>())
}

fn row(rule: &EffectiveSecurityRule) -> [String; 9] {
    [
        rule.direction.to_string(),
        rule.priority.to_string(),
        rule.name.clone(),
        some_of(&rule.source_address_prefixes),
        some_of(&rule.source_port_ranges),
        some_of(&rule.destination_address_prefixes),
        some_of(&rule.destination_port_ranges),
        rule.protocol.to_owned(),
        rule.access.to_string(),
    ]
}
