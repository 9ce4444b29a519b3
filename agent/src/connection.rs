//! One controller's questions and answers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use goal_state::VmName;
use goal_state::framing::{FrameError, JsonCodec};
use goal_state::message::{FromAgent, PROTOCOL_VERSION, RequestId, ToAgent};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

use crate::host::Host;
use crate::probe;

/// Answers that wait for a slow controller.
const BACKLOG: usize = 1024;

type Answers = mpsc::Sender<FromAgent>;

/// Serves one connection until the controller closes it or says something that is not of this protocol.
pub async fn serve(host: Arc<Host>, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
    let (mut sink, mut requests) = Framed::new(stream, JsonCodec::<ToAgent, FromAgent>::default()).split();
    let (answers, mut waiting) = mpsc::channel::<FromAgent>(BACKLOG);
    let writer = tokio::spawn(async move {
        while let Some(answer) = waiting.recv().await {
            if let Err(error) = sink.send(answer).await {
                tracing::debug!(%error, "the controller is gone");
                break;
            }
        }
    });
    let mut greeted = false;
    while let Some(request) = requests.next().await {
        match request {
            Ok(ToAgent::Hello { protocol_version }) => {
                greeted = protocol_version == PROTOCOL_VERSION;
                send(&answers, hello(&host)).await;
            }
            Ok(request) if greeted => begin(&host, request, &answers).await,
            Ok(_) => {
                tracing::warn!("a controller of another version, or one that does not say hello");
                break;
            }
            Err(FrameError::Io(error)) => {
                tracing::debug!(%error, "the controller is gone");
                break;
            }
            Err(FrameError::Json(error)) => {
                tracing::warn!(%error, "cannot understand the controller");
                break;
            }
        }
    }
    // Answers that are still being worked on have their own sender; nobody waits for them any more.
    drop(answers);
    writer.abort();
}

fn hello(host: &Host) -> FromAgent {
    FromAgent::Hello {
        protocol_version: PROTOCOL_VERSION,
        host: host.name().clone(),
        generation: host.applied(),
        pid: std::process::id(),
    }
}

/// Starts to answer. Whatever blocks goes to a thread, so that the next request is heard meanwhile.
async fn begin(host: &Arc<Host>, request: ToAgent, answers: &Answers) {
    let (host, answers) = (Arc::clone(host), answers.clone());
    match request {
        ToAgent::Hello { .. } => {}
        ToAgent::Apply { id, goal } => {
            tokio::task::spawn_blocking(move || apply(&host, id, *goal, &answers));
        }
        ToAgent::Probe { id, probe } => {
            tokio::task::spawn_blocking(move || {
                let result = probe::send(&probe);
                tell(&answers, FromAgent::Probed { id, result });
            });
        }
        ToAgent::Answer { id, answerer } => {
            let answering = match host.answerers().start(&answerer) {
                Ok(()) => FromAgent::Answering { id },
                Err(message) => FromAgent::Error { id, message },
            };
            send(&answers, answering).await;
        }
        ToAgent::Events { id } => {
            let events = host.subscribe();
            send(&answers, FromAgent::Events { id }).await;
            tokio::spawn(forward(events, answers));
        }
        ToAgent::Counters { id } => {
            tokio::task::spawn_blocking(move || {
                let counters = host.goal().map(|goal| vfp::counters(&goal)).unwrap_or_default();
                tell(&answers, FromAgent::Counters { id, counters });
            });
        }
        ToAgent::DeviceCounters { id } => {
            tokio::task::spawn_blocking(move || {
                let counters = host.data_paths().counters();
                tell(&answers, FromAgent::DeviceCounters { id, counters });
            });
        }
        ToAgent::Flows { id, vm } => {
            tokio::task::spawn_blocking(move || tell(&answers, flows(&host, id, &vm)));
        }
        ToAgent::PublicKey { id } => {
            let public_key = host.encryption().public_key();
            send(&answers, FromAgent::PublicKey { id, public_key }).await;
        }
        ToAgent::Certify { id, authority, certificates } => {
            tokio::task::spawn_blocking(move || {
                let answer = match host.encryption().certify(authority, certificates) {
                    Ok(()) => FromAgent::Certified { id },
                    Err(message) => FromAgent::Error { id, message },
                };
                tell(&answers, answer);
            });
        }
        ToAgent::Encryption { id } => {
            tokio::task::spawn_blocking(move || {
                let status = host.encryption().status();
                tell(&answers, FromAgent::Encryption { id, status });
            });
        }
        ToAgent::LoadBalancers { id } => {
            tokio::task::spawn_blocking(move || {
                let backends = host.load_balancing().status();
                tell(&answers, FromAgent::LoadBalancers { id, backends });
            });
        }
        ToAgent::Service { id, milliseconds } => {
            tokio::task::spawn_blocking(move || {
                let answer = match host.service(Duration::from_millis(milliseconds)) {
                    Ok(nics) => FromAgent::Servicing { id, nics },
                    Err(error) => {
                        FromAgent::Error { id, message: format!("cannot keep until when: {error}") }
                    }
                };
                tell(&answers, answer);
            });
        }
        ToAgent::AwaitService { id } => {
            tokio::task::spawn_blocking(move || {
                let problems = host.data_paths().await_service();
                tell(&answers, FromAgent::Serviced { id, problems });
            });
        }
        ToAgent::Status { id } => {
            // It waits for an apply that is starting VMs.
            tokio::task::spawn_blocking(move || {
                tell(&answers, FromAgent::Status { id, status: host.status() });
            });
        }
    }
}

fn flows(host: &Host, id: RequestId, vm: &VmName) -> FromAgent {
    let goal = host.goal().filter(|goal| goal.virtual_machines.iter().any(|one| one.name == *vm));
    let Some(goal) = goal else {
        return FromAgent::Error { id, message: format!("{vm} is not on this host") };
    };
    match host.data_paths().flows(&goal, vm) {
        Ok((flows, table)) => FromAgent::Flows { id, flows, table },
        Err(message) => FromAgent::Error { id, message },
    }
}

fn apply(host: &Host, id: RequestId, goal: goal_state::HostGoalState, answers: &Answers) {
    let progress = |done, total| tell(answers, FromAgent::Progress { id, done, total });
    let answer = match host.apply(goal, &progress) {
        Ok(report) => FromAgent::Applied { id, report },
        Err(refusal) => {
            let cause =
                std::error::Error::source(&refusal).map(|cause| format!(": {cause}")).unwrap_or_default();
            FromAgent::Error { id, message: format!("{refusal}{cause}") }
        }
    };
    tell(answers, answer);
}

async fn forward(mut events: tokio::sync::broadcast::Receiver<goal_state::event::Event>, answers: Answers) {
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(count)) => goal_state::event::Event::Lost { count },
            Err(RecvError::Closed) => return,
        };
        if answers.send(FromAgent::Event { event }).await.is_err() {
            return;
        }
    }
}

/// From the runtime. A controller that is gone misses its answers.
async fn send(answers: &Answers, answer: FromAgent) {
    let _ = answers.send(answer).await;
}

/// From a thread beside the runtime.
fn tell(answers: &Answers, answer: FromAgent) {
    let _ = answers.blocking_send(answer);
}
