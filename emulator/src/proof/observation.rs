//! What was seen of one probe.

use goal_state::DropReason;
use goal_state::event::{DropEvent, Event, SeenEvent};
use goal_state::nsg::Direction;
use goal_state::probe::{ProbeOutcome, ProbeResult};
use model::verdict::Crossing;

use super::flow::{Flow, Way};
use super::names::Names;

/// What was seen of one probe so far.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    flow: Flow,
    /// Ports that let the first packet through, in order of arrival.
    pub(crate) crossings: Vec<SeenEvent>,
    /// The first drop of the packet, or of its reply, by a port.
    drop: Option<DropEvent>,
    /// Who on the way asked for the destination in vain. It may have been for a packet of somebody else.
    vain: Vec<DropEvent>,
    /// What the sender got.
    pub(crate) result: Option<ProbeResult>,
    /// Whether events were lost meanwhile, so that what was not seen may have been all the same.
    pub(crate) lost_events: bool,
}

impl Observation {
    /// Nothing seen yet.
    pub(crate) fn of(flow: Flow) -> Self {
        Self { flow, crossings: Vec::new(), drop: None, vain: Vec::new(), result: None, lost_events: false }
    }

    /// Takes notice of an event, if it is about this probe.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Seen(seen) => self.note_seen(seen),
            Event::Drop(drop) => self.note_drop(drop),
            Event::DataPath(_) => {}
            Event::Lost { .. } => self.lost_events = true,
        }
    }

    fn note_seen(&mut self, seen: &SeenEvent) {
        if self.flow.way(&seen.packet) == Some(Way::There) && !self.crossings.contains(seen) {
            self.crossings.push(seen.clone());
        }
    }

    /// The flow that it is of.
    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whether the packet was seen there, and looked as foretold.
    pub(crate) fn crossed(&self, Crossing { nic, direction, packet }: &Crossing) -> bool {
        let is_meant =
            |seen: &SeenEvent| seen.nic == *nic && seen.direction == *direction && packet.is(&seen.packet);
        self.crossings.iter().any(is_meant)
    }

    /// What people call those whose ports tell.
    pub(crate) fn names(&self) -> &Names {
        &self.flow.names
    }

    /// A repeated packet is dropped again, and an answer can only be dropped later: the first drop counts.
    fn note_drop(&mut self, drop: &DropEvent) {
        if is_vain(drop) {
            if self.flow.was_asked_in_vain(drop) || self.flow.was_answered_in_vain(drop) {
                self.vain.push(drop.clone());
            }
        } else if self.drop.is_none() && self.flow.way(&drop.packet).is_some() {
            self.drop = Some(drop.clone());
        }
    }

    /// Where the packet, or its reply, was dropped. A question in vain was about this packet if the asker's port let this
    /// packet out, and no other one has let it in since.
    pub(crate) fn drop(&self) -> Option<&DropEvent> {
        let about_this_packet = |vain: &&DropEvent| {
            let left = |crossing: &SeenEvent| {
                crossing.direction == Direction::Outbound && Some(&crossing.nic) == vain.nic.as_ref()
            };
            self.flow.was_answered_in_vain(vain)
                || (self.crossings.iter().any(left) && self.is_between_ports())
        };
        self.drop.as_ref().or_else(|| self.vain.iter().find(about_this_packet))
    }

    /// Whether the packet has left one more port than it has entered.
    fn is_between_ports(&self) -> bool {
        let count =
            |direction| self.crossings.iter().filter(|crossing| crossing.direction == direction).count();
        count(Direction::Outbound) > count(Direction::Inbound)
    }

    /// The same observation, as if nothing had been dropped.
    pub(crate) fn without_drop(&self) -> Self {
        Self { drop: None, vain: Vec::new(), ..self.clone() }
    }

    /// Whether the packet's fate is known: answered, dropped, or waited for in vain.
    pub(crate) fn is_decided(&self) -> bool {
        self.drop().is_some() || self.result.is_some()
    }

    /// Whether everything that the model foretells has been seen, so that nothing has to be waited for.
    ///
    /// Ports tell what they see by way of their agents, so an answer may be here before the news of the way it took.
    pub(crate) fn is_complete(&self, foretold: &[Crossing]) -> bool {
        self.is_decided() && foretold.iter().all(|crossing| self.crossed(crossing))
    }

    /// Whether an answer came back.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.outcome(), Some(ProbeOutcome::Answered | ProbeOutcome::Refused))
    }

    /// What came back, if the probe has ended.
    pub(crate) fn outcome(&self) -> Option<&ProbeOutcome> {
        self.result.as_ref().map(|result| &result.outcome)
    }

    /// Whom the first packet came to after its sender, in order, also one who dropped it.
    pub(crate) fn came_to(&self) -> Vec<String> {
        let entered = self.crossings.iter().filter(|crossing| crossing.direction == Direction::Inbound);
        let mut names: Vec<_> = entered.flat_map(|crossing| self.names().of_arrival(&crossing.nic)).collect();
        let dropped_there = self.drop.as_ref().filter(|drop| self.flow.way(&drop.packet) == Some(Way::There));
        let at = dropped_there.and_then(|drop| match (&drop.nic, &drop.at) {
            (Some(nic), _) => (drop.direction == Direction::Inbound).then(|| self.names().of_port(nic)),
            (None, at) => at.clone(),
        });
        if let Some(at) = at.filter(|at| !names.contains(at)) {
            names.push(at);
        }
        names
    }

    /// Whether it was an answer that was dropped, and not the first packet.
    pub(crate) fn answer_was_dropped(&self) -> bool {
        self.drop.as_ref().is_some_and(|drop| self.flow.way(&drop.packet) == Some(Way::Back))
    }

    /// Whether the drop is one of a host that found nobody with the destination's address.
    pub(crate) fn nobody_there(&self) -> bool {
        self.drop().is_some_and(is_vain)
    }
}

/// A host tells so of an address that nobody has; it does not see the packet.
fn is_vain(drop: &DropEvent) -> bool {
    drop.reason == DropReason::NoDestination && drop.packet.protocol == 0
}

#[cfg(test)]
pub(crate) mod tests;
