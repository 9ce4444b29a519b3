//! What happens to the links of a namespace, told as it happens: made, changed, deleted, moved away.
//!
//! What was before is not told: open the monitor, then list the links, then listen. When the reader is too slow the kernel
//! drops, and says so ([`LinkNews::Overflow`]).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};

use crate::netns::NetNs;
use crate::nlmsg::{self, Frame};

/// Some hundred events.
const RECEIVE_BUFFER: i32 = 1 << 20;

/// More than the kernel writes about one link.
const DATAGRAM: usize = 1 << 16;

/// `RTNLGRP_LINK` as a bit of the groups of a socket's address.
const GROUP_LINK: u32 = 1;

/// The size of `struct ifinfomsg`: family at 0, index at 4, flags at 8.
const HEADER: usize = 16;

/// Frames can be sent: the device is administratively up and has a carrier.
const WORKS: u32 = (libc::IFF_UP | libc::IFF_LOWER_UP) as u32;

/// What the monitor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkNews {
    /// Something happened to a link.
    Event(LinkEvent),
    /// Events were lost: the links have to be listed again.
    Overflow,
}

/// How a link is after something happened to it. Not every event is a change of what is told here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEvent {
    /// The name, after a change of names the new one.
    pub name: String,
    /// Its number in the namespace.
    pub index: u32,
    /// It was deleted, or went to another namespace.
    pub gone: bool,
    /// Frames can be sent: it is administratively up and has a carrier, which a veth has while its other end is up too. The
    /// kernel may tell a change of the carrier up to a second late; everything else is told at once.
    pub up: bool,
}

/// A socket that receives the events of one namespace. It never blocks; its descriptor is readable when events wait.
pub struct LinkMonitor {
    socket: Socket,
    buffer: Vec<u8>,
}

impl LinkMonitor {
    /// Listens inside `namespace`, from now on.
    ///
    /// # Errors
    /// Those of entering the namespace, and of making the socket.
    pub fn open(namespace: &NetNs) -> io::Result<Self> {
        let socket = namespace.run(open_here).map_err(io::Error::other)??;
        Ok(Self { socket, buffer: vec![0; DATAGRAM] })
    }

    /// What has happened since the last call, in order; empty when nothing has.
    pub fn receive(&mut self) -> io::Result<Vec<LinkNews>> {
        let mut news = Vec::new();
        loop {
            match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => {
                    news.extend(
                        nlmsg::frames(&self.buffer[..length])
                            .filter_map(|frame| decode(&frame))
                            .map(LinkNews::Event),
                    );
                }
                Err(Errno::ENOBUFS) => news.push(LinkNews::Overflow),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(news),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for LinkMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for LinkMonitor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl std::fmt::Debug for LinkMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkMonitor").field("fd", &self.as_raw_fd()).finish_non_exhaustive()
    }
}

fn open_here() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
    socket.set_non_blocking(true)?;
    socket.bind(&SocketAddr::new(0, GROUP_LINK))?;
    Ok(socket)
}

/// `None` for what is not about the link itself: a bridge's port that leaves is told as a deleted link of the family
/// "bridge".
fn decode(frame: &Frame<'_>) -> Option<LinkEvent> {
    let gone = match frame.kind {
        libc::RTM_NEWLINK => false,
        libc::RTM_DELLINK => true,
        _ => return None,
    };
    let (header, attributes) = frame.payload().split_at_checked(HEADER)?;
    if i32::from(header[0]) != libc::AF_UNSPEC {
        return None;
    }
    let number = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_ne_bytes);
    let (_, name) = nlmsg::attributes(attributes).find(|(kind, _)| *kind == libc::IFLA_IFNAME)?;
    let up = !gone && number(8) & WORKS == WORKS;
    Some(LinkEvent { name: nlmsg::text(name), index: number(4), gone, up })
}
