//! What an agent says, and who waits for it.

use goal_state::event::Event;
use goal_state::message::{AgentStatus as Told, FromAgent, Report, RequestId};
use tracing::{debug, info, warn};

use super::attendant::{Attendant, Open};
use super::{AgentState, NoAnswer};

/// How often an agent may die under one goal state before whoever waits for it is told.
const DEATHS_TOLERATED: u32 = 5;

impl Attendant {
    pub(super) fn hear(&mut self, message: FromAgent) {
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
            | FromAgent::LoadBalancers { id, .. }
            | FromAgent::Servicing { id, .. }
            | FromAgent::Serviced { id, .. }
            | FromAgent::Status { id, .. }
            | FromAgent::Error { id, .. } => self.answered(id, message),
        }
    }

    /// Without a listener there is nobody to tell.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send((self.program.host().clone(), event));
    }

    fn is_applying(&self, id: RequestId) -> bool {
        self.applying.as_ref().is_some_and(|applying| applying.id == id)
    }

    fn applied(&mut self, id: RequestId, report: Report) {
        info!(host = %self.program.host(), generation = %report.generation, changes = report.changes, problems = ?report.problems, "applied");
        self.open.remove(&id);
        let problems = self.certificates.with_problem(&report.problems);
        self.status.send_modify(|status| {
            status.applied = report.generation;
            status.problems = problems;
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
        let problems = self.certificates.with_problem(&told.problems);
        self.status.send_modify(|status| {
            status.applied = told.applied;
            status.problems = problems;
        });
    }

    pub(super) fn lost(&mut self, reason: &str) {
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
