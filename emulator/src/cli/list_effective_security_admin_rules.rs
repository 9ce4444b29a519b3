//! `vnetlab list-effective-security-admin-rules`: the rules of Azure Virtual Network Manager that hold.

use std::process::ExitCode;

use anyhow::Result;
use model::effective::Policy;
use model::network_watcher::{SecurityAdminRules, effective_security_admin_rules};

use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// The virtual network (`spoke1`) or one of its subnets (`spoke1/web`).
    #[arg(value_name = "VNET[/SUBNET]")]
    virtual_network: String,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = args.network.load()?;
    let policy = Policy::new(&loaded.network);
    let rules = effective_security_admin_rules(&policy, &args.virtual_network).map_err(refuse)?;
    output::show(&rules, format).map(|()| ExitCode::SUCCESS)
}

impl Show for SecurityAdminRules {
    fn table(&self) -> String {
        let mut columns = Columns::new(["DIRECTION", "CONFIGURATION", "PRIORITY", "NAME", "ACCESS"]);
        for rule in &self.value {
            columns.row([
                rule.direction.to_string(),
                rule.configuration.clone(),
                rule.priority.to_string(),
                rule.name.clone(),
                rule.access.to_string(),
            ]);
        }
        columns.to_string()
    }
}
