//! What was seen of one probe.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use goal_state::event::{DropEvent, Event, FiveTuple, SeenEvent};
use goal_state::nsg::Direction;
use goal_state::probe::{ProbeOutcome, ProbeResult};
use goal_state::{DropReason, NicId, VmName};
use model::verdict::Crossing;

const ICMP: u8 = 1;

/// Which packets belong to a probe.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// The first packet, as its guest sends it.
    pub(crate) packet: FiveTuple,
    /// The VMs on its way, the sender first: each may ask for its destination in its turn.
    pub(crate) askers: BTreeSet<VmName>,
    /// Addresses of appliances at which nobody answers, as the model says: each may be asked for instead of the destination.
    pub(crate) nobody_at: BTreeSet<Ipv4Addr>,
    /// The NICs that send the reply on its way, as the model says: each may ask for the sender.
    pub(crate) repliers: BTreeSet<NicId>,
}

/// Which way a packet of a flow goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Flow {
    /// An appliance may replace the source address on the way; ports stay, and so does the destination.
    fn way(&self, packet: &FiveTuple) -> Option<Way> {
        let own = &self.packet;
        let same = packet.protocol == own.protocol
            && if own.protocol == ICMP {
                packet.source_port == own.source_port
            } else {
                let ports = (packet.source_port, packet.destination_port);
                ports == (own.source_port, own.destination_port)
                    || ports == (own.destination_port, own.source_port)
            };
        same.then(|| if packet.destination == own.destination { Way::There } else { Way::Back })
    }

    /// A host that looked in vain for somebody who takes the packet knows only who asked for whom. The same addresses may
    /// stand for others in another virtual network, so the asker decides.
    fn was_asked_in_vain(&self, drop: &DropEvent) -> bool {
        let asker = drop.nic.as_ref().map(|nic| &nic.vm);
        let asked = drop.packet.destination;
        (asked == self.packet.destination || self.nobody_at.contains(&asked))
            && asker.is_some_and(|asker| self.askers.contains(asker))
    }

    /// Nobody has the sender's address where the reply is sent from, or that of the appliance which it is sent to. All replies of
    /// that NIC to that address meet this fate.
    fn was_answered_in_vain(&self, drop: &DropEvent) -> bool {
        let asked = drop.packet.destination;
        (asked == self.packet.source || self.nobody_at.contains(&asked))
            && drop.nic.as_ref().is_some_and(|replier| self.repliers.contains(replier))
    }
}

/// What was seen of one probe so far.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    flow: Flow,
    /// Ports that let the first packet through, in order of arrival.
    pub(crate) crossings: Vec<Crossing>,
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

    fn note_seen(&mut self, SeenEvent { nic, direction, packet }: &SeenEvent) {
        let crossing = Crossing { nic: nic.clone(), direction: *direction };
        if self.flow.way(packet) == Some(Way::There) && !self.crossings.contains(&crossing) {
            self.crossings.push(crossing);
        }
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
            let left = |crossing: &Crossing| {
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
        self.is_decided() && foretold.iter().all(|crossing| self.crossings.contains(crossing))
    }

    /// Whether an answer came back.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.outcome(), Some(ProbeOutcome::Answered | ProbeOutcome::Refused))
    }

    /// What came back, if the probe has ended.
    pub(crate) fn outcome(&self) -> Option<&ProbeOutcome> {
        self.result.as_ref().map(|result| &result.outcome)
    }

    /// The VMs that the first packet came to after its sender, in order, also one whose port dropped it.
    pub(crate) fn came_to(&self) -> Vec<String> {
        let entered = self.crossings.iter().filter(|crossing| crossing.direction == Direction::Inbound);
        let mut names: Vec<_> = entered.map(|crossing| crossing.nic.vm.to_string()).collect();
        if let Some(DropEvent { nic: Some(nic), direction: Direction::Inbound, packet, .. }) = &self.drop
            && self.flow.way(packet) == Some(Way::There)
            && !names.iter().any(|name| name == nic.vm.as_str())
        {
            names.push(nic.vm.to_string());
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
pub(crate) mod tests {
    use goal_state::event::DroppedBy;

    use super::*;

    pub(crate) const PROBE: FiveTuple = FiveTuple {
        protocol: 6,
        source: Ipv4Addr::new(10, 1, 1, 4),
        source_port: 50000,
        destination: Ipv4Addr::new(10, 2, 1, 4),
        destination_port: 22,
    };

    pub(crate) fn reply(packet: FiveTuple) -> FiveTuple {
        FiveTuple {
            source: packet.destination,
            source_port: packet.destination_port,
            destination: packet.source,
            destination_port: packet.source_port,
            ..packet
        }
    }

    pub(crate) fn nic(vm: &str) -> NicId {
        NicId { vm: vm.parse().unwrap(), nic: "nic0".parse().unwrap() }
    }

    pub(crate) fn seen(vm: &str, direction: Direction, packet: FiveTuple) -> Event {
        Event::Seen(SeenEvent { nic: nic(vm), direction, packet })
    }

    pub(crate) fn dropped(vm: &str, direction: Direction, rule: &str, packet: FiveTuple) -> Event {
        let by = DroppedBy { resource: "nsg-app".into(), rule: rule.into(), association: None };
        Event::Drop(DropEvent {
            time_us: 0,
            nic: Some(nic(vm)),
            at: None,
            direction,
            reason: DropReason::NetworkSecurityGroup,
            by: Some(by),
            packet,
        })
    }

    pub(crate) fn observation(packet: FiveTuple, events: &[Event]) -> Observation {
        let askers = ["web1", "nva"].map(|vm| vm.parse().unwrap()).into();
        let repliers = [nic("app1")].into();
        let mut observation = Observation::of(Flow { packet, askers, nobody_at: BTreeSet::new(), repliers });
        events.iter().for_each(|event| observation.note(event));
        observation
    }

    use Direction::{Inbound, Outbound};

    #[test]
    fn only_the_probes_own_packets_are_noticed() {
        let other = FiveTuple { source_port: 50001, ..PROBE };
        let observation = observation(
            PROBE,
            &[
                seen("web1", Outbound, other),
                dropped("app1", Inbound, "deny", FiveTuple { protocol: 17, ..PROBE }),
                seen("app1", Outbound, reply(PROBE)),
                seen("web1", Outbound, PROBE),
                seen("web1", Outbound, PROBE),
            ],
        );
        assert_eq!(observation.crossings, [Crossing { nic: nic("web1"), direction: Outbound }]);
        assert!(!observation.is_decided());
    }

    /// The NVA puts its own address in place of the sender's; the packet is the probe's all the same.
    #[test]
    fn a_replaced_source_does_not_hide_the_probe() {
        let masqueraded = FiveTuple { source: [10, 0, 100, 4].into(), ..PROBE };
        let observation = observation(
            PROBE,
            &[seen("nva", Inbound, PROBE), dropped("app1", Inbound, "deny-inbound", masqueraded)],
        );
        assert!(observation.is_decided());
        assert_eq!(observation.came_to(), ["nva", "app1"]);
    }

    #[test]
    fn a_dropped_reply_decides_and_is_no_step_of_the_way_there() {
        let observation = observation(
            PROBE,
            &[seen("app1", Inbound, PROBE), dropped("web1", Inbound, "deny", reply(PROBE))],
        );
        assert!(observation.is_decided());
        assert_eq!(observation.came_to(), ["app1"]);
    }

    #[test]
    fn a_host_that_finds_nobody_knows_who_asked_for_whom() {
        let nobody = |asker: &str, destination: [u8; 4]| {
            Event::Drop(DropEvent {
                time_us: 0,
                nic: Some(nic(asker)),
                at: None,
                direction: Outbound,
                reason: DropReason::NoDestination,
                by: None,
                packet: FiveTuple {
                    protocol: 0,
                    source: [10, 1, 1, 4].into(),
                    source_port: 0,
                    destination: destination.into(),
                    destination_port: 0,
                },
            })
        };
        let [own, forwarded, strangers, elsewhere] = [
            nobody("web1", [10, 2, 1, 4]),
            nobody("nva", [10, 2, 1, 4]),
            nobody("namesake", [10, 2, 1, 4]),
            nobody("web1", [10, 2, 1, 5]),
        ];
        let let_out = || [seen("web1", Outbound, PROBE), seen("nva", Outbound, PROBE)].to_vec();
        let after = |event: Event| observation(PROBE, &[let_out(), vec![event]].concat());
        for event in [own.clone(), forwarded] {
            assert!(after(event).nobody_there());
        }
        for event in [strangers, elsewhere] {
            assert!(!after(event).nobody_there());
        }
        // The asker's port has not let this probe out, so it asked for another packet of its VM.
        assert!(!observation(PROBE, &[own]).nobody_there());
    }

    /// The reply itself carries no mark by which its own way is seen.
    #[test]
    fn a_reply_to_nobody_is_known_by_its_asker() {
        let nobody = |asker: &str, destination: Ipv4Addr| {
            let unknown = Ipv4Addr::UNSPECIFIED;
            let packet =
                FiveTuple { protocol: 0, source: unknown, source_port: 0, destination, destination_port: 0 };
            let reason = DropReason::NoDestination;
            Event::Drop(DropEvent {
                time_us: 0,
                nic: Some(nic(asker)),
                at: None,
                direction: Outbound,
                reason,
                by: None,
                packet,
            })
        };
        let arrived = || seen("app1", Inbound, PROBE);
        assert!(observation(PROBE, &[arrived(), nobody("app1", PROBE.source)]).nobody_there());
        assert!(!observation(PROBE, &[arrived(), nobody("nva", PROBE.source)]).nobody_there());
        assert!(!observation(PROBE, &[arrived(), nobody("app1", [10, 9, 9, 9].into())]).nobody_there());
    }

    #[test]
    fn an_answer_is_complete_when_the_foretold_way_was_seen() {
        let foretold = [Crossing { nic: nic("app1"), direction: Inbound }];
        let mut observation = observation(PROBE, &[]);
        observation.result = Some(ProbeResult { source_port: 50000, outcome: ProbeOutcome::Answered });
        assert!(observation.is_decided() && observation.is_answered());
        assert!(!observation.is_complete(&foretold));
        observation.note(&seen("app1", Inbound, PROBE));
        assert!(observation.is_complete(&foretold));
    }

    #[test]
    fn an_echo_request_is_known_by_its_identifier() {
        let echo = FiveTuple { protocol: 1, source_port: 77, destination_port: 0, ..PROBE };
        let answer = FiveTuple { source: echo.destination, destination: echo.source, ..echo };
        let observation = observation(echo, &[seen("app1", Inbound, echo), seen("web1", Inbound, answer)]);
        assert_eq!(observation.came_to(), ["app1"]);
    }
}
