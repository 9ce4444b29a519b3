//! `vnetlab status`: hosts, agents, VMs and NICs of a lab.

mod encryption;
mod in_clear;
mod load_balancers;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::encryption::{Encryption, not_encrypted};
use self::load_balancers::LoadBalancers;
use super::exec::network_of;
use super::lab_choice::LabChoice;
use crate::controller::client::Client;
use crate::controller::protocol::{
    HostStatus, LabStatus, NicStatus, OutsideStatus, Request, Response, VmStatus,
};
use crate::output::{self, Columns, Format, Show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Show the associations of NICs that encrypt instead.
    #[arg(long)]
    encryption: bool,
    /// Show the backends of load balancers instead: their health, and the connections that they have.
    #[arg(long, conflicts_with = "encryption")]
    load_balancers: bool,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let request = match args {
        Args { encryption: true, .. } => Request::Encryption,
        Args { load_balancers: true, .. } => Request::LoadBalancers,
        _ => Request::Status,
    };
    match Client::connect(&lab.folder)?.ask(request)? {
        Response::Encryption { hosts } => {
            let in_clear = in_clear::in_clear(&network_of(&lab)?.network);
            output::show(&Encryption::of(&hosts, in_clear), format).map(|()| ExitCode::SUCCESS)
        }
        Response::LoadBalancers { backends } => {
            output::show(&LoadBalancers::of(backends), format).map(|()| ExitCode::SUCCESS)
        }
        Response::Status(status) => output::show(&status, format).map(|()| ExitCode::SUCCESS),
        other => bail!("the controller answers {other:?}"),
    }
}

impl Show for LabStatus {
    fn table(&self) -> String {
        let Self { name, topology, generation, hosts, virtual_machines, outside } = self;
        let problems: String = hosts
            .iter()
            .flat_map(|host| host.agent.problems.iter().map(move |problem| (&host.name, problem)))
            .map(|(host, problem)| format!("problem on {host}: {problem}\n"))
            .collect();
        format!(
            "lab {name}, generation {generation}, from {}\n\n{}\n{}{}{}{}{}{problems}",
            topology.display(),
            table_of_hosts(hosts),
            table_of_vms(virtual_machines),
            table_of_outside(outside),
            not_offloaded(hosts),
            not_encrypted(
                hosts.iter().filter_map(|host| Some((host.name.as_str(), host.not_encrypted.as_deref()?)))
            ),
            failed_paths(virtual_machines),
        )
    }
}

fn table_of_hosts(hosts: &[HostStatus]) -> String {
    let mut columns =
        Columns::new(["HOST", "PROVIDER ADDRESS", "AGENT", "PID", "WANTED", "APPLIED", "RESTARTS"]);
    for HostStatus { name, provider_address, agent, .. } in hosts {
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
    let mut columns = Columns::new([
        "NIC",
        "HOST",
        "VM",
        "SUBNET",
        "MAC ADDRESS",
        "PRIVATE ADDRESSES",
        "PATH",
        "OFFLOADED",
    ]);
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
                nic.path.map_or("-", |path| path.as_str()).to_owned(),
                if nic.offloaded { "yes" } else { "no" }.to_owned(),
            ]);
        }
    }
    columns.to_string()
}

/// Hosts of the internet and services; nothing where there are none.
fn table_of_outside(outside: &[OutsideStatus]) -> String {
    if outside.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new(["OUTSIDE", "HOST", "STATE", "PUBLIC ADDRESS"]);
    for OutsideStatus { name, host, running, ip_address, .. } in outside {
        columns.row([
            name.clone(),
            host.as_ref().map(ToString::to_string).unwrap_or_default(),
            if *running { "running" } else { "not running" }.to_owned(),
            ip_address.to_string(),
        ]);
    }
    format!("\n{columns}")
}

/// `not offloaded on host1, host2: ...`, a line for each reason.
fn not_offloaded(hosts: &[HostStatus]) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in hosts {
        if let Some(reason) = &host.not_offloaded {
            reasons.entry(reason).or_default().push(host.name.as_str());
        }
    }
    reasons
        .iter()
        .map(|(reason, hosts)| format!("not offloaded on {}: {reason}\n", hosts.join(", ")))
        .collect()
}

/// `failed web1/nic0: ...`.
fn failed_paths(vms: &[VmStatus]) -> String {
    let nics = vms.iter().flat_map(|vm| &vm.network_interfaces);
    let failed = nics.filter_map(|NicStatus { id, why, .. }| why.as_ref().map(|why| (id, why)));
    failed.map(|(id, why)| format!("data path of {id} failed: {why}\n")).collect()
}

#[cfg(test)]
mod tests {
    use goal_state::data_path::DataPath;
    use goal_state::{Generation, HostName, MacAddr, VmName};

    use super::*;
    use crate::controller::protocol::{AgentState, AgentStatus};

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
        let nic = |id: &str, path, why: Option<&str>| NicStatus {
            id: id.into(),
            subnet: "spoke1/web".into(),
            mac_address: MacAddr([0, 0x0d, 0x3a, 1, 2, 3]),
            private_ip_addresses: vec![[10, 1, 1, 4].into()],
            path,
            offloaded: path == Some(DataPath::Vf),
            why: why.map(str::to_owned),
        };
        let host = |name: &str, agent: &AgentStatus, not_offloaded: Option<&str>| HostStatus {
            name: HostName::new(name).unwrap(),
            provider_address: [198, 18, 0, 1].into(),
            agent: agent.clone(),
            not_offloaded: not_offloaded.map(str::to_owned),
            not_encrypted: not_offloaded.map(|_| "this machine has no /dev/net/tun".to_owned()),
        };
        let well = AgentStatus { problems: Vec::new(), ..agent.clone() };
        let refused = Some("the kernel refuses to load BPF");
        let status = LabStatus {
            name: "hub-spoke".into(),
            topology: "/a/hub-spoke.yaml".into(),
            generation: Generation(2),
            hosts: vec![
                host("host1", &agent, None),
                host("host2", &well, refused),
                host("host3", &well, refused),
            ],
            outside: vec![OutsideStatus {
                name: "internet/client".into(),
                vm: VmName::new("internet.client").unwrap(),
                host: Some(HostName::new("edge").unwrap()),
                running: true,
                ip_address: [203, 0, 113, 9].into(),
            }],
            virtual_machines: vec![VmStatus {
                name: VmName::new("web1").unwrap(),
                host: HostName::new("host1").unwrap(),
                running: false,
                network_interfaces: vec![
                    nic("web1/nic0", Some(DataPath::Vf), None),
                    nic("web1/nic1", Some(DataPath::Failed), Some("enP2s1np0 was deleted")),
                    nic("web1/nic2", None, None),
                ],
            }],
        };
        insta::assert_snapshot!(status.table());
        insta::assert_json_snapshot!(status);
    }
}
