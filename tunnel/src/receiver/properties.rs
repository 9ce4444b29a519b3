//! Whatever a network does to records, and whenever keys change, each is opened at most once, as it was sealed, and each
//! that may still be opened is.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{keys, sealed};
use super::*;
use crate::record::{FIRST_NUMBER, Sealer};
use crate::replay::WINDOW;

/// What happens next.
#[derive(Debug, Clone)]
enum Event {
    /// A record is sealed with the keys in use, and comes.
    Come,
    /// One is sealed, and comes later, or never.
    Delay,
    /// One that was delayed comes.
    Late(Index),
    /// One that came, comes again.
    Again(Index),
    /// One comes changed in one bit, of those that were delayed; it may still come as it was.
    Corrupt(Index, Index),
    /// One comes cut short, of those that were delayed.
    Truncate(Index, Index),
    /// Somebody sends what looks like one.
    Forge(Vec<u8>),
    /// So many are lost.
    Lose(u64),
    /// The receiver gets new keys.
    NewKeys,
    /// The sender seals with the newest keys from now on.
    Switch,
    /// The oldest keys that are not in use are forgotten.
    Forget,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => Just(Event::Come),
        4 => Just(Event::Delay),
        4 => any::<Index>().prop_map(Event::Late),
        2 => any::<Index>().prop_map(Event::Again),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(of, bit)| Event::Corrupt(of, bit)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(of, len)| Event::Truncate(of, len)),
        1 => prop::collection::vec(any::<u8>(), 19..60).prop_map(Event::Forge),
        1 => prop_oneof![1_u64..100, WINDOW - 100..WINDOW + 100, 20_000_u64..32_000, 32_000_u64..300_000].prop_map(Event::Lose),
        1 => Just(Event::NewKeys),
        1 => Just(Event::Switch),
        1 => Just(Event::Forget),
    ];
    prop::collection::vec(event, 1..200)
}

/// One record that was sealed.
#[derive(Debug, Clone)]
struct Sent {
    session: u64,
    number: u64,
    record: Vec<u8>,
}

impl Sent {
    /// Different for each.
    fn payload(session: u64, number: u64) -> Vec<u8> {
        format!("{session}/{number}").into_bytes()
    }
}

/// A sender, a receiver, and what is to be expected of it.
struct Pair {
    sealers: Vec<Sealer>,
    in_use: usize,
    receiver: Receiver,
    /// Of the keys that the receiver has, one above the highest number opened.
    next: BTreeMap<u64, u64>,
    opened: HashSet<(u64, u64)>,
    delayed: Vec<Sent>,
    come: Vec<Sent>,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self {
            sealers: vec![],
            in_use: 0,
            receiver: Receiver::new(),
            next: BTreeMap::new(),
            opened: HashSet::new(),
            delayed: vec![],
            come: vec![],
        };
        pair.new_keys();
        pair
    }

    fn new_keys(&mut self) {
        let session = self.sealers.len() as u64;
        let (sealer, opener) = keys(session as u8);
        self.sealers.push(sealer);
        self.receiver.add(SessionId(session), opener);
        self.next.insert(session, 0);
    }

    fn seal(&mut self) -> Sent {
        let session = self.in_use as u64;
        let sealer = &mut self.sealers[self.in_use];
        let number = FIRST_NUMBER + sealer.sealed();
        Sent { session, number, record: sealed(sealer, &Sent::payload(session, number)) }
    }

    /// What must become of a record that comes as it was sealed; nothing where it depends on trials.
    fn expected(&self, sent: &Sent) -> Option<bool> {
        let Some(next) = self.next.get(&sent.session).copied() else { return Some(false) };
        let seen = self.opened.contains(&(sent.session, sent.number));
        if seen || sent.number + WINDOW < next {
            return Some(false);
        }
        (sent.number < next + 32_768).then_some(true)
    }

    fn deliver(&mut self, sent: Sent) -> Result<(), TestCaseError> {
        let expected = self.expected(&sent);
        let mut record = sent.record.clone();
        let outcome = self.receiver.open(&mut record);
        if let Some(expected) = expected {
            prop_assert_eq!(outcome.is_ok(), expected, "{:?}: {:?}", &sent, &outcome);
        }
        if let Ok((session, opened)) = outcome {
            prop_assert_eq!((session.0, opened.number), (sent.session, sent.number));
            prop_assert_eq!(&*opened.payload, Sent::payload(sent.session, sent.number));
            prop_assert!(self.opened.insert((sent.session, sent.number)), "opened twice");
            let next = self.next.entry(sent.session).or_default();
            *next = (*next).max(sent.number + 1);
        }
        self.come.push(sent);
        Ok(())
    }

    fn refuse(&mut self, mut record: Vec<u8>) -> Result<(), TestCaseError> {
        prop_assert!(self.receiver.open(&mut record).is_err());
        Ok(())
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.next.keys().next().copied().filter(|oldest| *oldest < self.in_use as u64) {
            self.receiver.forget(SessionId(oldest));
            self.next.remove(&oldest);
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Come => {
                let sent = self.seal();
                self.deliver(sent)?;
            }
            Event::Delay => {
                let sent = self.seal();
                self.delayed.push(sent);
            }
            Event::Late(of) if !self.delayed.is_empty() => {
                let sent = self.delayed.swap_remove(of.index(self.delayed.len()));
                self.deliver(sent)?;
            }
            Event::Again(of) if !self.come.is_empty() => {
                let sent = of.get(&self.come).clone();
                // One that was not opened at first may be opened now.
                self.deliver(sent)?;
            }
            Event::Corrupt(of, bit) if !self.delayed.is_empty() => {
                let mut record = of.get(&self.delayed).record.clone();
                let bit = bit.index(record.len() * 8);
                record[bit / 8] ^= 1 << (bit % 8);
                self.refuse(record)?;
            }
            Event::Truncate(of, len) if !self.delayed.is_empty() => {
                let record = &of.get(&self.delayed).record;
                self.refuse(record[..len.index(record.len())].to_vec())?;
            }
            Event::Forge(bytes) => self.refuse([&[0b0010_1011], bytes.as_slice()].concat())?,
            Event::Lose(records) => self.sealers[self.in_use].skip(records),
            Event::NewKeys => self.new_keys(),
            Event::Switch => self.in_use = self.sealers.len() - 1,
            Event::Forget => self.forget_oldest(),
            Event::Late(_) | Event::Again(_) | Event::Corrupt(..) | Event::Truncate(..) => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn each_record_is_opened_at_most_once_and_as_it_was_sealed(events in events()) {
        let mut pair = Pair::new();
        for event in events {
            pair.happen(event)?;
        }
    }

    /// A network that only loses: after any losses, and with any keys beside, few records more are lost.
    #[test]
    fn losses_are_recovered_from(losses in prop::collection::vec(0_u64..1 << 20, 1..20), others in 0_u8..3) {
        let mut receiver = Receiver::new();
        let (mut sealer, opener) = keys(0);
        receiver.add(SessionId(0), opener);
        for other in 1..=others {
            receiver.add(SessionId(other.into()), keys(other).1);
        }
        for lost in losses {
            sealer.skip(lost);
            let _ = receiver.open(&mut sealed(&mut sealer, b"first"));
            // Trials may have to be saved up first: as many as one search takes, and with other keys beside for each of these.
            let tries = (0..64).position(|_| receiver.open(&mut sealed(&mut sealer, b"next")).is_ok());
            prop_assert!(tries.is_some_and(|tries| tries <= 64 / 4 * usize::from(others + 1)), "{:?}", tries);
        }
    }
}
