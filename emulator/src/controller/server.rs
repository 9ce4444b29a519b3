//! The controller's socket: who may talk, and what becomes of each request.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use goal_state::framing::JsonCodec;
use goal_state::message::{FromAgent, ToAgent};
use goal_state::probe::{Answerer, Probe, ProbeResult};
use goal_state::{Generation, HostName};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc};
use tokio_util::codec::Framed;
use tracing::{debug, info, warn};

use super::Controller;
use super::protocol::{AgentIdentity, Page, Request, Response, Turn};
use super::ring::Ring;
use crate::lab::{Carriage, Folder, Wanted};

type Link = Framed<UnixStream, JsonCodec<Request, Response>>;
type Responses = mpsc::UnboundedSender<Response>;

/// Makes the socket. A dead controller's is replaced.
pub(super) fn listen(folder: &Folder) -> Result<UnixListener> {
    let path = folder.control_socket();
    let describe = || format!("listening on {}", path.display());
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(describe)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).with_context(describe)?;
    Ok(listener)
}

/// Serves whoever connects.
pub(super) async fn serve(controller: Arc<Controller>, listener: UnixListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accepting a connection")?;
        if !is_owner(&stream) {
            warn!("a stranger was turned away");
            continue;
        }
        let controller = Arc::clone(&controller);
        tokio::spawn(async move {
            if let Err(error) = converse(controller, Link::new(stream, JsonCodec::default())).await {
                debug!(%error, "a connection ended");
            }
        });
    }
}

/// Whether the other side is the lab's owner.
///
/// The sandbox's user 0 is root where root made the lab, and otherwise the caller, the only user that the sandbox's
/// user namespace knows; everybody else appears as the overflow user.
fn is_owner(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == nix::unistd::geteuid().as_raw())
}

async fn converse(controller: Arc<Controller>, link: Link) -> Result<()> {
    let (mut sink, mut requests) = link.split();
    let (responses, mut outbox) = mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        while let Some(response) = outbox.recv().await {
            sink.send(response).await?;
        }
        anyhow::Ok(())
    });
    while let Some(request) = requests.next().await {
        tokio::spawn(handle(Arc::clone(&controller), request?, responses.clone()));
    }
    // Subscriptions end with their reader.
    writer.abort();
    Ok(())
}

async fn handle(controller: Arc<Controller>, request: Request, responses: Responses) {
    let answer = match request {
        Request::Apply { path, topology, service_tags, carriage, agents, restart_vms } => {
            let (generation, Carriage { offload, honest_packets }) = (Generation::default(), carriage);
            let wanted = Wanted { generation, path, topology, service_tags, offload, honest_packets, agents };
            controller.apply(wanted, restart_vms, responses.clone()).await
        }
        Request::Status => controller.status().await.map(Response::Status),
        Request::AgentIdentity { host } => controller.agent_identity(&host).map(Response::AgentIdentity),
        Request::Encryption => controller.encryption().await.map(|hosts| Response::Encryption { hosts }),
        Request::LoadBalancers => {
            controller.load_balancers().await.map(|backends| Response::LoadBalancers { backends })
        }
        Request::Counters => controller.counters().await.map(|counters| Response::Counters { counters }),
        Request::Drops(turn) => match page(&controller.journal.drops, turn, &responses).await {
            Some(page) => Ok(Response::Drops(page)),
            None => return,
        },
        Request::DataPathEvents(turn) => match page(&controller.journal.data_paths, turn, &responses).await {
            Some(page) => Ok(Response::DataPathEvents(page)),
            None => return,
        },
        Request::DeviceCounters { vm } => {
            controller.device_counters(&vm).await.map(|counters| Response::DeviceCounters { counters })
        }
        Request::Flows { vm } => controller.flows(vm).await.map(Response::Flows),
        Request::Service { host, milliseconds } => {
            controller.service(&host, milliseconds).await.map(|nics| Response::Servicing { nics })
        }
        Request::AwaitService { host } => tokio::select! {
            problems = controller.await_service(&host) => problems.map(|problems| Response::Serviced { problems }),
            () = responses.closed() => return,
        },
        Request::Events => return forward_events(&controller, &responses).await,
        Request::Probe { id, probe, answerers } => {
            let result = controller.probe_answered(probe, answerers).await;
            Ok(Response::Probed { id, result })
        }
    };
    let answer = answer.unwrap_or_else(|error| Response::Error { message: format!("{error:#}") });
    // A reader that has gone away wants no answer.
    let _ = responses.send(answer);
}

/// What is asked for; none when the reader goes away before there is any.
async fn page<T: Clone>(ring: &Ring<T>, turn: Turn, responses: &Responses) -> Option<Page<T>> {
    if !turn.wait {
        return Some(ring.page(turn.after));
    }
    tokio::select! {
        page = ring.next_page(turn.after) => Some(page),
        () = responses.closed() => None,
    }
}

async fn forward_events(controller: &Controller, responses: &Responses) {
    let mut events = controller.events.subscribe();
    let mut open = responses.send(Response::Events).is_ok();
    while open {
        open = match events.recv().await {
            Ok((host, event)) => responses.send(Response::Event { host, event }).is_ok(),
            Err(broadcast::error::RecvError::Lagged(count)) => {
                warn!(count, "events lost on the way to the command line");
                true
            }
            Err(broadcast::error::RecvError::Closed) => false,
        };
    }
}

impl Controller {
    fn agent_identity(&self, host: &HostName) -> Result<AgentIdentity> {
        let mut issued = self.authority.credentials_of_host(host, SystemTime::now())?;
        info!(%host, "identity issued for an agent on another machine");
        Ok(AgentIdentity {
            certificate: issued.certificate.to_vec(),
            key: std::mem::take(&mut *issued.key),
            authority: self.authority.certificate().to_vec(),
        })
    }

    async fn probe_answered(&self, probe: Probe, answerers: Vec<Answerer>) -> ProbeResult {
        for answerer in answerers {
            if let Some(agent) = self.agent_of(&answerer.vm)
                && let Err(error) = agent.ask(|id| ToAgent::Answer { id, answerer }).await
            {
                // The guest's own answer, a refusal, proves nearly as much.
                warn!(%error, "nobody answers a probe");
            }
        }
        self.probe(probe).await
    }

    async fn probe(&self, probe: Probe) -> ProbeResult {
        let source_port = probe.source_port;
        let failed = |error: String| ProbeResult {
            source_port,
            outcome: goal_state::probe::ProbeOutcome::Failed { error },
        };
        let Some(agent) = self.agent_of(&probe.vm) else {
            return failed(format!("no host has the VM {}", probe.vm));
        };
        match agent.ask(|id| ToAgent::Probe { id, probe }).await {
            Ok(FromAgent::Probed { result, .. }) => result,
            Ok(other) => failed(format!("the agent answers {other:?}")),
            Err(error) => failed(error.to_string()),
        }
    }
}
