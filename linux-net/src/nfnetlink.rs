//! The socket of the kernel's netfilter subsystems: one request with its acknowledgement, lists, transactions.

use std::io;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};

use crate::nlmsg::{self, Kind};

/// A request of several messages that the kernel carries out as a whole begins and ends with these.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const FLAG_REQUEST: u16 = 1;
const FLAG_ACK: u16 = 4;
const FLAG_DUMP: u16 = 0x300;

/// What a socket takes at once without being asked, on any kernel.
const USUAL_BUFFER: usize = 64 << 10;

/// A list that the kernel reports as inconsistent is read again so many times.
const DUMP_ATTEMPTS: usize = 10;

/// One message.
pub(crate) struct Request<'a> {
    /// Subsystem and message.
    pub(crate) kind: u16,
    /// Besides those that say "request".
    pub(crate) flags: u16,
    /// An `NFPROTO_` number.
    pub(crate) family: u8,
    /// What the subsystem makes of it.
    pub(crate) resource: u16,
    /// Encoded attributes.
    pub(crate) attributes: &'a [u8],
}

/// An object of a list: its address family, and its encoded attributes.
pub(crate) type Object = (u8, Vec<u8>);

/// Opens a socket in the namespace of the calling thread.
pub(crate) fn open_here() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends one request and waits for its acknowledgement.
pub(crate) fn ask(socket: &Socket, request: &Request<'_>) -> io::Result<()> {
    socket.send(&encode(request, FLAG_REQUEST | FLAG_ACK, 1), 0)?;
    acknowledgement(socket)
}

/// Sends requests that the kernel carries out as a whole, or not at all. Only the last is acknowledged, besides any that is
/// refused. After a refusal the socket is of no more use.
pub(crate) fn transact(socket: &Socket, subsystem: u16, requests: &[Request<'_>]) -> io::Result<()> {
    let frame = |kind| Request { kind, flags: 0, family: 0, resource: subsystem, attributes: &[] };
    let mut bytes = encode(&frame(BATCH_BEGIN), FLAG_REQUEST, 0);
    for (index, request) in requests.iter().enumerate() {
        let acknowledged = if index + 1 == requests.len() { FLAG_ACK } else { 0 };
        bytes.extend(encode(request, FLAG_REQUEST | acknowledged, 1));
    }
    bytes.extend(encode(&frame(BATCH_END), FLAG_REQUEST, 0));
    // One datagram, however long; beyond the usual buffer the kernel must be asked.
    if bytes.len() > USUAL_BUFFER && setsockopt(socket, sockopt::SndBufForce, &bytes.len()).is_err() {
        setsockopt(socket, sockopt::SndBuf, &bytes.len())?;
    }
    socket.send(&bytes, 0)?;
    acknowledgement(socket)
}

/// Lists what `kind` asks for.
pub(crate) fn dump(socket: &Socket, kind: u16) -> io::Result<Vec<Object>> {
    dump_of(socket, &Request { kind, flags: 0, family: 0, resource: 0, attributes: &[] })
}

/// Lists what `request` asks for.
pub(crate) fn dump_of(socket: &Socket, request: &Request<'_>) -> io::Result<Vec<Object>> {
    for _ in 0..DUMP_ATTEMPTS {
        if let Some(objects) = dump_once(socket, request)? {
            return Ok(objects);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "the list changes too fast to be read"))
}

fn dump_once(socket: &Socket, request: &Request<'_>) -> io::Result<Option<Vec<Object>>> {
    socket.send(&encode(request, FLAG_REQUEST | FLAG_DUMP, 1), 0)?;
    let mut objects = Vec::new();
    let mut steady = true;
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for frame in nlmsg::frames(&datagram) {
            steady &= !frame.is_interrupted();
            match frame.kind() {
                Kind::Answer(verdict) | Kind::Done(verdict) => {
                    return result(verdict.errno).map(|()| steady.then_some(objects));
                }
                Kind::Data => {
                    if let [family, _, _, _, attributes @ ..] = frame.payload() {
                        objects.push((*family, attributes.to_vec()));
                    }
                }
            }
        }
    }
}

fn acknowledgement(socket: &Socket) -> io::Result<()> {
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for frame in nlmsg::frames(&datagram) {
            if let Kind::Answer(verdict) = frame.kind() {
                return result(verdict.errno);
            }
        }
    }
}

fn result(errno: i32) -> io::Result<()> {
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

fn encode(request: &Request<'_>, flags: u16, sequence: u32) -> Vec<u8> {
    let length = (nlmsg::HEADER + 4 + request.attributes.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&request.kind.to_ne_bytes());
    bytes.extend_from_slice(&(request.flags | flags).to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&0u32.to_ne_bytes());
    // The version is always 0.
    bytes.extend_from_slice(&[request.family, 0]);
    bytes.extend_from_slice(&request.resource.to_be_bytes());
    bytes.extend_from_slice(request.attributes);
    bytes
}
