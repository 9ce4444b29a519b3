//! What is noticed of a probe, and what is not.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::NicId;
use goal_state::event::{DroppedBy, FiveTuple};
use model::verdict::Form;

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
    let flow = Flow {
        packet,
        askers,
        nobody_at: BTreeSet::new(),
        repliers: [nic("app1")].into(),
        forms: Vec::new(),
        names: Arc::default(),
    };
    let mut observation = Observation::of(flow);
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
    let left = SeenEvent { nic: nic("web1"), direction: Outbound, packet: PROBE };
    assert_eq!(observation.crossings, [left]);
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
    let observation =
        observation(PROBE, &[seen("app1", Inbound, PROBE), dropped("web1", Inbound, "deny", reply(PROBE))]);
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
    let form = Form {
        protocol: PROBE.protocol,
        sources: vec![PROBE.source],
        source_ports: PROBE.source_port..=PROBE.source_port,
        destination: Some(PROBE.destination),
        destination_port: PROBE.destination_port,
    };
    let foretold = [Crossing { nic: nic("app1"), direction: Inbound, packet: form }];
    let mut observation = observation(PROBE, &[]);
    observation.result = Some(ProbeResult { source_port: 50000, outcome: ProbeOutcome::Answered });
    assert!(observation.is_decided() && observation.is_answered());
    assert!(!observation.is_complete(&foretold));
    observation.note(&seen("app1", Inbound, PROBE));
    assert!(observation.is_complete(&foretold));
}

/// A load balancer's port leases and a backend's port stand between the first packet and what its receiver sees.
#[test]
fn a_translated_packet_is_known_by_what_the_model_says() {
    let translated = Form {
        protocol: 6,
        sources: vec![[20, 0, 0, 1].into(), [20, 0, 0, 2].into()],
        source_ports: 1024..=2047,
        destination: Some([10, 9, 0, 4].into()),
        destination_port: 8080,
    };
    let seen_there = FiveTuple {
        protocol: 6,
        source: [20, 0, 0, 2].into(),
        source_port: 1029,
        destination: [10, 9, 0, 4].into(),
        destination_port: 8080,
    };
    let flow = Flow { forms: vec![translated.clone()], ..observation(PROBE, &[]).flow().clone() };
    let mut observation = Observation::of(flow);
    let strangers = FiveTuple { source_port: 3000, ..seen_there };
    observation.note(&seen("app1", Inbound, strangers));
    assert_eq!(observation.crossings, []);
    observation.note(&seen("app1", Inbound, seen_there));
    observation.note(&dropped("app1", Outbound, "deny", reply(seen_there)));
    assert!(observation.answer_was_dropped());
    let foretold = Crossing { nic: nic("app1"), direction: Inbound, packet: translated };
    assert!(observation.crossed(&foretold));
    assert!(!observation.flow().is_surely_own(&seen_there), "another machine may have the same ports");
    assert!(observation.flow().is_surely_own(&reply(PROBE)));
}

#[test]
fn a_station_is_where_the_packet_came_to() {
    let at_station = DropEvent {
        time_us: 0,
        nic: None,
        at: Some("internet".into()),
        direction: Outbound,
        reason: DropReason::NoDestination,
        by: None,
        packet: PROBE,
    };
    let observation = observation(PROBE, &[seen("web1", Outbound, PROBE), Event::Drop(at_station)]);
    assert_eq!(observation.came_to(), ["internet"]);
    assert!(!observation.nobody_there(), "it says of the packet itself that nobody is there");
}

#[test]
fn an_echo_request_is_known_by_its_identifier() {
    let echo = FiveTuple { protocol: 1, source_port: 77, destination_port: 0, ..PROBE };
    let answer = FiveTuple { source: echo.destination, destination: echo.source, ..echo };
    let observation = observation(echo, &[seen("app1", Inbound, echo), seen("web1", Inbound, answer)]);
    assert_eq!(observation.came_to(), ["app1"]);
}
