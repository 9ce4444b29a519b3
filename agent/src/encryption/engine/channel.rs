//! One pair of NICs, as the threads see it: where its frames come from and go to, the keys in use, and what was counted.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linux_net::MacAddr;
use tunnel::association::Traffic;
use tunnel::receiver::{Receiver, SessionId};
use tunnel::record::{Content, MAX_PAYLOAD, OpenError, Opened, Opener, Sealer, record_len};

use super::counters::{Count, Counters};
use super::flags;
use super::pace::Pace;
use super::packet::ETHERNET;
use super::ports::{NicSocket, TapPort};
use super::queue::Queue;
use super::segment::{self, Malformed};
use super::send_buffer::SendBuffer;
use super::shared::lock;
use super::virtio::Header;

/// The alert `close_notify`, a warning (RFC 8446, section 6.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];

/// Two NICs on different hosts that encrypt.
#[derive(Debug)]
pub struct Pair {
    /// The MAC address of the NIC of this host.
    pub mac: MacAddr,
    /// That of the other one.
    pub peer_mac: MacAddr,
    /// Where the other one's records come from and go to.
    pub peer_address: SocketAddrV4,
    /// Where this one's come from and go to.
    pub socket: Arc<NicSocket>,
    /// Where packets for this NIC go to.
    pub tap: Arc<TapPort>,
}

/// A pair with its keys.
#[derive(Debug)]
pub struct Channel {
    pair: Pair,
    sending: Mutex<Sending>,
    receiving: Mutex<Receiving>,
    counters: Counters,
}

#[derive(Debug)]
enum Sending {
    With(Box<Sealer>),
    Without(Queue),
}

#[derive(Debug)]
struct Receiving {
    receiver: Receiver,
    /// Sessions of which a record was authentic.
    heard: Vec<SessionId>,
    handshakes: Pace,
    keyless: Pace,
}

/// What became of a packet that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the buffer, or was dropped.
    Done,
    /// It waits for keys.
    Waits,
    /// It waits for keys, and they are to be asked for.
    Wanted,
}

/// What a record was.
#[derive(Debug)]
pub(crate) enum Arrival<'d> {
    /// Authentic; `first` of its session.
    Opened { session: SessionId, first: bool, opened: Opened<'d> },
    /// There are no keys, and it is time to say so.
    Keyless,
    /// Dropped and counted.
    Dropped,
}

impl Channel {
    /// A pair without keys.
    #[must_use]
    pub fn new(pair: Pair) -> Self {
        let receiving = Receiving {
            receiver: Receiver::new(),
            heard: Vec::new(),
            handshakes: Pace::new(Duration::from_millis(5), 64),
            keyless: Pace::new(Duration::from_millis(100), 1),
        };
        Self {
            pair,
            sending: Mutex::new(Sending::Without(Queue::default())),
            receiving: Mutex::new(receiving),
            counters: Counters::default(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Seals with these keys from now on, first of all what waits.
    pub fn send_with(self: &Arc<Self>, mut sealer: Sealer) {
        let mut sending = lock(&self.sending);
        if let Sending::Without(queue) = &mut *sending {
            self.counters.not_sent.add(queue.expire(Instant::now()));
            if queue.len() > 0 {
                let mut buffer = SendBuffer::new();
                while let Some(mut waiting) = queue.pop() {
                    // What was malformed was counted.
                    let _ = self.seal(&mut sealer, &waiting.header, &mut waiting.packet, &mut buffer);
                }
                buffer.flush();
            }
        }
        *sending = Sending::With(Box::new(sealer));
    }

    /// Seals nothing more: packets wait.
    pub fn drop_keys(&self) {
        let mut sending = lock(&self.sending);
        if matches!(*sending, Sending::With(_)) {
            *sending = Sending::Without(Queue::default());
        }
    }

    /// Drops packets that have waited for too long. To be called some times a second.
    pub fn expire(&self) {
        if let Sending::Without(queue) = &mut *lock(&self.sending) {
            self.counters.not_sent.add(queue.expire(Instant::now()));
        }
    }

    /// Opens what was sealed with these keys from now on.
    pub fn receive_with(&self, session: SessionId, opener: Opener) {
        lock(&self.receiving).receiver.add(session, opener);
    }

    /// Opens nothing more that was sealed with these keys.
    pub fn forget(&self, session: SessionId) {
        let mut receiving = lock(&self.receiving);
        receiving.receiver.forget(session);
        receiving.heard.retain(|heard| *heard != session);
    }

    /// Sends a datagram as it is: one of a handshake.
    pub fn send_datagram(&self, datagram: &[u8]) {
        if self.pair.socket.socket().send(self.pair.peer_address, datagram, u16::MAX).is_err() {
            self.counters.not_sent.add(1);
        }
    }

    /// Sends a record without a packet, if there are keys.
    pub fn send_empty(&self, flags: u8) {
        self.send_short(Content::ApplicationData, &[flags]);
    }

    /// Sends the alert `close_notify`, if there are keys.
    pub fn send_close(&self) {
        self.send_short(Content::Alert, &CLOSE_NOTIFY);
    }

    /// What an association wants to know: records sealed with the keys in use, and what came.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let sealed = match &*lock(&self.sending) {
            Sending::With(sealer) => sealer.sealed(),
            Sending::Without(_) => 0,
        };
        let (opened, not_authentic) =
            (self.counters.records_received.get(), self.counters.not_authentic.get());
        Traffic { sealed, opened, not_authentic }
    }

    /// What was counted since the channel was made.
    #[must_use]
    pub fn counters(&self) -> Count {
        self.counters.read()
    }

    pub(crate) fn count(&self) -> &Counters {
        &self.counters
    }

    /// Seals the packets that come of one from the TAP into `buffer`, or lets it wait.
    pub(crate) fn send_packet(
        self: &Arc<Self>,
        header: &Header,
        packet: &mut [u8],
        buffer: &mut SendBuffer,
    ) -> Result<Sent, Malformed> {
        match &mut *lock(&self.sending) {
            Sending::With(sealer) => self.seal(sealer, header, packet, buffer).map(|()| Sent::Done),
            Sending::Without(queue) => {
                let outcome = queue.push(*header, packet, Instant::now());
                self.counters.not_sent.add(outcome.dropped);
                Ok(if outcome.remind { Sent::Wanted } else { Sent::Waits })
            }
        }
    }

    fn seal(
        self: &Arc<Self>,
        sealer: &mut Sealer,
        header: &Header,
        packet: &mut [u8],
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
            let room = buffer.room(self, length);
            let flags = [if segment.partial { flags::PARTIAL } else { 0 }];
            match sealer.seal(room, Content::ApplicationData, [&flags, segment.head, segment.payload]) {
                Ok(()) => {
                    records += 1;
                    bytes += segment.len() as u64;
                }
                // New keys come long before that.
                Err(_) => {
                    buffer.give_back(length);
                    not_sent += 1;
                }
            }
        });
        self.counters.records_sent.add(records);
        self.counters.bytes_sent.add(bytes);
        self.counters.not_sent.add(not_sent);
        outcome
    }

    fn send_short(&self, content: Content, payload: &[u8]) {
        let mut record = [0; record_len(CLOSE_NOTIFY.len())];
        let record = &mut record[..record_len(payload.len())];
        let Sending::With(sealer) = &mut *lock(&self.sending) else { return };
        if sealer.seal(record, content, [payload, &[], &[]]).is_ok() {
            self.counters.records_sent.add(1);
            self.send_records(record, record.len());
        }
    }

    /// Sends records of `length` bytes each, the last perhaps shorter.
    pub(crate) fn send_records(&self, records: &[u8], length: usize) {
        let send = |bytes| {
            self.pair.socket.socket().send(
                self.pair.peer_address,
                bytes,
                length.try_into().unwrap_or(u16::MAX),
            )
        };
        if send(records).is_err() {
            // A device on the way may not take several at once.
            let lost = records.chunks(length).filter(|record| send(record).is_err()).count();
            self.counters.not_sent.add(lost as u64);
        }
    }

    /// Opens a record where it lies.
    pub(crate) fn open<'d>(&self, record: &'d mut [u8]) -> Arrival<'d> {
        let receiving = &mut *lock(&self.receiving);
        if receiving.receiver.is_empty() {
            self.counters.not_authentic.add(1);
            let tell = receiving.keyless.allows(Instant::now());
            return if tell { Arrival::Keyless } else { Arrival::Dropped };
        }
        match receiving.receiver.open(record) {
            Ok((session, opened)) => {
                let first = !receiving.heard.contains(&session);
                if first {
                    receiving.heard.push(session);
                }
                Arrival::Opened { session, first, opened }
            }
            Err(error) => {
                let counter = match error {
                    OpenError::Replayed => &self.counters.replayed,
                    OpenError::NotARecord | OpenError::NotAuthentic => &self.counters.not_authentic,
                };
                counter.add(1);
                Arrival::Dropped
            }
        }
    }

    /// Whether one more datagram of a handshake may be looked at now.
    pub(crate) fn takes_handshake(&self) -> bool {
        lock(&self.receiving).handshakes.allows(Instant::now())
    }

    /// The Ethernet header of packets for the NIC of this host: IPv4.
    pub(crate) fn ethernet(&self) -> [u8; ETHERNET] {
        let mut header = [0; ETHERNET];
        header[..6].copy_from_slice(&self.pair.mac.0);
        header[6..12].copy_from_slice(&self.pair.peer_mac.0);
        header[12..].copy_from_slice(&[8, 0]);
        header
    }
}
