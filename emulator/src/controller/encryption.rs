//! How the associations of all hosts are.

use std::sync::Arc;

use futures_util::future::join_all;
use goal_state::HostName;
use goal_state::encryption::EncryptionStatus;
use goal_state::message::{FromAgent, ToAgent};
use goal_state::{HostGoalState, message};
use tokio::time::timeout;

use super::agent::Agent;
use super::protocol::HostEncryption;
use super::status::PATIENCE;
use super::{Controller, Desired};

impl Controller {
    /// What every host with NICs that encrypt says of its associations, in the order of the file.
    pub(super) async fn encryption(&self) -> anyhow::Result<Vec<HostEncryption>> {
        let desired = self.desired_once_known().await;
        let desired = desired
            .ok_or_else(|| anyhow::anyhow!("the lab has no network yet: `vnetlab up FILE` gives it one"))?;
        let hosts = encrypting_hosts(&desired).map(|host| (host.clone(), self.agents().get(host).cloned()));
        let hosts: Vec<_> = hosts.collect();
        Ok(join_all(hosts.into_iter().map(|(host, agent)| ask(host, agent))).await)
    }
}

fn encrypting_hosts(desired: &Desired) -> impl Iterator<Item = &HostName> {
    let encrypts = |goal: &&HostGoalState| {
        let mut nics = goal.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces);
        nics.any(|nic| nic.encryption_port.is_some())
    };
    desired.goals.iter().filter(encrypts).map(|goal| &goal.host)
}

async fn ask(host: HostName, agent: Option<Arc<Agent>>) -> HostEncryption {
    let asked = async {
        let agent = agent.ok_or("the host is just coming up")?;
        let status: EncryptionStatus = match agent.ask(|id| ToAgent::Encryption { id }).await {
            Ok(FromAgent::Encryption { status, .. }) => status,
            Ok(other) => return Err(format!("the agent answers {other:?}")),
            Err(error) => return Err(error.to_string()),
        };
        let told: Option<message::AgentStatus> = match agent.ask(|id| ToAgent::Status { id }).await {
            Ok(FromAgent::Status { status, .. }) => Some(status),
            _ => None,
        };
        Ok((status, told.and_then(|told| told.not_encrypted)))
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok((status, not_encrypted))) => HostEncryption { host, status: Some(status), not_encrypted },
        Ok(Err(why)) => HostEncryption { host, status: None, not_encrypted: Some(why) },
        Err(_) => HostEncryption {
            host,
            status: None,
            not_encrypted: Some("its agent does not answer in time".into()),
        },
    }
}
