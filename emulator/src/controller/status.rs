//! What the controller knows of its lab.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::future::join_all;
use goal_state::message::{Counter, FromAgent, ToAgent};
use goal_state::{Generation, HostName, VmName};
use model::network::{Network, VirtualMachine};

use super::agent::Agent;
use super::protocol::{AgentStatus, DataPath, HostStatus, LabStatus, NicStatus, VmStatus};
use super::{Controller, Desired};

/// How long an agent may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

impl Controller {
    /// How the lab is, as of now.
    pub(super) async fn status(&self) -> Result<LabStatus> {
        let desired = self
            .desired()
            .ok_or_else(|| anyhow!("the lab has no network yet: `vnetlab up FILE` gives it one"))?;
        let running = self.running_vms().await;
        let Desired { wanted, network, .. } = desired.as_ref();
        Ok(LabStatus {
            name: network.name.clone(),
            topology: wanted.path.clone(),
            generation: wanted.generation,
            hosts: self.hosts(network, wanted.generation),
            virtual_machines: network
                .virtual_machines
                .iter()
                .map(|vm| machine(network, vm, &running))
                .collect(),
        })
    }

    fn hosts(&self, network: &Network, wanted: Generation) -> Vec<HostStatus> {
        let agents = self.agents();
        let status = |host: &HostName| -> AgentStatus {
            let status = agents.get(host).map(|agent| agent.status()).unwrap_or_default();
            // Also of an agent that has not been told yet.
            AgentStatus { wanted, ..status }
        };
        let host = |host: &model::network::Host| HostStatus {
            name: host.name.clone(),
            provider_address: host.provider_address,
            agent: status(&host.name),
        };
        network.hosts.iter().map(host).collect()
    }

    async fn running_vms(&self) -> Vec<VmName> {
        let ask = |agent: Arc<Agent>| async move {
            match tokio::time::timeout(PATIENCE, agent.ask(|id| ToAgent::Status { id })).await {
                Ok(Ok(FromAgent::Status { status, .. })) => status.running_vms,
                _ => Vec::new(),
            }
        };
        let agents: Vec<_> = self.agents().values().cloned().collect();
        join_all(agents.into_iter().map(ask)).await.into_iter().flatten().collect()
    }

    /// How often each rule of every port has matched.
    pub(super) async fn counters(&self) -> Result<Vec<Counter>> {
        let agents: Vec<_> = self.agents().values().cloned().collect();
        let answers = agents.into_iter().map(|agent| agent.ask(|id| ToAgent::Counters { id }));
        let mut all = Vec::new();
        for answer in join_all(answers).await {
            match answer {
                Ok(FromAgent::Counters { counters, .. }) => all.extend(counters),
                Ok(other) => return Err(anyhow!("the agent answers {other:?}")),
                Err(error) => return Err(anyhow!(error)),
            }
        }
        all.sort_by(|a, b| (&a.nic, &a.counter).cmp(&(&b.nic, &b.counter)));
        Ok(all)
    }
}

fn machine(network: &Network, vm: &VirtualMachine, running: &[VmName]) -> VmStatus {
    let nic = |nic: &model::network::Nic| NicStatus {
        id: format!("{}/{}", vm.name, nic.name),
        subnet: format!("{}/{}", network.vnet(nic.subnet.vnet).name, network.subnet(nic.subnet).name),
        mac_address: nic.mac,
        private_ip_addresses: nic.addresses.clone(),
        path: DataPath::Synthetic,
    };
    VmStatus {
        name: vm.name.clone(),
        host: network.hosts[vm.host.0].name.clone(),
        running: running.contains(&vm.name),
        network_interfaces: vm.nics.iter().map(nic).collect(),
    }
}
