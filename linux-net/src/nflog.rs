//! The packets that a ruleset has logged (nft's `log group N`, the kernel's nfnetlink_log).
//!
//! One socket receives one group of one namespace. A packet is handed over at once; when the reader is too slow the kernel
//! drops, and the numbers that it gives to packets tell how many ([`NflogSocket::lost`]).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, SystemTime};

use netlink_sys::Socket;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};

use crate::mac::MacAddr;
use crate::netns::{NetNs, NetNsError};
use crate::nfnetlink::{self, Request};
use crate::nlmsg;

/// How much of a packet is handed over, in bytes: enough for the headers that explain a verdict.
pub const SNAPLEN: u32 = 128;

/// About four thousand packets.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The kernel's largest message for a group (`NFULNL_NLBUFSIZ_DEFAULT` is a page), with room for more.
const DATAGRAM: usize = 1 << 17;

/// nfnetlink's subsystem number (linux/netfilter/nfnetlink.h).
const SUBSYSTEM_ULOG: u16 = 4;
const MESSAGE_PACKET: u16 = SUBSYSTEM_ULOG << 8;
const MESSAGE_CONFIG: u16 = SUBSYSTEM_ULOG << 8 | 1;

/// What the kernel is asked for (linux/netfilter/nfnetlink_log.h).
mod config {
    pub(super) const COMMAND: u16 = 1;
    pub(super) const MODE: u16 = 2;
    pub(super) const THRESHOLD: u16 = 5;
    pub(super) const FLAGS: u16 = 6;

    pub(super) const COMMAND_BIND: u8 = 1;
    pub(super) const COPY_PACKET: u8 = 2;
    pub(super) const FLAG_SEQUENCE: u16 = 1;
}

/// What the kernel tells about a packet (linux/netfilter/nfnetlink_log.h).
mod attribute {
    pub(super) const HEADER: u16 = 1;
    pub(super) const MARK: u16 = 2;
    pub(super) const TIMESTAMP: u16 = 3;
    pub(super) const IN_DEVICE: u16 = 4;
    pub(super) const OUT_DEVICE: u16 = 5;
    pub(super) const IN_PORT: u16 = 6;
    pub(super) const OUT_PORT: u16 = 7;
    pub(super) const HARDWARE_SOURCE: u16 = 8;
    pub(super) const PAYLOAD: u16 = 9;
    pub(super) const PREFIX: u16 = 10;
    pub(super) const SEQUENCE: u16 = 12;
    pub(super) const HARDWARE_HEADER: u16 = 16;
}

/// A packet that a rule has logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedPacket {
    /// The rule's `log prefix`.
    pub prefix: String,
    /// The packet's Ethernet type: 0x0800 IPv4, 0x0806 ARP.
    pub ethertype: u16,
    /// The index of the device by which it came in; in a bridge's table, the bridge.
    pub in_device: Option<u32>,
    /// The index of the device by which it is about to leave; in a bridge's table, the bridge.
    pub out_device: Option<u32>,
    /// In a bridge's table, the index of the port by which it came in.
    pub in_port: Option<u32>,
    /// In a bridge's table, the index of the port by which it is about to leave.
    pub out_port: Option<u32>,
    /// The Ethernet source.
    pub hardware_source: Option<MacAddr>,
    /// The Ethernet header; often empty for packets that did not come in by a device.
    pub hardware_header: Vec<u8>,
    /// The packet's mark.
    pub mark: u32,
    /// The packet from its network header on, at most [`SNAPLEN`] bytes.
    pub payload: Vec<u8>,
    /// When it came in, or when it was read if the kernel did not note it.
    pub timestamp: SystemTime,
}

/// A failure around NFLOG.
#[derive(Debug, thiserror::Error)]
pub enum NflogError {
    /// The namespace could not be entered.
    #[error("cannot open an NFLOG socket in the network namespace")]
    NetNs(#[from] NetNsError),
    /// No socket.
    #[error("cannot open an NFLOG socket")]
    Open(#[source] io::Error),
    /// The kernel does not hand over the group: another socket has it (`EBUSY`), or NFLOG is missing.
    #[error("cannot receive NFLOG group {group}")]
    Bind {
        /// The group.
        group: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Receiving failed.
    #[error("cannot receive logged packets")]
    Receive(#[source] io::Error),
}

/// A socket that receives the packets of one group. It never blocks; its descriptor is readable when packets wait.
pub struct NflogSocket {
    socket: Socket,
    buffer: Vec<u8>,
    lost: u64,
    /// The number of the next packet if none is lost.
    next: Option<u32>,
}

impl NflogSocket {
    /// Opens a socket for `group` inside `namespace`.
    pub fn open(namespace: &NetNs, group: u16) -> Result<Self, NflogError> {
        let socket = namespace.run(open_here)?.map_err(NflogError::Open)?;
        let bound = configure(&socket, group).and_then(|()| socket.set_non_blocking(true));
        bound.map_err(|source| NflogError::Bind { group, source })?;
        Ok(Self { socket, buffer: vec![0; DATAGRAM], lost: 0, next: None })
    }

    /// The packets that wait; none when there are none.
    pub fn receive(&mut self) -> Result<Vec<LoggedPacket>, NflogError> {
        let mut packets = Vec::new();
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => self.take(length, &mut packets),
                // Something was lost; the gap in the numbers will tell how much.
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(packets),
                Err(errno) => return Err(NflogError::Receive(errno.into())),
            }
        }
    }

    /// Waits until packets are there or `timeout` is over, and returns them.
    pub fn receive_within(&mut self, timeout: Duration) -> Result<Vec<LoggedPacket>, NflogError> {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => self.receive(),
            Err(errno) => Err(NflogError::Receive(errno.into())),
        }
    }

    /// How many packets the kernel could not hand over, as far as later packets have shown.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn take(&mut self, length: usize, packets: &mut Vec<LoggedPacket>) {
        for frame in nlmsg::frames(&self.buffer[..length]).filter(|frame| frame.kind == MESSAGE_PACKET) {
            let Some((packet, sequence)) = decode(frame.payload()) else { continue };
            if let (Some(sequence), Some(next)) = (sequence, self.next) {
                self.lost += u64::from(sequence.wrapping_sub(next));
            }
            self.next = sequence.map(|sequence| sequence.wrapping_add(1));
            packets.push(packet);
        }
    }
}

impl AsFd for NflogSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for NflogSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl std::fmt::Debug for NflogSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NflogSocket")
            .field("fd", &self.as_raw_fd())
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

fn open_here() -> io::Result<Socket> {
    let socket = nfnetlink::open_here()?;
    // The first is for root of the machine only; an ordinary user gets what the machine allows.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    }
    Ok(socket)
}

fn configure(socket: &Socket, group: u16) -> io::Result<()> {
    ask(socket, group, &[(config::COMMAND, &[config::COMMAND_BIND])])?;
    let [a, b, c, d] = SNAPLEN.to_be_bytes();
    ask(
        socket,
        group,
        &[
            (config::MODE, &[a, b, c, d, config::COPY_PACKET, 0]),
            // One packet per message: a packet is told at once, not when a hundred have come.
            (config::THRESHOLD, &1u32.to_be_bytes()),
            (config::FLAGS, &config::FLAG_SEQUENCE.to_be_bytes()),
        ],
    )
}

fn ask(socket: &Socket, group: u16, attributes: &[(u16, &[u8])]) -> io::Result<()> {
    let mut bytes = Vec::new();
    attributes.iter().for_each(|(kind, value)| nlmsg::push_attribute(&mut bytes, *kind, value));
    let request = Request { kind: MESSAGE_CONFIG, flags: 0, family: 0, resource: group, attributes: &bytes };
    nfnetlink::ask(socket, &request)
}

/// A packet and its number. `payload` begins with nfnetlink's own four-byte header.
fn decode(payload: &[u8]) -> Option<(LoggedPacket, Option<u32>)> {
    let mut packet = LoggedPacket {
        prefix: String::new(),
        ethertype: 0,
        in_device: None,
        out_device: None,
        in_port: None,
        out_port: None,
        hardware_source: None,
        hardware_header: Vec::new(),
        mark: 0,
        payload: Vec::new(),
        timestamp: SystemTime::now(),
    };
    let mut sequence = None;
    for (kind, value) in nlmsg::attributes(payload.get(4..)?) {
        match kind {
            attribute::HEADER => packet.ethertype = u16::from_be_bytes(value.get(..2)?.try_into().ok()?),
            attribute::MARK => packet.mark = be32(value)?,
            attribute::TIMESTAMP => packet.timestamp = timestamp(value)?,
            attribute::IN_DEVICE => packet.in_device = be32(value),
            attribute::OUT_DEVICE => packet.out_device = be32(value),
            attribute::IN_PORT => packet.in_port = be32(value),
            attribute::OUT_PORT => packet.out_port = be32(value),
            attribute::HARDWARE_SOURCE => packet.hardware_source = hardware_address(value),
            attribute::PAYLOAD => packet.payload = value.to_vec(),
            attribute::PREFIX => packet.prefix = nlmsg::text(value),
            attribute::SEQUENCE => sequence = be32(value),
            attribute::HARDWARE_HEADER => packet.hardware_header = value.to_vec(),
            _ => {}
        }
    }
    Some((packet, sequence))
}

fn be32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?))
}

fn be64(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.get(..8)?.try_into().ok()?))
}

/// Seconds and microseconds.
fn timestamp(value: &[u8]) -> Option<SystemTime> {
    let micros = Duration::from_micros(be64(value.get(8..)?)?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(be64(value)?))?.checked_add(micros)
}

/// Length, padding, up to eight bytes.
fn hardware_address(value: &[u8]) -> Option<MacAddr> {
    let length = u16::from_be_bytes(value.get(..2)?.try_into().ok()?);
    MacAddr::from_slice(value.get(4..4 + usize::from(length))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_decoded() {
        let mut payload = vec![2, 0, 0, 1];
        nlmsg::push_attribute(&mut payload, attribute::HEADER, &[0x08, 0x00, 0, 0]);
        nlmsg::push_attribute(&mut payload, attribute::PREFIX, b"d 3 i\0");
        nlmsg::push_attribute(&mut payload, attribute::IN_DEVICE, &7u32.to_be_bytes());
        nlmsg::push_attribute(
            &mut payload,
            attribute::HARDWARE_SOURCE,
            &[0, 6, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0],
        );
        nlmsg::push_attribute(&mut payload, attribute::SEQUENCE, &5u32.to_be_bytes());
        nlmsg::push_attribute(&mut payload, attribute::PAYLOAD, &[0x45, 1, 2]);
        let (packet, sequence) = decode(&payload).unwrap();
        assert_eq!(sequence, Some(5));
        assert_eq!((packet.ethertype, packet.prefix.as_str(), packet.in_device), (0x800, "d 3 i", Some(7)));
        assert_eq!(packet.hardware_source, Some(MacAddr([1, 2, 3, 4, 5, 6])));
        assert_eq!(packet.payload, [0x45, 1, 2]);
    }

    #[test]
    fn short_attributes_are_no_packet() {
        let mut payload = vec![2, 0, 0, 1];
        nlmsg::push_attribute(&mut payload, attribute::HEADER, &[8]);
        assert_eq!(decode(&payload), None);
    }
}
