//! The thread that seals: what a TAP's network sends goes out in records.
//!
//! The first packet after an idle moment leaves at once. From the second one on records are gathered until the TAP is empty or
//! as many are there as the kernel takes at once.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use linux_net::MacAddr;
use linux_net::tap::{self, Tap};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::warn;

use super::core::{Core, Told};
use super::packet::ETHERNET;
use super::ports::TapPort;
use super::send_buffer::SendBuffer;
use super::sending::Sent;
use super::shared::Reader;
use super::table::Table;
use super::virtio::{self, Header};

/// The type of IPv4 in an Ethernet header.
const IPV4: [u8; 2] = [8, 0];

/// What the thread has.
pub(crate) struct Outward {
    core: Arc<Core>,
    told: Arc<Told>,
    port: Arc<TapPort>,
    device: Arc<Tap>,
    table: Reader<Table>,
    frame: Box<[u8]>,
    buffer: SendBuffer,
    /// Nothing can be read until a device is attached to again.
    gone: bool,
}

impl Outward {
    /// A thread's worth of state for one TAP.
    pub(crate) fn new(core: Arc<Core>, told: Arc<Told>, port: Arc<TapPort>) -> Self {
        Self {
            device: port.device(),
            table: Reader::new(Arc::clone(&core.table)),
            frame: vec![0; tap::LARGEST].into_boxed_slice(),
            buffer: SendBuffer::new(),
            gone: false,
            core,
            told,
            port,
        }
    }

    /// Seals until it is told to stop.
    pub(crate) fn run(mut self) {
        while !self.told.to_stop() {
            self.wait();
            if self.told.take() {
                self.device = self.port.device();
                self.gone = false;
                // What is no longer in it is let go of, even if no frame ever comes.
                self.table.latest();
            }
            if !self.gone {
                self.buffer.set_honest(self.core.honest.load(Relaxed));
                self.burst();
                self.buffer.release();
            }
        }
    }

    /// Waits for a frame or a word.
    fn wait(&self) {
        let told = PollFd::new(self.told.as_fd(), PollFlags::POLLIN);
        let device = PollFd::new(self.device.as_fd(), PollFlags::POLLIN);
        let mut fds = [told, device];
        let watched = if self.gone { 1 } else { 2 };
        // An error is an interruption: the caller looks, finds nothing, and waits again.
        let _ = poll(&mut fds[..watched], PollTimeout::NONE);
    }

    /// Seals what is there.
    fn burst(&mut self) {
        let mut first = true;
        while !self.told.is_told() {
            match self.device.try_read(&mut self.frame) {
                Ok(Some(length)) => self.frame(length),
                Ok(None) => return,
                Err(error) => {
                    warn!(device = self.port.name(), %error, "a TAP device cannot be read");
                    self.gone = true;
                    return;
                }
            }
            if first {
                self.buffer.flush();
                first = false;
            }
        }
    }

    /// Seals one frame, or drops it.
    fn frame(&mut self, length: usize) {
        let dropped = &self.core.dropped;
        let frame = &mut self.frame[..length];
        let Some((header, rest)) = frame.split_first_chunk_mut::<{ virtio::LENGTH }>() else { return };
        let Some((ethernet, packet)) = rest.split_first_chunk_mut::<ETHERNET>() else { return };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, kind @ ..] = *ethernet;
        if kind != IPV4 {
            return dropped.not_ipv4.add(1);
        }
        let (source, destination) = ([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]);
        let Some(channel) = self.table.latest().by_addresses(MacAddr(source), MacAddr(destination)) else {
            return dropped.unknown.add(1);
        };
        let header = Header::from_bytes(*header);
        match channel.send_packet(&header, packet, &mut self.buffer) {
            Ok(Sent::Done) => {}
            Ok(Sent::Wanted) => self.core.control.wanted(channel),
            Err(_) => dropped.malformed.add(1),
        }
    }
}
