//! Any events in any order: nothing panics, and what is asked for makes sense.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::attempt::{Negotiation, Scene};
use super::super::machine::Machine;
use super::super::{Action, Settings, State, Traffic};
use super::puppet::{BREAK, GO_ON, Puppet, REFUSE, SUCCEED, clear};
use super::script::{Script, Scripted};
use crate::identity::PeerName;
use crate::receiver::SessionId;
use crate::test_lab::{NOW, at};

#[derive(Debug, Clone)]
enum Event {
    Want,
    Datagram(Vec<u8>),
    Authentic(u64),
    Close(u64),
    Observe(Traffic),
    Timeout,
    Pass(u64),
}

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![SUCCEED, REFUSE, BREAK, GO_ON]).prop_map(<[u8]>::to_vec),
        (0..4u8, 0..4u8).prop_map(|(kind, name)| clear(kind, name)),
        ((0..4u8, 0..4u8), 0..59usize).prop_map(|((kind, name), len)| clear(kind, name)[..len].to_vec()),
        prop::collection::vec(any::<u8>(), 0..80),
        prop::collection::vec(
            prop::sample::select(vec![0u8, 1, 2, 20, 21, 22, 26, 0x2b, 0x2e, 0x2f, 0xfe, 0xfd]),
            0..80
        ),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let traffic = (any::<u64>(), 0..100u64, 0..100u64);
    prop_oneof![
        2 => Just(Event::Want),
        6 => datagram().prop_map(Event::Datagram),
        2 => (0..8u64).prop_map(Event::Authentic),
        1 => (0..8u64).prop_map(Event::Close),
        2 => traffic.prop_map(|(sealed, opened, not_authentic)| Event::Observe(Traffic { sealed, opened, not_authentic })),
        4 => Just(Event::Timeout),
        4 => (0..3000u64).prop_map(Event::Pass),
        1 => (0..4_000_000u64).prop_map(Event::Pass),
    ]
}

/// The usual ones, and extremes.
fn settings() -> impl Strategy<Value = Settings> {
    let all = |duration| Settings {
        handshake_interval: duration,
        handshake_timeout: duration,
        patience: duration,
        retry_first: duration,
        retry_longest: duration,
        packets_wait: duration,
        old_keys_kept: duration,
        ask_after: duration,
        renew_after: duration,
        idle: duration,
        rekey_age: duration,
        rekey_records: 1,
        sessions: 3,
    };
    let usual = Settings { rekey_records: 1 << 40, ..Settings::default() };
    prop_oneof![
        2 => Just(usual),
        1 => Just(all(Duration::from_millis(1))),
        1 => Just(all(Duration::MAX)),
    ]
}

fn survive<H: Negotiation>(
    identity: &H::Identity,
    goes_first: bool,
    settings: &Settings,
    events: Vec<Event>,
) -> Result<(), TestCaseError> {
    let mut machine = Machine::<H>::new(settings.clone(), goes_first);
    let expected = PeerName::new("vnetlab://nic/peer/nic0");
    let (mut now, mut sending, mut receiving) = (Instant::now(), None, Vec::new());
    for event in events {
        if let Event::Pass(milliseconds) = event {
            now += Duration::from_millis(milliseconds);
        }
        let scene = Scene { identity, expected: &expected, now, wall: at(NOW) };
        match event {
            Event::Want => machine.want(&scene),
            Event::Datagram(datagram) => machine.handle_datagram(&datagram, &scene),
            Event::Authentic(session) => machine.handle_authentic(SessionId(session), now),
            Event::Close(session) => machine.handle_close(SessionId(session), now),
            Event::Observe(traffic) => machine.observe(traffic, &scene),
            Event::Timeout | Event::Pass(_) => {
                machine.handle_timeout(&scene);
                let next = machine.next_timeout();
                prop_assert!(next.is_none_or(|next| next > now), "handled, and not over");
            }
        }
        while let Some(action) = machine.poll() {
            match action {
                Action::Receive(session, _) => receiving.push(session),
                Action::SendWith(session, _) => {
                    prop_assert!(receiving.contains(&session), "sent with before it can be received with");
                    prop_assert!(sending.is_none_or(|before| before < session), "older keys again");
                    sending = Some(session);
                }
                Action::Forget(session) => {
                    prop_assert!(receiving.contains(&session), "forgotten twice");
                    prop_assert_ne!(sending, Some(session), "forgotten while in use");
                    receiving.retain(|other| *other != session);
                }
                Action::DropKeys => {
                    prop_assert!(sending.take().is_some(), "dropped twice");
                }
                Action::SendEmpty(_) | Action::SendClose => {
                    prop_assert!(sending.is_some(), "sent without keys")
                }
                Action::Send(_) | Action::Failed(_) | Action::Rekeyed => {}
            }
            prop_assert!(receiving.len() <= settings.sessions);
        }
        prop_assert_eq!(sending.is_some(), machine.state() == State::Established);
        prop_assert_eq!(receiving.len(), machine.sessions.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_side_survives_any_events(
        goes_first: bool, settings in settings(), events in prop::collection::vec(event(), 0..120),
    ) {
        survive::<Puppet>(&(), goes_first, &settings, events.clone())?;
        survive::<Scripted>(&Script::default(), goes_first, &settings, events)?;
    }
}
