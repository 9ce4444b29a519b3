//! One host's agent: started, connected to, told what to make true, and started again when it dies.
//!
//! ```text
//!            connect refused          EOF, silence, nonsense
//!   Connecting ──────► start it          ┌───────────────┐
//!       ▲  └───────────────┴─► Hello ─► Connected ───────┤
//!       └── kill what is left, fail open questions ◄─────┘
//! ```
//!
//! A wanted goal state is never lost: every new connection begins with it. Open questions are answered with an error,
//! because nobody knows whether the dead agent had acted on them.
//!
//! Where NICs of the host encrypt, their certificates come before the goal state: see [`certificates`].

mod answers;
mod attendant;
mod certificates;
mod connection;
mod process;
mod remote;

use std::net::SocketAddr;
use std::sync::Arc;

use goal_state::event::Event;
use goal_state::message::{FromAgent, Report, RequestId, ToAgent};
use goal_state::{HostGoalState, HostName};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::protocol::{AgentState, AgentStatus};
use crate::authority::Authority;
use attendant::Attendant;
pub(crate) use process::AgentProgram;

/// Steps done and steps in all.
pub(crate) type Steps = (u32, u32);
/// Events of all hosts.
pub(crate) type Events = broadcast::Sender<(HostName, Event)>;

/// A question for an agent, once it has a number.
type Question = Box<dyn FnOnce(RequestId) -> ToAgent + Send>;
type Answer = oneshot::Sender<Result<FromAgent, NoAnswer>>;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The agent says why.
    #[error("{0}")]
    Refused(String),
    /// The agent died before it answered, and nobody knows whether it had acted. Its successor may be asked.
    #[error("{0}")]
    Lost(String),
}

enum Command {
    Apply {
        goal: Box<HostGoalState>,
        progress: mpsc::UnboundedSender<Steps>,
        done: oneshot::Sender<Result<Report, String>>,
    },
    Ask {
        question: Question,
        answer: Answer,
    },
}

/// The handle of one host's agent. Dropping it leaves the agent running and unattended.
pub(crate) struct Agent {
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<AgentStatus>,
    attendant: tokio::task::JoinHandle<()>,
    program: Arc<AgentProgram>,
}

impl Agent {
    /// Begins to attend the agent of `program`'s host.
    pub(crate) fn attend(program: AgentProgram, authority: Arc<Authority>, events: Events) -> Self {
        let program = Arc::new(program);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (status, watched) = watch::channel(AgentStatus::default());
        let attendant = Attendant::new(Arc::clone(&program), authority, inbox, events, status);
        Self { commands, status: watched, attendant: tokio::spawn(attendant.run()), program }
    }

    /// Where it is on another machine; none when it runs here.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.program.address()
    }

    /// How it is.
    pub(crate) fn status(&self) -> AgentStatus {
        self.status.borrow().clone()
    }

    /// Makes `goal` true; returns when it is, or when that failed.
    ///
    /// # Errors
    /// A sentence: the agent refuses, or it dies again and again.
    pub(crate) fn apply(
        &self,
        goal: HostGoalState,
        progress: mpsc::UnboundedSender<Steps>,
    ) -> impl Future<Output = Result<Report, String>> + use<> {
        let (done, applied) = oneshot::channel();
        let _ = self.commands.send(Command::Apply { goal: Box::new(goal), progress, done });
        async move { applied.await.unwrap_or_else(|_| Err("the agent was stopped".to_owned())) }
    }

    /// Asks something.
    ///
    /// # Errors
    /// The agent could not answer, or died before it did.
    pub(crate) fn ask<Q>(&self, question: Q) -> impl Future<Output = Result<FromAgent, NoAnswer>> + use<Q>
    where
        Q: FnOnce(RequestId) -> ToAgent + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let _ = self.commands.send(Command::Ask { question: Box::new(question), answer });
        async move {
            match answered.await {
                Ok(Ok(FromAgent::Error { message, .. })) => Err(NoAnswer::Refused(message)),
                Ok(result) => result,
                Err(_) => Err(NoAnswer::Lost("the agent was stopped".to_owned())),
            }
        }
    }

    /// Ends the agent for good.
    pub(crate) async fn stop(&self) {
        self.attendant.abort();
        self.program.end().await;
    }
}
