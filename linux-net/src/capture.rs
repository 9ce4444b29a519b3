//! Frames as they pass a device, and frames put on it: a minimal AF_PACKET socket.

#![allow(unsafe_code, reason = "nix cannot make the address to which a packet socket is bound")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvfrom, send, socket,
};

use crate::netns::{NetNs, NetNsError};

/// Larger than any frame, offloaded segments included.
const LARGEST_FRAME: usize = 1 << 17;

/// A frame that has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Sent by the device's own side, not received by it.
    pub outgoing: bool,
}

/// A failure of a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The namespace could not be entered.
    #[error("cannot open a packet socket in the network namespace")]
    NetNs(#[from] NetNsError),
    /// No such device, or no right to watch it.
    #[error("cannot watch the device {device}")]
    Open {
        /// The device.
        device: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reading failed; the device may be gone or down.
    #[error("cannot read frames")]
    Read(#[source] io::Error),
    /// Sending failed.
    #[error("cannot send a frame")]
    Send(#[source] io::Error),
}

/// A packet socket on one device.
#[derive(Debug)]
pub struct Capture {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Capture {
    /// Watches `device` in `namespace`, from now on.
    pub fn open(namespace: &NetNs, device: &str) -> Result<Self, CaptureError> {
        let socket = namespace
            .run(|| open_here(device))?
            .map_err(|source| CaptureError::Open { device: device.to_owned(), source })?;
        Ok(Self { socket, buffer: vec![0; LARGEST_FRAME] })
    }

    /// The next frame; `None` when none passes within `timeout`.
    pub fn next_frame(&mut self, timeout: Duration) -> Result<Option<Frame>, CaptureError> {
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(CaptureError::Read(errno.into())),
        }
        match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
            Ok((length, address)) => {
                let outgoing = address.is_some_and(|address| address.pkttype() == libc::PACKET_OUTGOING);
                Ok(Some(Frame { bytes: self.buffer[..length].to_vec(), outgoing }))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(errno) => Err(CaptureError::Read(errno.into())),
        }
    }

    /// The first frame for which `wanted` is true; `None` when none passes within `timeout`.
    pub fn find(
        &mut self,
        timeout: Duration,
        mut wanted: impl FnMut(&Frame) -> bool,
    ) -> Result<Option<Frame>, CaptureError> {
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.next_frame(left)? {
                Some(frame) if wanted(&frame) => return Ok(Some(frame)),
                None if left.is_zero() => return Ok(None),
                _ => {}
            }
        }
    }

    /// Sends a frame by the device, from the Ethernet header on.
    pub fn send(&self, frame: &[u8]) -> Result<(), CaptureError> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty())
            .map(drop)
            .map_err(|errno| CaptureError::Send(errno.into()))
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open_here(device: &str) -> io::Result<OwnedFd> {
    let index = if_nametoindex(device)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    // No protocol yet: frames of other devices would come until the socket is bound.
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    bind(&socket, index)?;
    Ok(socket)
}

fn bind(socket: &OwnedFd, index: libc::c_uint) -> io::Result<()> {
    // SAFETY: all bytes zero is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (SockProtocol::EthAll as i32) as u16;
    address.sll_ifindex = index as i32;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the pointer is to a live sockaddr_ll of the length that is given, and the call only reads it.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
