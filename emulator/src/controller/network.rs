//! Applying a network: fabric, agents, and goal states in the order that [`crate::plan`] gives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use goal_state::ids::NicName;
use goal_state::message::Report;
use goal_state::{Generation, HostGoalState, HostName, NicId};
use model::network::{Network, NicRef, SubnetRef};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::info;

use super::agent::{Agent, AgentProgram, Steps};
use super::protocol::{Applied, Response};
use super::{Controller, Desired, locked};
use crate::lab::Wanted;
use crate::{fabric, plan, topology};

/// How often a restored network is applied while there are problems.
const ROUNDS: u32 = 3;

/// Where progress goes; nobody has to listen.
pub(super) type Progress = mpsc::UnboundedSender<Response>;

impl Controller {
    /// Makes true again what `lab.json` wants, after a controller died.
    pub(super) async fn restore(self: &Arc<Self>) -> Result<()> {
        let _applying = self.apply.lock().await;
        // One that was faster than us has brought a newer network.
        if self.desired().is_some() {
            return Ok(());
        }
        let Some(wanted) = Wanted::load(&self.folder)? else { return Ok(()) };
        info!(generation = %wanted.generation, "restoring");
        let generation = wanted.generation;
        let desired = Arc::new(compile(wanted)?);
        *locked(&self.network) = Some(Arc::clone(&desired));
        let nobody = mpsc::unbounded_channel().0;
        let leftovers = self.leftover_hosts(&desired).await?;
        leftovers.iter().for_each(|goal| self.attend(&goal.host, None));
        // Where the VMs were is not known any more, so one that was about to move may be in the way of itself: the host
        // that loses it may come after the host that gets it. When every host has let go, the next round succeeds.
        for _ in 0..ROUNDS {
            let reports = self.converge(&leftovers, &desired, generation, &nobody).await?;
            if reports.iter().all(|report| report.problems.is_empty()) {
                break;
            }
        }
        self.shorten_fabric();
        Ok(())
    }

    /// Makes this topology true; the generation is chosen here.
    pub(super) async fn apply(
        self: &Arc<Self>,
        wanted: Wanted,
        restart_vms: bool,
        progress: Progress,
    ) -> Result<Response> {
        let _applying = self.apply.lock().await;
        let before = self.desired();
        let old = before.as_ref().map_or(&[][..], |before| &before.goals);
        let kept = match &before {
            Some(before) => Some(before.wanted.clone()),
            None => Wanted::load(&self.folder)?,
        };
        let (last, agents) = kept.map(|kept| (kept.generation, kept.agents)).unwrap_or_default();
        let first = last.next();
        let agents = join(agents, wanted.agents);
        let mut desired = compile(Wanted { generation: first, agents, ..wanted })?;
        self.refuse_to_move(&desired.wanted.agents)?;
        let vms = plan::restarts(old, &desired.goals);
        if !vms.is_empty() && !restart_vms {
            return Ok(Response::MustRestart { vms });
        }
        desired.wanted.generation = last_of(&plan::steps(old, &desired.goals, first), first);
        let changes = plan::difference(old, &desired.goals);
        desired.wanted.store(&self.folder)?;
        let desired = Arc::new(desired);
        *locked(&self.network) = Some(Arc::clone(&desired));
        let reports = self.converge(old, &desired, first, &progress).await;
        self.shorten_fabric();
        let reports = reports?;
        Ok(Response::Applied(Applied {
            generation: desired.wanted.generation,
            changes,
            kernel_objects: reports.iter().map(|report| report.changes).sum(),
            problems: reports.into_iter().flat_map(|report| report.problems).collect(),
        }))
    }

    async fn converge(
        self: &Arc<Self>,
        old: &[HostGoalState],
        desired: &Desired,
        first: Generation,
        progress: &Progress,
    ) -> Result<Vec<Report>> {
        let steps = plan::steps(old, &desired.goals, first);
        self.make_hosts(desired).await?;
        let mut reports = Vec::new();
        for step in steps {
            reports.extend(self.apply_step(step, progress).await?);
        }
        self.remove_hosts(&desired.goals).await?;
        Ok(reports)
    }

    /// Makes the fabric and the hosts on it, and begins to attend their agents.
    async fn make_hosts(&self, Desired { wanted, goals, .. }: &Desired) -> Result<()> {
        let here = goals.iter().filter(|goal| !wanted.agents.contains_key(&goal.host));
        let hosts: Vec<_> = here.map(|goal| (goal.host.clone(), goal.provider_address)).collect();
        tokio::task::spawn_blocking(move || fabric::ensure(&hosts)).await?.context("making the fabric")?;
        for goal in goals {
            let address = wanted.agents.get(&goal.host).copied();
            // An agent elsewhere may listen somewhere else now. One here stays here.
            let moved = self
                .agents()
                .extract_if(.., |host, agent| *host == goal.host && agent.address() != address)
                .next();
            if let Some((_, agent)) = moved {
                agent.stop().await;
            }
            self.attend(&goal.host, address);
        }
        Ok(())
    }

    /// A host cannot leave this machine while its VMs run on it.
    fn refuse_to_move(&self, agents: &BTreeMap<HostName, SocketAddr>) -> Result<()> {
        let known = self.agents();
        let mut moved =
            agents.keys().filter(|host| known.get(*host).is_some_and(|agent| agent.address().is_none()));
        match moved.next() {
            Some(host) => bail!("host {host} runs on this machine: take the lab down to have it on another"),
            None => Ok(()),
        }
    }

    /// Lets frames between hosts go past the fabric's switch, unless nothing is to be offloaded. Nobody waits for it: the
    /// switch carries them until then, and where BPF is refused.
    fn shorten_fabric(self: &Arc<Self>) {
        let controller = Arc::clone(self);
        tokio::spawn(async move {
            // One at a time, and the last one with what is wanted last.
            let _shortening = controller.shortening.lock().await;
            let Some(desired) = controller.desired() else { return };
            let on = desired.goals.iter().all(|goal| goal.offload);
            match tokio::task::spawn_blocking(move || fabric::shorten(on)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => info!("the fabric's switch carries all frames: {error:#}"),
                Err(error) => info!("the fabric's switch carries all frames: {error}"),
            }
        });
    }

    /// Begins to attend the agent of a host, unless that is done already.
    fn attend(&self, host: &HostName, address: Option<SocketAddr>) {
        self.agents().entry(host.clone()).or_insert_with(|| {
            let program = AgentProgram::new(host.clone(), self.folder.clone(), self.agent_program.clone());
            let program = match address {
                Some(address) => program.at(address, Arc::clone(&self.authority)),
                None => program,
            };
            Arc::new(Agent::attend(program, Arc::clone(&self.authority), self.events.clone()))
        });
    }

    /// Hosts that are there and no longer wanted, because a controller died before it had removed them; as empty ones.
    async fn leftover_hosts(&self, desired: &Desired) -> Result<Vec<HostGoalState>> {
        let mut hosts = tokio::task::spawn_blocking(fabric::hosts).await?.context("looking for hosts")?;
        hosts.retain(|host| desired.goals.iter().all(|goal| goal.host != *host));
        let empty = |host| HostGoalState {
            generation: desired.wanted.generation,
            host,
            provider_address: std::net::Ipv4Addr::UNSPECIFIED,
            virtual_networks: Vec::new(),
            virtual_machines: Vec::new(),
            edge: goal_state::edge::Edge::default(),
            platform: goal_state::platform::Platform::default(),
            offload: desired.wanted.offload,
            honest_packets: desired.wanted.honest_packets,
        };
        Ok(hosts.into_iter().map(empty).collect())
    }

    async fn apply_step(&self, step: Vec<HostGoalState>, progress: &Progress) -> Result<Vec<Report>> {
        let (steps_done, told) = mpsc::unbounded_channel();
        let mut applies = JoinSet::new();
        for goal in step {
            let host = goal.host.clone();
            // A host that is gone from the file may be gone from the lab as well, after a crash.
            let Some(agent) = self.agents().get(&host).cloned() else { continue };
            let steps = relay(host.clone(), steps_done.clone());
            applies.spawn(async move {
                agent.apply(goal, steps).await.map_err(|error| anyhow!("host {host}: {error}"))
            });
        }
        drop(steps_done);
        let total = tokio::spawn(add_up(told, progress.clone()));
        let mut reports = Vec::new();
        while let Some(report) = applies.join_next().await {
            reports.push(report??);
        }
        total.await?;
        Ok(reports)
    }

    /// Removes what is no longer wanted, after its VMs have gone.
    async fn remove_hosts(&self, goals: &[HostGoalState]) -> Result<()> {
        let kept = |host: &HostName| goals.iter().any(|goal| goal.host == *host);
        let gone: Vec<_> = self.agents().extract_if(.., |host, _| !kept(host)).collect();
        for (host, agent) in gone {
            agent.stop().await;
            if agent.address().is_none() {
                tokio::task::spawn_blocking(move || fabric::remove(&host))
                    .await?
                    .context("removing a host")?;
            }
        }
        Ok(())
    }
}

/// Where agents on other machines are, with what is said now.
fn join(
    mut known: BTreeMap<HostName, SocketAddr>,
    said: BTreeMap<HostName, SocketAddr>,
) -> BTreeMap<HostName, SocketAddr> {
    known.extend(said);
    known
}

/// What a wanted network means.
fn compile(mut wanted: Wanted) -> Result<Desired> {
    let loaded = topology::from_wanted(&wanted)?;
    let goals = loaded.goals(wanted.generation, wanted.carriage());
    let network = loaded.network;
    let subnets = subnets(&network);
    wanted.agents.retain(|host, _| goals.iter().any(|goal| goal.host == *host));
    Ok(Desired { wanted, network, subnets, goals })
}

fn subnets(network: &Network) -> BTreeMap<NicId, String> {
    let id = |nic: NicRef, name: &NicName| NicId { vm: network.vm(nic.vm).name.clone(), nic: name.clone() };
    let subnet = |at: SubnetRef| format!("{}/{}", network.vnet(at.vnet).name, network.subnet(at).name);
    network.nics().map(|(at, nic)| (id(at, &nic.name), subnet(nic.subnet))).collect()
}

fn last_of(steps: &[Vec<HostGoalState>], first: Generation) -> Generation {
    steps.last().and_then(|step| step.first()).map_or(first, |state| state.generation)
}

type HostSteps = mpsc::UnboundedSender<(HostName, Steps)>;

/// Adds the host's name to its steps.
fn relay(host: HostName, to: HostSteps) -> mpsc::UnboundedSender<Steps> {
    let (from, mut steps) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(step) = steps.recv().await {
            let _ = to.send((host.clone(), step));
        }
    });
    from
}

/// Adds up the steps of all hosts.
async fn add_up(mut told: mpsc::UnboundedReceiver<(HostName, Steps)>, progress: Progress) {
    let mut hosts = BTreeMap::new();
    while let Some((host, steps)) = told.recv().await {
        let what = host.to_string();
        hosts.insert(host, steps);
        let (done, total) =
            hosts.values().fold((0, 0), |sum, steps: &Steps| (sum.0 + steps.0, sum.1 + steps.1));
        let _ = progress.send(Response::Progress { what, done, total });
    }
}
