//! Questions about data paths, passed on to the agents: counters, unified flows, host servicing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use goal_state::data_path::NicCounters;
use goal_state::message::{FromAgent, RequestId, ToAgent};
use goal_state::{HostGoalState, HostName, NicId, VmName};
use tracing::info;

use super::Controller;
use super::agent::{Agent, NoAnswer};
use super::protocol::VmFlows;

/// How often an agent may die over one question before whoever asked is told. An agent that does not come back counts again
/// and again, after some half a minute as often as this.
const DEATHS_TOLERATED: u32 = 20;
/// Who asks an agent that is just coming back waits this long before it asks again.
const PAUSE: Duration = Duration::from_millis(20);

impl Controller {
    /// What the NICs of a VM have carried.
    pub(super) async fn device_counters(&self, vm: &VmName) -> Result<Vec<NicCounters>> {
        let host = self.host_of(vm).await?;
        match self.ask_host(&host, |id| ToAgent::DeviceCounters { id }).await? {
            FromAgent::DeviceCounters { mut counters, .. } => {
                counters.retain(|counters| counters.nic.vm == *vm);
                Ok(counters)
            }
            other => Err(anyhow!("the agent answers {other:?}")),
        }
    }

    /// The unified flows of a VM, or why it has none.
    pub(super) async fn flows(&self, vm: VmName) -> Result<VmFlows> {
        let host = self.host_of(&vm).await?;
        let asked = move |id| ToAgent::Flows { id, vm: vm.clone() };
        let (flows, table) = match self.ask_host(&host, asked).await? {
            FromAgent::Flows { flows, table, .. } => (flows, table),
            other => return Err(anyhow!("the agent answers {other:?}")),
        };
        let not_offloaded = match self.ask_host(&host, |id| ToAgent::Status { id }).await? {
            FromAgent::Status { status, .. } => status.not_offloaded,
            other => return Err(anyhow!("the agent answers {other:?}")),
        };
        Ok(VmFlows { flows, table, not_offloaded })
    }

    /// Takes the VFs of a host away, for so many milliseconds; the NICs that had one.
    pub(super) async fn service(&self, host: &HostName, milliseconds: u64) -> Result<Vec<NicId>> {
        info!(%host, milliseconds, "servicing");
        match self.ask_host(host, move |id| ToAgent::Service { id, milliseconds }).await? {
            FromAgent::Servicing { nics, .. } => Ok(nics),
            other => Err(anyhow!("the agent answers {other:?}")),
        }
    }

    /// Waits until the servicing of a host is over; what could not be returned, as sentences.
    pub(super) async fn await_service(&self, host: &HostName) -> Result<Vec<String>> {
        match self.ask_host(host, |id| ToAgent::AwaitService { id }).await? {
            FromAgent::Serviced { problems, .. } => Ok(problems),
            other => Err(anyhow!("the agent answers {other:?}")),
        }
    }

    /// Asks the agent of a host; when it dies before it answers, its successor.
    async fn ask_host<Q>(&self, host: &HostName, question: Q) -> Result<FromAgent>
    where
        Q: Fn(RequestId) -> ToAgent + Clone + Send + 'static,
    {
        let mut deaths = 0;
        loop {
            let agent = self.attended(host).await;
            let agent = agent.ok_or_else(|| anyhow!("the lab has no host {host}"))?;
            match agent.ask(question.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Lost(_)) if deaths < DEATHS_TOLERATED => deaths += 1,
                Err(error) => return Err(anyhow!("host {host}: {error}")),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The agent of a host. A controller that has just been started attends to agents while it restores its lab.
    async fn attended(&self, host: &HostName) -> Option<Arc<Agent>> {
        let agent = self.agents().get(host).cloned();
        if agent.is_none() {
            drop(self.apply.lock().await);
            return self.agents().get(host).cloned();
        }
        agent
    }

    async fn host_of(&self, vm: &VmName) -> Result<HostName> {
        let desired = self.desired_once_known().await;
        let has_vm = |goal: &&HostGoalState| goal.virtual_machines.iter().any(|machine| machine.name == *vm);
        let host = desired.as_ref().and_then(|desired| desired.goals.iter().find(has_vm));
        host.map(|goal| goal.host.clone()).ok_or_else(|| anyhow!("VM {vm} is deallocated, so no host has it"))
    }
}
