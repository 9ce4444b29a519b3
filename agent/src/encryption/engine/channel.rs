//! One pair of NICs, as the threads see it: where its frames come from and go to, the keys in use, and what was counted.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

use linux_net::MacAddr;
use tunnel::association::Traffic;
use tunnel::receiver::SessionId;
use tunnel::record::{Content, Opener, Sealer, record_len};

use super::counters::{Count, Counters};
use super::packet::ETHERNET;
use super::ports::{NicSocket, TapPort};
use super::queue::Queue;
use super::receiving::{Arrival, Receiving};
use super::segment::Malformed;
use super::send_buffer::SendBuffer;
use super::sending::{Sending, Sent};
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

impl Channel {
    /// A pair without keys.
    #[must_use]
    pub fn new(pair: Pair) -> Self {
        let sending = Mutex::new(Sending::Without(Queue::default()));
        Self { pair, sending, receiving: Mutex::new(Receiving::new()), counters: Counters::default() }
    }

    /// Whose it is.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Seals with these keys from now on, first of all what waits.
    pub fn send_with(self: &Arc<Self>, sealer: Sealer) {
        lock(&self.sending).use_keys(sealer, self);
    }

    /// Seals nothing more: packets wait.
    pub fn drop_keys(&self) {
        lock(&self.sending).drop_keys();
    }

    /// Drops packets that have waited for too long. To be called some times a second.
    pub fn expire(&self) {
        lock(&self.sending).expire(&self.counters);
    }

    /// Opens what was sealed with these keys from now on.
    pub fn receive_with(&self, session: SessionId, opener: Opener) {
        lock(&self.receiving).add(session, opener);
    }

    /// Opens nothing more that was sealed with these keys.
    pub fn forget(&self, session: SessionId) {
        lock(&self.receiving).forget(session);
    }

    /// Sends a datagram as it is: one of a handshake.
    pub fn send_datagram(&self, datagram: &[u8]) {
        self.send_records(datagram, datagram.len());
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
        let sealed = lock(&self.sending).sealed();
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
        lock(&self.sending).packet(header, packet, self, buffer)
    }

    fn send_short(&self, content: Content, payload: &[u8]) {
        let mut record = [0; record_len(CLOSE_NOTIFY.len())];
        let record = &mut record[..record_len(payload.len())];
        let sealed = lock(&self.sending).record(record, content, payload);
        if sealed.is_some() {
            self.counters.records_sent.add(1);
            self.send_records(record, record.len());
        }
    }

    /// Sends records of `length` bytes each, the last perhaps shorter.
    pub(crate) fn send_records(&self, records: &[u8], length: usize) {
        let socket = self.pair.socket.socket();
        let segment = length.try_into().unwrap_or(u16::MAX);
        if socket.send(self.pair.peer_address, records, segment).is_ok() {
            return;
        }
        // A device on the way may not take several at once.
        let again = records.chunks(length.max(1)).filter(|_| records.len() > length);
        let sent = again.filter(|record| socket.send(self.pair.peer_address, record, segment).is_ok());
        self.counters.not_sent.add((records.len().div_ceil(length.max(1)) - sent.count()) as u64);
    }

    /// Opens a record where it lies.
    #[inline]
    pub(crate) fn open<'d>(&self, record: &'d mut [u8]) -> Arrival<'d> {
        lock(&self.receiving).open(record, &self.counters)
    }

    /// Whether one more datagram of a handshake may be looked at now.
    pub(crate) fn takes_handshake(&self) -> bool {
        lock(&self.receiving).takes_handshake()
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
