//! First packets, which wait for keys.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::virtio::Header;

/// Packets or superpackets that wait at most.
const MOST: usize = 64;

/// How long one waits at most; whoever sent it has sent it again by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often whoever makes keys is told that packets wait.
const REMINDER: Duration = Duration::from_millis(100);

/// A packet that waits, as it came from the TAP.
#[derive(Debug)]
pub(crate) struct Waiting {
    since: Instant,
    /// What is left to do about it.
    pub(crate) header: Header,
    /// From its IPv4 header on.
    pub(crate) packet: Vec<u8>,
}

/// Packets in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    reminded: Option<Instant>,
}

/// What became of a packet that was to wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Packets dropped: those that have waited too long, and this one when there are too many.
    pub(crate) dropped: u64,
    /// Keys are to be asked for.
    pub(crate) remind: bool,
}

impl Queue {
    /// Adds a packet.
    pub(crate) fn push(&mut self, header: Header, packet: &[u8], now: Instant) -> Outcome {
        let mut dropped = self.expire(now);
        if self.waiting.len() < MOST {
            self.waiting.push_back(Waiting { since: now, header, packet: packet.to_vec() });
        } else {
            dropped += 1;
        }
        let remind = self.reminded.is_none_or(|last| now.duration_since(last) >= REMINDER);
        if remind {
            self.reminded = Some(now);
        }
        Outcome { dropped, remind }
    }

    /// Drops what has waited too long; how many.
    pub(crate) fn expire(&mut self, now: Instant) -> u64 {
        let before = self.waiting.len();
        while self.waiting.front().is_some_and(|first| now.duration_since(first.since) > PATIENCE) {
            self.waiting.pop_front();
        }
        (before - self.waiting.len()) as u64
    }

    /// Takes the first.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Packets that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Outcome = Outcome { dropped: 0, remind: false };

    #[test]
    fn packets_wait_in_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        assert_eq!(queue.push(Header::DONE, &[0], now), Outcome { remind: true, ..FINE });
        (1..64).for_each(|number| assert_eq!(queue.push(Header::DONE, &[number], now), FINE));
        assert_eq!(queue.push(Header::DONE, &[64], now), Outcome { dropped: 1, ..FINE });
        let packets: Vec<u8> = std::iter::from_fn(|| queue.pop()).map(|waiting| waiting.packet[0]).collect();
        assert_eq!(packets, (0..64).collect::<Vec<u8>>());
    }

    #[test]
    fn nobody_waits_longer_than_a_second() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        queue.push(Header::DONE, &[1], start);
        queue.push(Header::DONE, &[2], after(50));
        assert_eq!(queue.push(Header::DONE, &[3], after(1001)), Outcome { dropped: 1, remind: true });
        assert_eq!((queue.expire(after(1050)), queue.len()), (0, 2));
        assert_eq!((queue.expire(after(1051)), queue.len()), (1, 1));
    }

    #[test]
    fn reminders_are_spaced() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let reminded = [0, 1, 99, 100, 150, 200]
            .map(|ms| queue.push(Header::DONE, &[], start + Duration::from_millis(ms)).remind);
        assert_eq!(reminded, [true, false, false, true, false, true]);
    }
}
