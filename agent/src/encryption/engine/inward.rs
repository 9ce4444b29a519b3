//! The thread that opens: what comes in records goes to the TAP of its network.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;

use linux_net::udp::Batch;
use nix::sys::epoll::{EpollEvent, EpollTimeout};
use tracing::debug;
use tunnel::receiver::SessionId;
use tunnel::record::{Content, Opened, is_ours};

use super::channel::Channel;
use super::coalesce::Coalescer;
use super::core::{Core, Sockets, Told};
use super::flags;
use super::packet::total_length;
use super::ports::NicSocket;
use super::receiving::Arrival;
use super::shared::Reader;
use super::table::Table;

/// Sockets of which the kernel tells at once.
const EVENTS: usize = 16;

/// How often one socket is read before others have their turn.
const TURNS: usize = 16;

/// The description of an alert that says that nothing more comes (RFC 8446, section 6.1).
const CLOSE_NOTIFY: u8 = 0;

/// What the thread has.
pub(crate) struct Inward {
    core: Arc<Core>,
    told: Arc<Told>,
    sockets: Arc<Sockets>,
    by_number: Reader<HashMap<u64, Arc<NicSocket>>>,
    table: Reader<Table>,
}

impl Inward {
    /// A thread's worth of state for all sockets.
    pub(crate) fn new(core: Arc<Core>, told: Arc<Told>, sockets: Arc<Sockets>) -> Self {
        let by_number = Reader::new(Arc::clone(&sockets.by_number));
        let table = Reader::new(Arc::clone(&core.table));
        Self { core, told, sockets, by_number, table }
    }

    /// Opens until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut batch = Batch::new();
        let mut events = [EpollEvent::empty(); EVENTS];
        while !self.told.to_stop() {
            // An error is an interruption.
            let count = self.sockets.epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
            if self.told.take() {
                // What is no longer in them is let go of, even if no datagram ever comes.
                self.table.latest();
                self.by_number.latest();
            }
            for event in &events[..count] {
                // Gone since, or the word.
                let Some(socket) = self.by_number.latest().get(&event.data()) else { continue };
                let socket = Arc::clone(socket);
                self.read(&socket, &mut batch);
            }
        }
    }

    /// Opens what waits at one socket.
    fn read(&mut self, socket: &NicSocket, batch: &mut Batch) {
        for _ in 0..TURNS {
            match socket.socket().receive(batch) {
                Ok(count) => {
                    deliver(&self.core, self.table.latest(), socket, batch);
                    if count < Batch::MESSAGES {
                        return;
                    }
                }
                Err(error) => {
                    debug!(address = %socket.address(), %error, "receiving failed");
                    return;
                }
            }
        }
    }
}

/// Opens what came, and writes it to TAPs.
fn deliver(core: &Core, table: &Table, socket: &NicSocket, batch: &mut Batch) {
    let mut run: Option<Run<'_, '_>> = None;
    for datagrams in batch.datagrams() {
        let Some(channel) = table.by_sockets(socket.address().port(), datagrams.source) else {
            core.control.stranger();
            continue;
        };
        for datagram in datagrams.bytes.chunks_mut(datagrams.segment) {
            let Some(payload) = open(core, channel, datagram) else { continue };
            if run.as_ref().is_none_or(|run| !Arc::ptr_eq(run.channel, channel)) {
                if let Some(mut run) = run.take() {
                    run.finish();
                }
                run = Some(Run::new(channel));
            }
            if let Some(run) = &mut run {
                run.push(payload);
            }
        }
    }
    if let Some(mut run) = run {
        run.finish();
    }
}

/// The packet in a datagram with its flags; none when there is none.
fn open<'d>(core: &Core, channel: &Arc<Channel>, datagram: &'d mut [u8]) -> Option<&'d [u8]> {
    if !is_ours(datagram) {
        if channel.takes_handshake() {
            core.control.handshake(channel, datagram.to_vec());
        }
        return None;
    }
    match channel.open(datagram) {
        Arrival::Opened { session, first, opened } => {
            if first {
                core.control.authentic(channel, session);
            }
            packet(core, channel, session, opened)
        }
        Arrival::Keyless => {
            core.control.keyless(channel);
            None
        }
        Arrival::Dropped => None,
    }
}

/// The packet in a record with its flags; what a record without one says is done.
fn packet<'d>(
    core: &Core,
    channel: &Arc<Channel>,
    session: SessionId,
    opened: Opened<'d>,
) -> Option<&'d [u8]> {
    let payload: &[u8] = opened.payload;
    match (opened.content, payload) {
        // Counted with all others of its run.
        (Content::ApplicationData, [_, _, ..]) => return Some(payload),
        (Content::ApplicationData, [flags]) if flags & flags::ASK != 0 => channel.send_empty(flags::ANSWER),
        (Content::Alert, [_, CLOSE_NOTIFY]) => core.control.closed(channel, session),
        _ => {}
    }
    channel.count().records_received.add(1);
    None
}

/// Packets of one channel in a row.
struct Run<'c, 'd> {
    channel: &'c Arc<Channel>,
    coalescer: Coalescer<'d>,
    records: u64,
    bytes: u64,
    not_delivered: u64,
}

impl<'c, 'd> Run<'c, 'd> {
    fn new(channel: &'c Arc<Channel>) -> Self {
        let joins_udp = channel.pair().tap.joins_udp();
        let coalescer = Coalescer::new(channel.ethernet(), joins_udp);
        Self { channel, coalescer, records: 0, bytes: 0, not_delivered: 0 }
    }

    /// Flags and a packet.
    fn push(&mut self, payload: &'d [u8]) {
        self.records += 1;
        let [flags, packet @ ..] = payload else { return };
        self.bytes += packet.len() as u64;
        let Self { channel, coalescer, not_delivered, .. } = self;
        let partial = flags & flags::PARTIAL != 0;
        let whole = total_length(packet) == Some(packet.len());
        if !whole || coalescer.push(partial, packet, |parts| write(channel, parts, not_delivered)).is_err() {
            self.not_delivered += 1;
        }
    }

    fn finish(&mut self) {
        let Self { channel, coalescer, not_delivered, .. } = self;
        coalescer.flush(|parts| write(channel, parts, not_delivered));
        let counters = channel.count();
        counters.records_received.add(self.records);
        counters.bytes_received.add(self.bytes);
        counters.not_delivered.add(self.not_delivered);
    }
}

fn write(channel: &Channel, parts: &[IoSlice<'_>], not_delivered: &mut u64) {
    if channel.pair().tap.write(parts).is_err() {
        *not_delivered += 1;
    }
}
