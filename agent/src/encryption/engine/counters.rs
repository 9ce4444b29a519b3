//! What the threads count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds; nothing costs nothing.
    pub(crate) fn add(&self, number: u64) {
        if number != 0 {
            self.0.fetch_add(number, Relaxed);
        }
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Of one channel.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records_sent: Counter,
    pub(crate) records_received: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) replayed: Counter,
    pub(crate) not_authentic: Counter,
    pub(crate) not_sent: Counter,
    pub(crate) not_delivered: Counter,
}

/// What one channel has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Records sealed.
    pub records_sent: u64,
    /// Records opened.
    pub records_received: u64,
    /// Bytes of packets sealed, with IP headers.
    pub bytes_sent: u64,
    /// Bytes of packets opened, with IP headers.
    pub bytes_received: u64,
    /// Records that had come before, or were too old to tell.
    pub replayed: u64,
    /// Records that no keys could open.
    pub not_authentic: u64,
    /// Packets dropped because no keys were there in time, and records that the kernel did not take.
    pub not_sent: u64,
    /// Packets opened that were malformed, and frames that the TAP did not take.
    pub not_delivered: u64,
}

impl Counters {
    pub(crate) fn read(&self) -> Count {
        Count {
            records_sent: self.records_sent.get(),
            records_received: self.records_received.get(),
            bytes_sent: self.bytes_sent.get(),
            bytes_received: self.bytes_received.get(),
            replayed: self.replayed.get(),
            not_authentic: self.not_authentic.get(),
            not_sent: self.not_sent.get(),
            not_delivered: self.not_delivered.get(),
        }
    }
}

/// Frames from TAPs that belong to no channel.
#[derive(Debug, Default)]
pub(crate) struct FrameCounters {
    pub(crate) not_ipv4: Counter,
    pub(crate) unknown: Counter,
    pub(crate) malformed: Counter,
}

/// Frames from TAPs that were dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedFrames {
    /// They carried something else than IPv4.
    pub not_ipv4: u64,
    /// From or to a NIC that does not encrypt.
    pub unknown: u64,
    /// Their headers contradicted each other.
    pub malformed: u64,
}

impl FrameCounters {
    pub(crate) fn read(&self) -> DroppedFrames {
        DroppedFrames {
            not_ipv4: self.not_ipv4.get(),
            unknown: self.unknown.get(),
            malformed: self.malformed.get(),
        }
    }
}
