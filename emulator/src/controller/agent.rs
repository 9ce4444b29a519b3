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

mod connection;
mod process;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use goal_state::event::Event;
use goal_state::message::{AgentStatus as Told, FromAgent, Report, RequestId, ToAgent};
use goal_state::{HostGoalState, HostName};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::protocol::{AgentState, AgentStatus};
use connection::Connection;
pub(crate) use process::AgentProgram;

/// How often an agent is asked how it is when nothing else is said.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long an agent may say nothing before it is taken for dead. An apply reports progress all the while.
const SILENCE: Duration = Duration::from_secs(60);
/// How often an agent may die under one goal state before whoever waits for it is told.
const DEATHS_TOLERATED: u32 = 5;

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
    pub(crate) fn attend(program: AgentProgram, events: Events) -> Self {
        let program = Arc::new(program);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (status, watched) = watch::channel(AgentStatus::default());
        let attendant = Attendant {
            program: Arc::clone(&program),
            inbox,
            events,
            status,
            wanted: None,
            applying: None,
            open: HashMap::new(),
            last_id: 0,
        };
        Self { commands, status: watched, attendant: tokio::spawn(attendant.run()), program }
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

/// The task behind an [`Agent`].
struct Attendant {
    program: Arc<AgentProgram>,
    inbox: mpsc::UnboundedReceiver<Command>,
    events: Events,
    status: watch::Sender<AgentStatus>,
    wanted: Option<Box<HostGoalState>>,
    applying: Option<Applying>,
    open: HashMap<RequestId, Open>,
    last_id: u64,
}

/// Somebody who waits for a goal state to be applied.
struct Applying {
    id: RequestId,
    progress: mpsc::UnboundedSender<Steps>,
    done: oneshot::Sender<Result<Report, String>>,
    deaths: u32,
}

/// A question without an answer yet.
enum Open {
    Asked(Answer),
    Heartbeat,
    Reapply,
}

impl Attendant {
    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let connected_at = Instant::now();
            let reason = match self.connect().await {
                Ok(connection) => self.serve(connection).await,
                Err(error) => error,
            };
            warn!(host = %self.program.host(), %reason, "agent lost");
            self.program.end().await;
            self.take_commands(&reason);
            self.lost(&reason);
            // At once the first time: packets flow meanwhile, but nobody answers questions.
            pause =
                if connected_at.elapsed() > Duration::from_secs(10) { Duration::ZERO } else { next(pause) };
            tokio::time::sleep(pause).await;
        }
    }

    async fn connect(&mut self) -> Result<Connection, String> {
        let (connection, hello) = self.program.connect().await.map_err(|error| format!("{error:#}"))?;
        info!(host = %self.program.host(), pid = hello.pid, generation = %hello.generation, "agent connected");
        self.status.send_modify(|status| {
            status.state = AgentState::Connected;
            status.pid = Some(hello.pid);
            status.applied = hello.generation;
        });
        Ok(connection)
    }

    /// Serves one connection until it ends; why it ended.
    async fn serve(&mut self, mut connection: Connection) -> String {
        if let Err(error) = self.begin(&mut connection).await {
            return error;
        }
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut heard = Instant::now();
        loop {
            let step = tokio::select! {
                message = connection.next() => match message {
                    Some(Ok(message)) => { heard = Instant::now(); self.hear(message); Ok(()) }
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err("the agent ended".to_owned()),
                },
                command = self.inbox.recv() => match command {
                    Some(command) => self.obey(command, &mut connection).await,
                    // The handle is gone: nothing will be asked again.
                    None => std::future::pending().await,
                },
                _ = heartbeat.tick() => {
                    if heard.elapsed() > SILENCE { Err("the agent says nothing".to_owned()) }
                    else { self.send(&mut connection, Open::Heartbeat, |id| ToAgent::Status { id }).await }
                }
            };
            if let Err(reason) = step {
                return reason;
            }
        }
    }

    /// What every connection begins with: events, and the wanted goal state.
    async fn begin(&mut self, connection: &mut Connection) -> Result<(), String> {
        self.send(connection, Open::Heartbeat, |id| ToAgent::Events { id }).await?;
        if self.status.borrow().restarts > 0 {
            // Whatever happened while nobody listened.
            self.tell(Event::Lost { count: 0 });
        }
        let Some(goal) = self.wanted.clone() else { return Ok(()) };
        let id = self.next_id();
        match &mut self.applying {
            Some(applying) => applying.id = id,
            None => drop(self.open.insert(id, Open::Reapply)),
        }
        connection.send(ToAgent::Apply { id, goal }).await.map_err(|error| error.to_string())
    }

    async fn obey(&mut self, command: Command, connection: &mut Connection) -> Result<(), String> {
        match command {
            Command::Apply { goal, progress, done } => {
                let id = self.want(goal.clone(), progress, done);
                connection.send(ToAgent::Apply { id, goal }).await.map_err(|error| error.to_string())
            }
            Command::Ask { question, answer } => self.send(connection, Open::Asked(answer), question).await,
        }
    }

    /// From now on every connection begins with this goal state.
    fn want(
        &mut self,
        goal: Box<HostGoalState>,
        progress: mpsc::UnboundedSender<Steps>,
        done: oneshot::Sender<Result<Report, String>>,
    ) -> RequestId {
        let id = self.next_id();
        self.wanted = Some(goal);
        self.applying = Some(Applying { id, progress, done, deaths: 0 });
        id
    }

    /// Takes what was asked for while there was no agent.
    fn take_commands(&mut self, reason: &str) {
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Apply { goal, progress, done } => {
                    self.want(goal, progress, done);
                }
                Command::Ask { answer, .. } => drop(answer.send(Err(NoAnswer::Lost(reason.to_owned())))),
            }
        }
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        open: Open,
        question: impl FnOnce(RequestId) -> ToAgent,
    ) -> Result<(), String> {
        let id = self.next_id();
        self.open.insert(id, open);
        connection.send(question(id)).await.map_err(|error| error.to_string())
    }

    fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    fn hear(&mut self, message: FromAgent) {
        match message {
            FromAgent::Progress { id, done, total } => {
                if let Some(applying) = self.applying.as_ref().filter(|applying| applying.id == id) {
                    let _ = applying.progress.send((done, total));
                }
            }
            FromAgent::Applied { id, report } => self.applied(id, report),
            FromAgent::Event { event } => self.tell(event),
            FromAgent::Error { id, ref message } if self.is_applying(id) => self.refused(message.clone()),
            FromAgent::Hello { .. } => debug!("an agent said hello twice"),
            FromAgent::Probed { id, .. }
            | FromAgent::Answering { id }
            | FromAgent::Events { id }
            | FromAgent::Counters { id, .. }
            | FromAgent::DeviceCounters { id, .. }
            | FromAgent::Flows { id, .. }
            | FromAgent::PublicKey { id, .. }
            | FromAgent::Certified { id }
            | FromAgent::Encryption { id, .. }
            | FromAgent::Servicing { id, .. }
            | FromAgent::Serviced { id, .. }
            | FromAgent::Status { id, .. }
            | FromAgent::Error { id, .. } => self.answered(id, message),
        }
    }

    /// Without a listener there is nobody to tell.
    fn tell(&self, event: Event) {
        let _ = self.events.send((self.program.host().clone(), event));
    }

    fn is_applying(&self, id: RequestId) -> bool {
        self.applying.as_ref().is_some_and(|applying| applying.id == id)
    }

    fn applied(&mut self, id: RequestId, report: Report) {
        info!(host = %self.program.host(), generation = %report.generation, changes = report.changes, problems = ?report.problems, "applied");
        self.open.remove(&id);
        self.status.send_modify(|status| {
            status.applied = report.generation;
            status.problems.clone_from(&report.problems);
        });
        if let Some(applying) = self.applying.take_if(|applying| applying.id == id) {
            let _ = applying.done.send(Ok(report));
        }
    }

    fn refused(&mut self, message: String) {
        if let Some(applying) = self.applying.take() {
            let _ = applying.done.send(Err(message));
        }
    }

    fn answered(&mut self, id: RequestId, message: FromAgent) {
        if let FromAgent::Status { status, .. } = &message {
            self.note(status);
        }
        match self.open.remove(&id) {
            Some(Open::Asked(answer)) => drop(answer.send(Ok(message))),
            Some(Open::Heartbeat | Open::Reapply) => {
                if let FromAgent::Error { message, .. } = message {
                    warn!(host = %self.program.host(), message, "agent refuses");
                    self.status.send_modify(|status| status.problems = vec![message]);
                }
            }
            None => debug!(?id, "an answer that nobody waits for"),
        }
    }

    fn note(&self, told: &Told) {
        self.status.send_modify(|status| {
            status.applied = told.applied;
            status.problems.clone_from(&told.problems);
        });
    }

    fn lost(&mut self, reason: &str) {
        self.status.send_modify(|status| {
            status.state = AgentState::Connecting;
            status.pid = None;
            status.restarts += 1;
        });
        for (_, open) in self.open.drain() {
            if let Open::Asked(answer) = open {
                let _ = answer.send(Err(NoAnswer::Lost(reason.to_owned())));
            }
        }
        if let Some(applying) = &mut self.applying {
            applying.deaths += 1;
            if applying.deaths >= DEATHS_TOLERATED {
                self.refused(format!("the agent failed {DEATHS_TOLERATED} times, at last because: {reason}"));
            }
        }
    }
}

fn next(pause: Duration) -> Duration {
    if pause.is_zero() { Duration::from_millis(10) } else { (pause * 2).min(Duration::from_secs(2)) }
}
