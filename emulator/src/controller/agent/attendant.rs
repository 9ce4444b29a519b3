//! The task that attends an agent: one connection after another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use goal_state::HostGoalState;
use goal_state::event::Event;
use goal_state::message::{Report, RequestId, ToAgent};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use super::certificates::Certificates;
use super::connection::Connection;
use super::{AgentProgram, AgentState, AgentStatus, Answer, Command, Events, NoAnswer, Steps};
use crate::authority::Authority;

/// How often an agent is asked how it is when nothing else is said.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long an agent may say nothing before it is taken for dead. An apply reports progress all the while.
const SILENCE: Duration = Duration::from_secs(60);

/// The task behind an [`Agent`](super::Agent).
pub(super) struct Attendant {
    pub(super) program: Arc<AgentProgram>,
    inbox: mpsc::UnboundedReceiver<Command>,
    pub(super) events: Events,
    pub(super) status: watch::Sender<AgentStatus>,
    pub(super) wanted: Option<Box<HostGoalState>>,
    pub(super) applying: Option<Applying>,
    pub(super) certificates: Certificates,
    pub(super) open: HashMap<RequestId, Open>,
    last_id: u64,
}

/// Somebody who waits for a goal state to be applied.
pub(super) struct Applying {
    pub(super) id: RequestId,
    pub(super) progress: mpsc::UnboundedSender<Steps>,
    pub(super) done: oneshot::Sender<Result<Report, String>>,
    pub(super) deaths: u32,
}

/// A question without an answer yet.
pub(super) enum Open {
    Asked(Answer),
    Heartbeat,
    Reapply,
}

impl Attendant {
    pub(super) fn new(
        program: Arc<AgentProgram>,
        authority: Arc<Authority>,
        inbox: mpsc::UnboundedReceiver<Command>,
        events: Events,
        status: watch::Sender<AgentStatus>,
    ) -> Self {
        Self {
            program,
            inbox,
            events,
            status,
            wanted: None,
            applying: None,
            certificates: Certificates::new(authority),
            open: HashMap::new(),
            last_id: 0,
        }
    }

    pub(super) async fn run(mut self) {
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
                    else { self.ask_how_it_is(&mut connection).await }
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
        self.certificates.forget_key();
        let Some(goal) = self.wanted.clone() else { return Ok(()) };
        self.certify(connection).await?;
        let id = self.next_id();
        match &mut self.applying {
            Some(applying) => applying.id = id,
            None => drop(self.open.insert(id, Open::Reapply)),
        }
        connection.send(ToAgent::Apply { id, goal }).await.map_err(|error| error.to_string())
    }

    async fn ask_how_it_is(&mut self, connection: &mut Connection) -> Result<(), String> {
        self.renew_certificates(connection).await?;
        self.send(connection, Open::Heartbeat, |id| ToAgent::Status { id }).await
    }

    async fn obey(&mut self, command: Command, connection: &mut Connection) -> Result<(), String> {
        match command {
            Command::Apply { goal, progress, done } => {
                let id = self.want(goal.clone(), progress, done);
                self.certify(connection).await?;
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

    pub(super) fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }
}

fn next(pause: Duration) -> Duration {
    if pause.is_zero() { Duration::from_millis(10) } else { (pause * 2).min(Duration::from_secs(2)) }
}
