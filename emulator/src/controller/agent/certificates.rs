//! Certificates for the NICs of a host that encrypt, made out to its agent's key.
//!
//! An agent has a key of its own as long as its process lives. So every connection begins with asking for it, and certificates
//! follow when key or NICs are new, or when those that are there grow old. A goal state is sent after its certificates.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use goal_state::encryption::NicCertificate;
use goal_state::message::{FromAgent, RequestId, ToAgent};
use goal_state::{HostGoalState, NicId};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::attendant::Attendant;
use super::connection::Connection;
use crate::authority::Authority;

/// When certificates are renewed: a quarter of their life.
const RENEWED_AFTER: Duration = Duration::from_secs(12 * 60 * 60);
/// How soon an agent that could not be certified is tried again.
const RETRIED_AFTER: Duration = Duration::from_secs(60);
/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of an agent's certificates.
pub(super) struct Certificates {
    authority: Arc<Authority>,
    /// The key of the agent that is connected; none before it has told.
    key: Option<Vec<u8>>,
    /// What an agent of this host was last given.
    given: Option<Given>,
    /// When it last failed, and why; none since it has not.
    failed: Option<(Instant, String)>,
}

struct Given {
    key: Vec<u8>,
    nics: BTreeSet<NicId>,
    at: SystemTime,
}

/// Why an agent has no new certificates.
#[derive(Debug)]
enum NotCertified {
    /// It is gone.
    Lost(String),
    /// It refuses, or nothing could be issued; as a sentence.
    Refused(String),
}

impl Certificates {
    pub(super) fn new(authority: Arc<Authority>) -> Self {
        Self { authority, key: None, given: None, failed: None }
    }

    /// Another process may be there now.
    pub(super) fn forget_key(&mut self) {
        self.key = None;
    }

    /// An agent's problems, and the one that it has with certificates.
    pub(super) fn with_problem(&self, problems: &[String]) -> Vec<String> {
        problems.iter().chain(self.failed.as_ref().map(|(_, why)| why)).cloned().collect()
    }

    /// Whether the agent that is connected lacks certificates for these NICs, or has old ones. Time is asked of the wall clock: a
    /// machine that slept has old certificates.
    fn are_due(&self, nics: &BTreeSet<NicId>, now: SystemTime) -> bool {
        match (&self.given, &self.key) {
            (None, _) => !nics.is_empty(),
            (Some(given), Some(key)) => !given.serves(key, nics, now),
            // Those of another process, for all that is known. One that has nothing to encrypt needs none.
            (Some(given), None) => !(nics.is_empty() && given.nics.is_empty()),
        }
    }

    fn issue(
        &self,
        key: &[u8],
        nics: &BTreeSet<NicId>,
        now: SystemTime,
    ) -> Result<Vec<NicCertificate>, String> {
        let issue = |nic: &NicId| {
            let certificate = self.authority.certify_nic(nic, key, now).map_err(|error| error.to_string())?;
            Ok(NicCertificate { nic: nic.clone(), certificate: certificate.to_vec() })
        };
        nics.iter().map(issue).collect()
    }
}

impl Given {
    fn serves(&self, key: &[u8], nics: &BTreeSet<NicId>, now: SystemTime) -> bool {
        let fresh = now.duration_since(self.at).is_ok_and(|age| age < RENEWED_AFTER);
        self.key == key && self.nics == *nics && (fresh || nics.is_empty())
    }
}

/// The NICs of a host that encrypt.
fn encrypting(goal: &HostGoalState) -> BTreeSet<NicId> {
    let machines = goal.virtual_machines.iter();
    let nics = machines.flat_map(|vm| vm.network_interfaces.iter().map(move |nic| (vm, nic)));
    let encrypting = nics.filter(|(_, nic)| nic.encryption_port.is_some());
    encrypting.map(|(vm, nic)| NicId { vm: vm.name.clone(), nic: nic.name.clone() }).collect()
}

impl Attendant {
    /// Gives the agent certificates for the wanted goal state, unless it has them. When that fails the goal state is sent all
    /// the same: what need not be encrypted works.
    ///
    /// # Errors
    /// The agent is gone.
    pub(super) async fn certify(&mut self, connection: &mut Connection) -> Result<(), String> {
        let nics = self.wanted.as_deref().map(encrypting).unwrap_or_default();
        let now = SystemTime::now();
        if !self.certificates.are_due(&nics, now) {
            self.certificates.failed = None;
            return Ok(());
        }
        self.certificates.failed = match self.give(connection, nics, now).await {
            Ok(()) => None,
            Err(NotCertified::Lost(reason)) => return Err(reason),
            Err(NotCertified::Refused(why)) => {
                warn!(host = %self.program.host(), why, "agent not certified");
                Some((
                    Instant::now(),
                    format!("its NICs have no certificates, so they cannot encrypt: {why}"),
                ))
            }
        };
        Ok(())
    }

    /// The same from time to time, for certificates that grow old and agents that refused.
    pub(super) async fn renew_certificates(&mut self, connection: &mut Connection) -> Result<(), String> {
        match &self.certificates.failed {
            Some((at, _)) if at.elapsed() < RETRIED_AFTER => Ok(()),
            _ => self.certify(connection).await,
        }
    }

    async fn give(
        &mut self,
        connection: &mut Connection,
        nics: BTreeSet<NicId>,
        now: SystemTime,
    ) -> Result<(), NotCertified> {
        let key = match &self.certificates.key {
            Some(key) => key.clone(),
            None => match self.converse(connection, |id| ToAgent::PublicKey { id }).await? {
                FromAgent::PublicKey { public_key, .. } => public_key,
                other => return Err(refusal(other)),
            },
        };
        self.certificates.key = Some(key.clone());
        if self.certificates.given.as_ref().is_some_and(|given| given.serves(&key, &nics, now)) {
            return Ok(());
        }
        let certificates = self.certificates.issue(&key, &nics, now).map_err(NotCertified::Refused)?;
        let authority = self.certificates.authority.certificate().to_vec();
        match self.converse(connection, |id| ToAgent::Certify { id, authority, certificates }).await? {
            FromAgent::Certified { .. } => {
                info!(host = %self.program.host(), nics = nics.len(), "agent certified");
                self.certificates.given = Some(Given { key, nics, at: now });
                Ok(())
            }
            other => Err(refusal(other)),
        }
    }

    /// Asks, and hears whatever else is said before the answer.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        question: impl FnOnce(RequestId) -> ToAgent,
    ) -> Result<FromAgent, NotCertified> {
        let lost = |error: goal_state::framing::FrameError| NotCertified::Lost(error.to_string());
        let id = self.next_id();
        connection.send(question(id)).await.map_err(lost)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, connection.next()).await {
                Ok(Some(Ok(message))) if is_answer(&message, id) => return Ok(message),
                Ok(Some(Ok(message))) => self.hear(message),
                Ok(Some(Err(error))) => return Err(lost(error)),
                Ok(None) => return Err(NotCertified::Lost("the agent ended".to_owned())),
                Err(_) => return Err(NotCertified::Refused("the agent does not answer in time".to_owned())),
            }
        }
    }
}

fn is_answer(message: &FromAgent, asked: RequestId) -> bool {
    match message {
        FromAgent::PublicKey { id, .. } | FromAgent::Certified { id } | FromAgent::Error { id, .. } => {
            *id == asked
        }
        _ => false,
    }
}

fn refusal(answer: FromAgent) -> NotCertified {
    NotCertified::Refused(match answer {
        FromAgent::Error { message, .. } => message,
        other => format!("the agent answers {other:?}"),
    })
}

#[cfg(test)]
mod tests;
