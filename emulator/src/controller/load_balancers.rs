//! How the backends of a lab's load balancers are.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use goal_state::HostName;
use goal_state::load_balancing::BackendStatus;
use goal_state::message::{FromAgent, ToAgent};
use tokio::time::timeout;

use super::Controller;
use super::agent::Agent;
use super::status::PATIENCE;

impl Controller {
    /// What the hosts with load balancers say of them; one host of a lab has them all.
    pub(super) async fn load_balancers(&self) -> anyhow::Result<Vec<BackendStatus>> {
        let desired = self.desired_once_known().await;
        let desired =
            desired.ok_or_else(|| anyhow!("the lab has no network yet: `vnetlab up FILE` gives it one"))?;
        let mut backends = Vec::new();
        for goal in desired.goals.iter().filter(|goal| !goal.edge.frontends.is_empty()) {
            let agent = self.agents().get(&goal.host).cloned();
            backends.extend(ask(&goal.host, agent).await?);
        }
        Ok(backends)
    }
}

async fn ask(host: &HostName, agent: Option<Arc<Agent>>) -> anyhow::Result<Vec<BackendStatus>> {
    let agent = agent.ok_or_else(|| anyhow!("{host}, which has the load balancers, is just coming up"))?;
    match timeout(PATIENCE, agent.ask(|id| ToAgent::LoadBalancers { id })).await {
        Ok(Ok(FromAgent::LoadBalancers { backends, .. })) => Ok(backends),
        Ok(Ok(other)) => bail!("the agent of {host} answers {other:?}"),
        Ok(Err(error)) => bail!("the agent of {host}, which has the load balancers: {error}"),
        Err(_) => bail!("the agent of {host}, which has the load balancers, does not answer in time"),
    }
}
