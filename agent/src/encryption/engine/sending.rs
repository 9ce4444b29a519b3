//! Sealing what goes to a peer: with keys, or later.

use std::sync::Arc;
use std::time::Instant;

use tunnel::record::{Content, Exhausted, MAX_PAYLOAD, Sealer, record_len};

use super::channel::Channel;
use super::counters::Counters;
use super::flags;
use super::queue::Queue;
use super::segment::{self, Malformed};
use super::send_buffer::SendBuffer;
use super::virtio::Header;

/// Keys, or what waits for them.
#[derive(Debug)]
pub(crate) enum Sending {
    /// Packets are sealed with these.
    With(Box<Sealer>),
    /// Packets wait.
    Without(Queue),
}

/// What became of a packet that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the buffer, or waits, or was dropped and counted.
    Done,
    /// It waits for keys, and they are to be asked for.
    Wanted,
}

impl Sending {
    /// Seals with these keys from now on, first of all what waits.
    pub(crate) fn use_keys(&mut self, mut sealer: Sealer, channel: &Arc<Channel>) {
        self.expire(channel.count());
        if let Self::Without(queue) = self
            && queue.len() > 0
        {
            let mut buffer = SendBuffer::new();
            while let Some(mut waiting) = queue.pop() {
                if seal(&mut sealer, &waiting.header, &mut waiting.packet, channel, &mut buffer).is_err() {
                    channel.count().not_sent.add(1);
                }
            }
            buffer.flush();
        }
        *self = Self::With(Box::new(sealer));
    }

    /// Seals nothing more.
    pub(crate) fn drop_keys(&mut self) {
        if let Self::With(_) = self {
            *self = Self::Without(Queue::default());
        }
    }

    /// Drops what has waited for too long.
    pub(crate) fn expire(&mut self, counters: &Counters) {
        if let Self::Without(queue) = self {
            counters.not_sent.add(queue.expire(Instant::now()));
        }
    }

    /// Records sealed with the keys in use; 0 without.
    pub(crate) fn sealed(&self) -> u64 {
        match self {
            Self::With(sealer) => sealer.sealed(),
            Self::Without(_) => 0,
        }
    }

    /// Seals the packets that come of one from the TAP into `buffer`, or lets it wait.
    pub(crate) fn packet(
        &mut self,
        header: &Header,
        packet: &mut [u8],
        channel: &Arc<Channel>,
        buffer: &mut SendBuffer,
    ) -> Result<Sent, Malformed> {
        match self {
            Self::With(sealer) => seal(sealer, header, packet, channel, buffer).map(|()| Sent::Done),
            Self::Without(queue) => {
                let outcome = queue.push(*header, packet, Instant::now());
                channel.count().not_sent.add(outcome.dropped);
                Ok(if outcome.remind { Sent::Wanted } else { Sent::Done })
            }
        }
    }

    /// Seals a record without a packet into `room`, which is as long as it becomes; none without keys.
    pub(crate) fn record(&mut self, room: &mut [u8], content: Content, payload: &[u8]) -> Option<()> {
        match self {
            Self::With(sealer) => sealer.seal(room, content, [payload, &[], &[]]).ok(),
            Self::Without(_) => None,
        }
    }
}

fn seal(
    sealer: &mut Sealer,
    header: &Header,
    packet: &mut [u8],
    channel: &Arc<Channel>,
    buffer: &mut SendBuffer,
) -> Result<(), Malformed> {
    let (mut records, mut bytes, mut not_sent) = (0, 0, 0);
    let outcome = segment::cut(header, packet, |segment| {
        let payload = 1 + segment.len();
        if payload > MAX_PAYLOAD {
            not_sent += 1;
            return;
        }
        let length = record_len(payload);
        let room = buffer.room(channel, length);
        let flags = [if segment.partial { flags::PARTIAL } else { 0 }];
        match sealer.seal(room, Content::ApplicationData, [&flags, segment.head, segment.payload]) {
            Ok(()) => {
                records += 1;
                bytes += segment.len() as u64;
            }
            // New keys come long before that.
            Err(Exhausted) => {
                buffer.give_back(length);
                not_sent += 1;
            }
        }
    });
    let counters = channel.count();
    counters.records_sent.add(records);
    counters.bytes_sent.add(bytes);
    counters.not_sent.add(not_sent);
    outcome
}
