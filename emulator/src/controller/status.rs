//! What the controller knows of its lab.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::future::join_all;
use goal_state::message::{AgentStatus as Told, Counter, FromAgent, ToAgent};
use goal_state::{Generation, HostName, NicId, VmName};
use model::network::outside::{Outside, outside};
use model::network::{Network, Nic, VirtualMachine};

use super::agent::Agent;
use super::protocol::{AgentStatus, HostStatus, LabStatus, NicStatus, OutsideStatus, VmStatus};
use super::{Controller, Desired};

/// How long an agent may take to say how it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What agents say of themselves.
type AllTold = BTreeMap<HostName, Told>;

impl Controller {
    /// How the lab is, as of now.
    pub(super) async fn status(&self) -> Result<LabStatus> {
        let desired = self
            .desired()
            .ok_or_else(|| anyhow!("the lab has no network yet: `vnetlab up FILE` gives it one"))?;
        let told = self.told().await;
        let Desired { wanted, network, .. } = desired.as_ref();
        Ok(LabStatus {
            name: network.name.clone(),
            topology: wanted.path.clone(),
            generation: wanted.generation,
            hosts: self.hosts(network, wanted.generation, &told),
            virtual_machines: network.virtual_machines.iter().map(|vm| machine(network, vm, &told)).collect(),
            outside: outside_machines(network, &told),
        })
    }

    fn hosts(&self, network: &Network, wanted: Generation, told: &AllTold) -> Vec<HostStatus> {
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
            not_offloaded: told.get(&host.name).and_then(|told| told.not_offloaded.clone()),
            not_encrypted: told.get(&host.name).and_then(|told| told.not_encrypted.clone()),
        };
        network.hosts.iter().map(host).collect()
    }

    /// What every agent says of itself, as far as it answers.
    async fn told(&self) -> AllTold {
        let ask = |(host, agent): (HostName, Arc<Agent>)| async move {
            match tokio::time::timeout(PATIENCE, agent.ask(|id| ToAgent::Status { id })).await {
                Ok(Ok(FromAgent::Status { status, .. })) => Some((host, status)),
                _ => None,
            }
        };
        let agents: Vec<_> =
            self.agents().iter().map(|(host, agent)| (host.clone(), Arc::clone(agent))).collect();
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

fn machine(network: &Network, vm: &VirtualMachine, told: &AllTold) -> VmStatus {
    let host = &network.hosts[vm.host.0].name;
    let told = told.get(host);
    VmStatus {
        name: vm.name.clone(),
        host: host.clone(),
        running: told.is_some_and(|told| told.running_vms.contains(&vm.name)),
        network_interfaces: vm.nics.iter().map(|nic| interface(network, vm, nic, told)).collect(),
    }
}

fn outside_machines(network: &Network, told: &AllTold) -> Vec<OutsideStatus> {
    let host = network.edge.and_then(|edge| network.hosts.get(edge.0)).map(|host| &host.name);
    let told = host.and_then(|host| told.get(host));
    let status = |(it, vm): (Outside, VmName)| OutsideStatus {
        name: it.name(network),
        host: host.cloned(),
        running: told.is_some_and(|told| told.running_vms.contains(&vm)),
        vm,
        ip_address: it.address(network),
    };
    outside(network).into_iter().map(status).collect()
}

fn interface(network: &Network, vm: &VirtualMachine, nic: &Nic, told: Option<&Told>) -> NicStatus {
    let id = NicId { vm: vm.name.clone(), nic: nic.name.clone() };
    let told = told.and_then(|told| told.data_paths.iter().find(|path| path.nic == id));
    NicStatus {
        id: id.to_string(),
        subnet: format!("{}/{}", network.vnet(nic.subnet.vnet).name, network.subnet(nic.subnet).name),
        mac_address: nic.mac,
        private_ip_addresses: nic.addresses.clone(),
        path: told.map(|told| told.path),
        offloaded: told.is_some_and(|told| told.offloaded),
        why: told.and_then(|told| told.why.clone()),
    }
}
