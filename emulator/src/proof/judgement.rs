//! What was seen of a probe, beside what the model says of its question.

use std::borrow::Cow;

use goal_state::event::{DropEvent, SeenEvent};
use goal_state::nsg::{Access, Direction};
use goal_state::probe::ProbeOutcome;
use goal_state::{DropReason, NicId};
use model::verdict::{Crossing, Explanation, IpProtocol, Observed, Proof, Reason};

use super::Observation;

/// Model and packet, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// What `explain` prints.
    pub(crate) proof: Proof,
    /// The VMs that the packet was seen to come to, the sender first.
    pub(crate) path: Vec<String>,
    /// In what they disagree, as sentences. Empty when they agree.
    pub(crate) differences: Vec<String>,
}

/// Compares what was observed with each of `explanations`, which are not empty and differ in the choices among equal ways that
/// the packet's hash makes: the first one that agrees, or else the one that disagrees least, and its judgement.
///
/// # Errors
/// A sentence, when the probe could not be sent, so that nothing is proved.
pub(crate) fn judge<'e>(
    explanations: &'e [Explanation],
    observation: &Observation,
) -> Result<(&'e Explanation, Judgement), String> {
    let mut best: Option<(&Explanation, Judgement)> = None;
    for explanation in explanations {
        let judgement = judge_one(explanation, observation)?;
        let better =
            best.as_ref().is_none_or(|(_, other)| judgement.differences.len() < other.differences.len());
        if better {
            best = Some((explanation, judgement));
        }
    }
    best.ok_or_else(|| "the model has no answer".to_owned())
}

/// Whether what was observed is all that `explanation` foretells.
pub(crate) fn agrees(explanation: &Explanation, observation: &Observation) -> bool {
    judge_one(explanation, observation).is_ok_and(|judgement| judgement.proof.agrees)
}

/// What on any of the ways packets do not do yet, so that nothing can be proved.
pub(crate) fn not_carried(explanations: &[Explanation]) -> Option<&str> {
    explanations.iter().find_map(|explanation| explanation.evidence.not_carried.as_deref())
}

fn judge_one(explanation: &Explanation, observation: &Observation) -> Result<Judgement, String> {
    let observation = &without_lost_refusal(explanation, observation);
    if let Some(ProbeOutcome::Failed { error }) = observation.outcome() {
        return Err(error.clone());
    }
    if opens_no_connection(explanation, observation) {
        let to = explanation.evidence.packet.destination;
        return Err(format!("a guest opens no TCP connection to {to}, which is not a unicast address"));
    }
    let (verdict, observed) = verdict(explanation, observation);
    let mut differences = Vec::new();
    if verdict != explanation.verdict {
        differences.push(format!(
            "the model says {:?}, the packet {:?}: {}",
            explanation.verdict,
            verdict,
            fate(observation)
        ));
    } else if let Some(reason) = &explanation.reason {
        differences.extend(differences_of_denial(explanation, reason, observation, observed.as_ref()));
    }
    differences.extend(differences_of_way(explanation, observation));
    let path = path(explanation, observation);
    Ok(Judgement { proof: Proof { verdict, agrees: differences.is_empty(), observed }, path, differences })
}

/// Whether the guest's own TCP has kept the packet from its port (RFC 9293, 3.9.2.3), which would have dropped it.
fn opens_no_connection(explanation: &Explanation, observation: &Observation) -> bool {
    let for_nobody = explanation.reason.as_ref().is_some_and(|reason| reason.layer == DropReason::Protocol);
    let kept = matches!(observation.outcome(), Some(ProbeOutcome::Unreachable { .. }));
    explanation.protocol == IpProtocol::TCP && for_nobody && kept && observation.drop().is_none()
}

/// A guest that refuses says so, and so does another one than was asked for; what they say may be dropped on its way back.
/// That is not what denied the packet.
fn without_lost_refusal<'o>(explanation: &Explanation, observation: &'o Observation) -> Cow<'o, Observation> {
    let is_refused = guest_refuses(explanation) || explanation.evidence.taken_by_another;
    if is_refused && observation.answer_was_dropped() {
        Cow::Owned(observation.without_drop())
    } else {
        Cow::Borrowed(observation)
    }
}

/// Whether the model says that the packet arrives in a guest that does not take it.
fn guest_refuses(explanation: &Explanation) -> bool {
    let by_guest = explanation.reason.as_ref().is_some_and(|reason| reason.layer == DropReason::Guest);
    by_guest && explanation.reply.is_none()
}

/// Hosts tell what they see each for itself, and the news of one may overtake that of another. So VMs that the model
/// foretells stand in its order, and the others after them.
fn path(explanation: &Explanation, observation: &Observation) -> Vec<String> {
    // Behind the sender, which a packet may come back to.
    let after_sender = explanation.path.iter().skip(1);
    let foretold = |vm: &String| after_sender.clone().position(|name| name == vm).unwrap_or(usize::MAX);
    let mut came_to = observation.came_to();
    came_to.sort_by_key(foretold);
    let sender = explanation.evidence.sender.iter().map(|vm| observation.names().of_vm(vm));
    sender.chain(came_to).collect()
}

fn verdict(explanation: &Explanation, observation: &Observation) -> (Access, Option<Observed>) {
    if observation.is_answered() && !answer_is_a_denial(explanation, observation) {
        return (Access::Allow, None);
    }
    let rule = match observation.drop() {
        Some(DropEvent { by: Some(by), .. }) => Some(by.rule.clone()).filter(|rule| !rule.is_empty()),
        _ => None,
    };
    (Access::Deny, Some(Observed { rule, at: place(explanation, observation) }))
}

/// Whether what came back is no answer to the question: it is another VM's, or a refusal where the VM has a list of ports
/// that it listens on and this is not one of them.
fn answer_is_a_denial(explanation: &Explanation, observation: &Observation) -> bool {
    explanation.evidence.taken_by_another
        || (guest_refuses(explanation) && observation.outcome() == Some(&ProbeOutcome::Refused))
}

/// The VM whose port or guest denied, or the station that did: where the drop was, or else the last one that let the packet in.
fn place(explanation: &Explanation, observation: &Observation) -> String {
    match observation.drop().map(|drop| (&drop.nic, &drop.at)) {
        Some((Some(nic), _)) => observation.names().of_port(nic),
        Some((None, Some(station))) => station.clone(),
        _ => path(explanation, observation).pop().unwrap_or_default(),
    }
}

fn differences_of_denial(
    explanation: &Explanation,
    reason: &Reason,
    observation: &Observation,
    observed: Option<&Observed>,
) -> Vec<String> {
    let mut differences = Vec::new();
    match observation.drop() {
        Some(drop) if drop.reason != reason.layer => {
            differences.push(format!("the model's layer is {}, the packet's {}", reason.layer, drop.reason));
        }
        Some(_) => {}
        None if is_silent(explanation, reason) => {}
        None => differences.push(format!("no drop by {} was seen: {}", reason.layer, fate(observation))),
    }
    let Some(observed) = observed else { return differences };
    // Where a circle of routes closes, no port tells.
    let at = foretold_place(explanation, reason, observation);
    if observed.at != at && !explanation.evidence.loops {
        differences.push(format!("the model says at {at}, the packet ended at {}", observed.at));
    }
    if let (Some(foretold), Some(seen)) = (&reason.rule, &observed.rule)
        && !foretold.eq_ignore_ascii_case(seen)
    {
        differences.push(format!("the model's rule is {foretold}, the packet's {seen}"));
    }
    differences
}

/// Where the packet must be seen last. A reply that ends in silence is not seen on its way: then that is the receiver.
fn foretold_place<'e>(
    explanation: &'e Explanation,
    reason: &'e Reason,
    observation: &Observation,
) -> &'e str {
    let reply_is_silent =
        explanation.reply.is_some() && is_silent(explanation, reason) && observation.drop().is_none();
    let receiver = explanation.received.as_ref().filter(|_| reply_is_silent);
    receiver.map_or(&reason.at, |received| &received.at)
}

/// Whether nobody tells of this denial, because no port makes it.
fn is_silent(explanation: &Explanation, reason: &Reason) -> bool {
    reason.layer == DropReason::Guest || explanation.evidence.taken_by_another || explanation.evidence.loops
}

/// A packet must cross every port that the model says. It may cross more only where nobody takes it: its last port lets
/// it out before the host finds that out; and in a circle.
fn differences_of_way(explanation: &Explanation, observation: &Observation) -> Vec<String> {
    let foretold = &explanation.evidence.crossings;
    let missing = foretold.iter().filter(|crossing| !observation.crossed(crossing));
    let mut differences: Vec<_> = missing.map(|crossing| describe_missing(crossing, observation)).collect();
    if observation.lost_events {
        differences.clear();
    }
    if !observation.nobody_there() && !explanation.evidence.loops {
        let is_foretold = |seen: &&SeenEvent| {
            foretold.iter().any(|crossing| (&crossing.nic, crossing.direction) == (&seen.nic, seen.direction))
        };
        let extra = observation.crossings.iter().filter(|seen| !is_foretold(seen));
        differences.extend(extra.map(|seen| format!("{} was crossed", describe(&seen.nic, seen.direction))));
    }
    differences
}

/// A port that did not see the packet, or saw it as something else than the model says.
fn describe_missing(Crossing { nic, direction, packet }: &Crossing, observation: &Observation) -> String {
    let port = describe(nic, *direction);
    let same = |seen: &&SeenEvent| seen.nic == *nic && seen.direction == *direction;
    match observation.crossings.iter().find(same) {
        None => format!("{port} was not crossed"),
        Some(SeenEvent { packet: seen, .. }) => {
            let foretold = packet.sources.first().zip(packet.destination);
            let foretold = foretold
                .map(|(source, to)| format!(", not {source} → {to}:{}", packet.destination_port))
                .unwrap_or_default();
            format!(
                "{port} was crossed as {}:{} → {}:{}{foretold}",
                seen.source, seen.source_port, seen.destination, seen.destination_port
            )
        }
    }
}

fn describe(nic: &NicId, direction: Direction) -> String {
    format!("the port of {nic}, {}", direction.to_string().to_lowercase())
}

/// What became of the packet, in words.
fn fate(observation: &Observation) -> String {
    let lost = if observation.lost_events { ", but events were lost" } else { "" };
    let fate = match (observation.drop(), observation.outcome()) {
        (_, Some(ProbeOutcome::Answered)) => "it was answered".to_owned(),
        (_, Some(ProbeOutcome::Refused)) => "it arrived and was refused".to_owned(),
        (Some(drop), _) if drop.reason == DropReason::NoDestination && drop.by.is_none() => {
            format!("nobody has the address {}", drop.packet.destination)
        }
        (Some(DropEvent { nic, at, reason, direction, by, .. }), _) => {
            let station = at.clone().unwrap_or_else(|| "a host".to_owned());
            let port = nic.as_ref().map_or(station, |nic| format!("the port of {nic}"));
            let by = by.as_ref().map(|by| format!(" ({}/{})", by.resource, by.rule)).unwrap_or_default();
            format!("{port} dropped it {}: {reason}{by}", direction.to_string().to_lowercase())
        }
        (None, Some(ProbeOutcome::Unreachable { error })) => format!("it came back: {error}"),
        (
            None,
            Some(ProbeOutcome::Silent | ProbeOutcome::Failed { .. } | ProbeOutcome::Followed { .. }) | None,
        ) => "nothing came back".to_owned(),
    };
    fate + lost
}

#[cfg(test)]
mod tests;
