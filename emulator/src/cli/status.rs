//! `vnetlab status`: hosts, agents, VMs and NICs of a lab.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::lab_choice::LabChoice;
use crate::controller::client::Client;
use crate::controller::protocol::{DataPath, HostStatus, LabStatus, Request, Response, VmStatus};
use crate::output::{self, Columns, Format, Show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    match Client::connect(&lab.folder)?.ask(Request::Status)? {
        Response::Status(status) => output::show(&status, format).map(|()| ExitCode::SUCCESS),
        other => bail!("the controller answers {other:?}"),
    }
}

impl Show for LabStatus {
    fn table(&self) -> String {
        let Self { name, topology, generation, hosts, virtual_machines } = self;
        let problems: String = hosts
            .iter()
            .flat_map(|host| host.agent.problems.iter().map(move |problem| (&host.name, problem)))
            .map(|(host, problem)| format!("problem on {host}: {problem}\n"))
            .collect();
        format!(
            "lab {name}, generation {generation}, from {}\n\n{}\n{}{problems}",
            topology.display(),
            table_of_hosts(hosts),
            table_of_vms(virtual_machines)
        )
    }
}

fn table_of_hosts(hosts: &[HostStatus]) -> String {
    let mut columns =
        Columns::new(["HOST", "PROVIDER ADDRESS", "AGENT", "PID", "WANTED", "APPLIED", "RESTARTS"]);
    for HostStatus { name, provider_address, agent } in hosts {
        columns.row([
            name.to_string(),
            provider_address.to_string(),
            agent.state.as_str().to_owned(),
            agent.pid.map(|pid| pid.to_string()).unwrap_or_default(),
            agent.wanted.to_string(),
            agent.applied.to_string(),
            agent.restarts.to_string(),
        ]);
    }
    columns.to_string()
}

fn table_of_vms(vms: &[VmStatus]) -> String {
    let mut columns =
        Columns::new(["NIC", "HOST", "VM", "SUBNET", "MAC ADDRESS", "PRIVATE ADDRESSES", "PATH"]);
    for vm in vms {
        for nic in &vm.network_interfaces {
            let addresses: Vec<_> = nic.private_ip_addresses.iter().map(ToString::to_string).collect();
            columns.row([
                nic.id.clone(),
                vm.host.to_string(),
                if vm.running { "running" } else { "not running" }.to_owned(),
                nic.subnet.clone(),
                nic.mac_address.to_string(),
                addresses.join(" "),
                match nic.path {
                    DataPath::Synthetic => "synthetic".to_owned(),
                },
            ]);
        }
    }
    columns.to_string()
}

#[cfg(test)]
mod tests {
    use goal_state::{Generation, HostName, MacAddr, VmName};

    use super::*;
    use crate::controller::protocol::{AgentState, AgentStatus, NicStatus};

    #[test]
    fn a_status_reads_like_this() {
        let agent = AgentStatus {
            state: AgentState::Connected,
            pid: Some(7),
            restarts: 1,
            wanted: Generation(2),
            applied: Generation(2),
            problems: vec!["VM web1 is not running".into()],
        };
        let nic = NicStatus {
            id: "web1/nic0".into(),
            subnet: "spoke1/web".into(),
            mac_address: MacAddr([0, 0x0d, 0x3a, 1, 2, 3]),
            private_ip_addresses: vec![[10, 1, 1, 4].into()],
            path: DataPath::Synthetic,
        };
        let status = LabStatus {
            name: "hub-spoke".into(),
            topology: "/a/hub-spoke.yaml".into(),
            generation: Generation(2),
            hosts: vec![HostStatus {
                name: HostName::new("host1").unwrap(),
                provider_address: [198, 18, 0, 1].into(),
                agent,
            }],
            virtual_machines: vec![VmStatus {
                name: VmName::new("web1").unwrap(),
                host: HostName::new("host1").unwrap(),
                running: false,
                network_interfaces: vec![nic],
            }],
        };
        insta::assert_snapshot!(status.table());
        insta::assert_json_snapshot!(status);
    }
}
