//! Every state and every event: what is done, and what state comes then.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::super::attempt::Scene;
use super::super::machine::Machine;
use super::super::{Action, Settings, State, Traffic};
use super::puppet::{BREAK, GO_ON, Puppet, REFUSE, SUCCEED, clear, client_hello};
use crate::identity::PeerName;
use crate::receiver::SessionId;
use crate::test_lab::{NOW, at};

/// One side, and its clock.
struct Side {
    machine: Machine<Puppet>,
    now: Instant,
    done: Vec<String>,
}

#[derive(Clone, Copy)]
enum Event {
    Want,
    /// A datagram.
    Comes(&'static [u8]),
    Hello(u8),
    ServerHello,
    Authentic(u64),
    Closes(u64),
    /// So many records sealed, opened and not authentic, all in all.
    Counts(u64, u64, u64),
    /// So many milliseconds pass at once.
    Pass(u64),
}
use Event::{Authentic, Closes, Comes, Counts, Hello, Pass, ServerHello, Want};

impl Side {
    fn new(goes_first: bool) -> Self {
        Self { machine: Machine::new(Settings::default(), goes_first), now: Instant::now(), done: Vec::new() }
    }

    fn meets(&mut self, event: Event) {
        if let Pass(milliseconds) = event {
            self.now += Duration::from_millis(milliseconds);
        }
        let expected = PeerName::new("vnetlab://nic/peer/nic0");
        let scene = Scene { identity: &(), expected: &expected, now: self.now, wall: at(NOW) };
        match event {
            Want => self.machine.want(&scene),
            Comes(datagram) => self.machine.handle_datagram(datagram, &scene),
            Hello(name) => self.machine.handle_datagram(&client_hello(name), &scene),
            ServerHello => self.machine.handle_datagram(&clear(2, 0), &scene),
            Authentic(session) => self.machine.handle_authentic(SessionId(session), self.now),
            Closes(session) => self.machine.handle_close(SessionId(session), self.now),
            Counts(sealed, opened, not_authentic) => {
                self.machine.observe(Traffic { sealed, opened, not_authentic }, &scene);
            }
            Pass(_) => self.machine.handle_timeout(&scene),
        }
        while let Some(action) = self.machine.poll() {
            self.done.push(brief(&action));
        }
    }

    fn after(goes_first: bool, events: &[Event]) -> Self {
        let mut side = Self::new(goes_first);
        for event in events {
            side.meets(*event);
        }
        side.done.clear();
        side
    }

    /// The state, and which handshakes are under way.
    fn state(&self) -> String {
        let mut state = format!("{:?}", self.machine.state());
        match &self.machine.client {
            Some(client) if client.session.is_some() => state += " +client!",
            Some(_) => state += " +client",
            None => {}
        }
        if self.machine.server.is_some() {
            state += " +server";
        }
        state
    }
}

fn brief(action: &Action) -> String {
    match action {
        Action::Send(datagram) => format!("send {}", String::from_utf8_lossy(datagram)),
        Action::Receive(session, _) => format!("receive {}", session.0),
        Action::SendWith(session, _) => format!("use {}", session.0),
        Action::SendEmpty(flags) => format!("empty {flags:02x}"),
        Action::SendClose => "close".to_owned(),
        Action::Forget(session) => format!("forget {}", session.0),
        Action::DropKeys => "drop".to_owned(),
        Action::Failed(_) => "failed".to_owned(),
        Action::Rekeyed => "rekeyed".to_owned(),
    }
}

/// Keys by the peer's handshake.
const ESTABLISHED: [Event; 4] = [Hello(1), Comes(SUCCEED), Authentic(1), Pass(300)];

fn states() -> Vec<(&'static str, Vec<Event>)> {
    let established = |more: &[Event]| [&ESTABLISHED[..], more].concat();
    // Old enough that new keys are agreed on.
    let old = [Counts(1, 1, 0), Pass(200_000), Counts(2, 2, 0)].repeat(20);
    let aged = |more: &[Event]| [&ESTABLISHED[..], &old, more].concat();
    vec![
        ("idle", vec![]),
        ("own hello sent", vec![Want]),
        ("own handshake done", vec![Want, ServerHello, Comes(SUCCEED)]),
        ("peer's hello answered", vec![Hello(1)]),
        ("both", vec![Hello(1), Pass(490), Want, Pass(20)]),
        ("failed", vec![Want, Comes(BREAK)]),
        ("refused", vec![Want, Comes(REFUSE)]),
        ("keys by own", vec![Want, Comes(SUCCEED), Authentic(1), Pass(300)]),
        ("keys by the peer's", vec![Hello(1), Comes(SUCCEED), Pass(300)]),
        ("rekeying", aged(&[])),
        ("rekeying, done", aged(&[ServerHello, Comes(SUCCEED)])),
        ("peer is rekeying", established(&[Hello(2)])),
        ("closed by the peer", established(&[Closes(1)])),
    ]
}

const EVENTS: [(&str, Event); 14] = [
    ("want", Want),
    ("new hello", Hello(9)),
    ("first hello again", Hello(1)),
    ("server hello", ServerHello),
    ("protected", Comes(GO_ON)),
    ("protected, last", Comes(SUCCEED)),
    ("bad certificate", Comes(REFUSE)),
    ("broken", Comes(BREAK)),
    ("garbage", Comes(&[99, 1, 2])),
    ("session 1 heard", Authentic(1)),
    ("session 2 heard", Authentic(2)),
    ("session 1 closed", Closes(1)),
    ("300 ms pass", Pass(300)),
    ("6 s pass", Pass(6000)),
];

fn table(goes_first: bool) -> String {
    let mut table = String::new();
    for (name, before) in states() {
        let side = Side::after(goes_first, &before);
        writeln!(table, "{name}: {}", side.state()).unwrap();
        for (event_name, event) in EVENTS {
            let mut side = Side::after(goes_first, &before);
            let before = side.state();
            side.meets(event);
            let after = side.state();
            let change = (after != before).then(|| format!("-> {after}"));
            let done = (!side.done.is_empty()).then(|| side.done.join(", "));
            let what: Vec<String> = done.into_iter().chain(change).collect();
            writeln!(
                table,
                "  {event_name:<18} {}",
                if what.is_empty() { "-".to_owned() } else { what.join(" ") }
            )
            .unwrap();
        }
    }
    table
}

#[test]
fn every_state_and_event() {
    assert_eq!(table(false), include_str!("table.txt"));
}

/// Where the side that goes first differs: it leaves the peer's handshake alone while its own is young, and gives up the
/// peer's when its own is done.
#[test]
fn the_side_that_goes_first() {
    let (second, first) = (table(false), table(true));
    let mut differences = String::new();
    let mut state = "";
    for (second, first) in second.lines().zip(first.lines()) {
        if !first.starts_with(' ') {
            state = first;
        }
        if second != first {
            writeln!(differences, "{state}\n{first}").unwrap();
        }
    }
    assert_eq!(differences, include_str!("table_first.txt"));
}

#[test]
fn states_are_what_they_are_called() {
    let state = |events: &[Event]| Side::after(false, events).machine.state();
    assert_eq!(state(&[]), State::Idle);
    assert_eq!(state(&[Want]), State::Opening);
    assert_eq!(state(&[Want, Comes(SUCCEED)]), State::Opening);
    assert_eq!(state(&[Want, Comes(SUCCEED), Authentic(1)]), State::Established);
    assert_eq!(state(&[Want, Comes(BREAK)]), State::Failed);
}
