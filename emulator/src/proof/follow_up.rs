//! More packets of flows whose first packet is judged: they must meet its fate, whatever carries them.
//!
//! A probe bears a mark, so that every port on its way looks at it. What comes behind it does not, and takes the unified flow
//! where there is one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use goal_state::VmName;
use goal_state::data_path::UnifiedFlow;
use goal_state::nsg::Direction;
use goal_state::probe::{Answerer, Probe, ProbeOutcome};
use model::network::Network;
use model::verdict::{Explanation, IpProtocol};
use serde::Serialize;

use super::Observation;
use super::prober::{AGENT_PATIENCE, AT_A_TIME, Prober, answerers, probe_of};
use crate::controller::protocol::{Request, Response};

/// How long an answer is waited for that must come: a busy machine's longest, and time for TCP to say it again. Three times that is
/// less than what an agent is given.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long one is waited for that must not: some hundred times as long as it would take.
const DOUBT: Duration = Duration::from_millis(60);
/// Added to a question's position, so that the result of its probe is not taken for that of what comes behind it.
const LATER: u64 = 1 << 32;

/// What became of more packets of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct FollowUp {
    /// How many were sent.
    pub(crate) packets: u32,
    /// How many of them were answered.
    pub(crate) answered: u32,
    /// How many took the unified flow of the sender's port; null where nothing is offloaded, of connections, whose flow ends with them, and of
    /// what passes the edge.
    pub(crate) hits: Option<u64>,
    /// Whether the first packet was.
    #[serde(skip)]
    pub(crate) first_answered: bool,
}

impl FollowUp {
    /// In what they differ from the first packet, as a sentence.
    pub(crate) fn difference(&self) -> Option<String> {
        let Self { packets, answered, first_answered, .. } = *self;
        match first_answered {
            true if answered < packets => {
                Some(format!("the first packet was answered, of {packets} more only {answered}"))
            }
            false if answered > 0 => {
                Some(format!("the first packet was not answered, of {packets} more {answered} were"))
            }
            _ => None,
        }
    }
}

impl Prober {
    /// Sends `packets` more of each question's flow. None where that would tell nothing: the first one was refused, or
    /// answered by another than was asked for, or not sent at all, or it was to open a connection and did not.
    ///
    /// # Errors
    /// When the controller goes away.
    pub(crate) fn follow_up(
        &mut self,
        network: &Network,
        questions: &[&[Explanation]],
        observations: &[Observation],
        packets: u32,
    ) -> Result<Vec<Option<FollowUp>>> {
        let mut results = vec![None; questions.len()];
        let mut waiting = Vec::new();
        for (position, (explanations, observation)) in questions.iter().zip(observations).enumerate() {
            if let Some(first_answered) = first_answered(explanations, observation)
                && let Some((probe, answerers)) =
                    next_packets(network, explanations, first_answered, packets)?
            {
                results[position] = Some(FollowUp { packets, answered: 0, hits: None, first_answered });
                waiting.push((LATER + position as u64, probe, answerers));
            }
        }
        for some in waiting.chunks(AT_A_TIME) {
            for (position, answered) in self.send_all(some)? {
                if let Some(Some(result)) = results.get_mut(position) {
                    result.answered += answered;
                }
            }
        }
        self.count_hits(questions, &mut results)?;
        Ok(results)
    }

    /// Asks each sender's host once.
    fn count_hits(&mut self, questions: &[&[Explanation]], results: &mut [Option<FollowUp>]) -> Result<()> {
        let mut known: BTreeMap<VmName, Option<Vec<UnifiedFlow>>> = BTreeMap::new();
        for (explanations, result) in questions.iter().zip(results) {
            let evidence = explanations.first().map(|explanation| &explanation.evidence);
            let (Some(result), Some(evidence)) = (result, evidence) else { continue };
            let is_counted = evidence.packet.protocol != IpProtocol::TCP.0 && !evidence.at_edge;
            let Some(vm) = evidence.sender.as_ref().filter(|_| is_counted) else { continue };
            if !known.contains_key(vm) {
                known.insert(vm.clone(), self.flows_of(vm)?);
            }
            let is_meant =
                |flow: &&UnifiedFlow| flow.direction == Direction::Outbound && flow.packet == evidence.packet;
            let flows = known.get(vm).and_then(Option::as_ref);
            result.hits = flows.map(|flows| flows.iter().find(is_meant).map_or(0, |flow| flow.packets));
        }
        Ok(())
    }

    /// The unified flows of a VM; none where nothing is offloaded, or nobody says.
    fn flows_of(&mut self, vm: &VmName) -> Result<Option<Vec<UnifiedFlow>>> {
        self.client.send(Request::Flows { vm: vm.clone() })?;
        let deadline = Instant::now() + AGENT_PATIENCE;
        loop {
            match self.client.receive_until(Some(deadline))? {
                Some(Response::Flows(found)) => return Ok(found.table.map(|_| found.flows)),
                Some(Response::Event { .. } | Response::Probed { .. }) => {}
                Some(Response::Error { .. }) => return Ok(None),
                Some(other) => bail!("the controller answers {other:?}"),
                None => bail!("an agent does not answer"),
            }
        }
    }

    /// How many were answered of each question's packets.
    fn send_all(&mut self, some: &[(u64, Probe, Vec<Answerer>)]) -> Result<Vec<(usize, u32)>> {
        for (id, probe, answerers) in some {
            let (id, probe, answerers) = (*id, probe.clone(), answerers.clone());
            self.client.send(Request::Probe { id, probe, answerers })?;
        }
        let mut answered = Vec::new();
        let mut awaited = some.len();
        let deadline = Instant::now() + AGENT_PATIENCE;
        while awaited > 0 {
            match self.client.receive_until(Some(deadline))? {
                Some(Response::Probed { id, result }) => {
                    let count = match result.outcome {
                        ProbeOutcome::Followed { answered } => answered,
                        // The probe itself, which still listens where it sent from, has got the answer.
                        ProbeOutcome::Answered => 1,
                        ProbeOutcome::Failed { error } if id >= LATER => {
                            bail!("packets of a flow could not be sent: {error}")
                        }
                        _ => 0,
                    };
                    awaited -= usize::from(id >= LATER);
                    answered.push((usize::try_from(id % LATER)?, count));
                }
                Some(Response::Event { .. }) => {}
                Some(Response::Error { message }) => bail!(message),
                Some(other) => bail!("the controller answers {other:?}"),
                None => bail!("an agent does not answer"),
            }
        }
        Ok(answered)
    }
}

/// Whether the first packet was answered by whom it was for; none where the flow is not to be followed.
fn first_answered(explanations: &[Explanation], observation: &Observation) -> Option<bool> {
    if explanations.iter().any(|explanation| explanation.evidence.taken_by_another) {
        return None;
    }
    // A connection that was not opened has no later packets.
    let may_go_on = explanations.iter().any(|explanation| explanation.protocol != IpProtocol::TCP);
    match observation.outcome() {
        Some(ProbeOutcome::Answered) => Some(true),
        Some(ProbeOutcome::Silent) => may_go_on.then_some(false),
        // Where equal ways lead to several, a question in vain may have been about another flow.
        None => observation.drop().filter(|_| may_go_on && explanations.len() == 1).map(|_| false),
        Some(_) => None,
    }
}

fn next_packets(
    network: &Network,
    explanations: &[Explanation],
    first_answered: bool,
    packets: u32,
) -> Result<Option<(Probe, Vec<Answerer>)>> {
    let Some(explanation) = explanations.first() else { return Ok(None) };
    let patience = if first_answered { PATIENCE } else { DOUBT };
    let timeout_ms = u32::try_from(patience.as_millis())?;
    let probe = Probe { timeout_ms, follow_up: packets, ..probe_of(explanation)? };
    Ok(Some((probe, answerers(network, explanations))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_packets_must_meet_the_fate_of_the_first() {
        let difference = |first_answered, answered| {
            FollowUp { packets: 3, answered, hits: None, first_answered }.difference()
        };
        assert_eq!(difference(true, 3), None);
        assert_eq!(difference(false, 0), None);
        assert!(difference(true, 2).unwrap().contains("of 3 more only 2"));
        assert!(difference(false, 1).unwrap().contains("of 3 more 1 were"));
    }
}
