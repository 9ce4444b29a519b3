//! UDP in bulk: many datagrams of one size handed to the kernel as one, and received so (UDP_SEGMENT, UDP_GRO).

#![allow(unsafe_code, reason = "nix allocates for every message that is sent with a control message")]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// Most datagrams in one [`Socket::send`].
pub const MOST_SEGMENTS: usize = 64;

/// Most bytes in one [`Socket::send`]: those of one datagram (RFC 768, RFC 791).
pub const MOST_BYTES: usize = 65_507;

/// Messages of one [`Socket::receive`].
const MESSAGES: usize = 8;

/// Bytes of one message.
const MESSAGE: usize = 1 << 16;

/// What the kernel keeps until it is read, in bytes; a burst of two hundred full messages.
const SOCKET_BUFFER: usize = 16 << 20;

/// Room for the one control message there is, an int, with its header and alignment.
type Control = [u64; 4];

/// A bound socket.
#[derive(Debug)]
pub struct Socket(UdpSocket);

impl Socket {
    /// A socket at `address` in the calling thread's network namespace.
    ///
    /// # Errors
    /// `EADDRINUSE`, `EADDRNOTAVAIL`: the port is taken, the address is not this namespace's.
    pub fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // The first of each pair is for root of the machine only; an ordinary user gets what the machine allows.
        if setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &SOCKET_BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &SOCKET_BUFFER)?;
        }
        setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
        Ok(Self(socket))
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_address(&self) -> io::Result<SocketAddrV4> {
        match self.0.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends `bytes`, cut into datagrams of `segment` bytes, the last of what is left: at most [`MOST_SEGMENTS`] of them, and
    /// [`MOST_BYTES`] together. Waits when the kernel has no room.
    ///
    /// # Errors
    /// `EINVAL`: a segment does not fit the path; `EIO`: the device by which they leave cannot work out checksums.
    pub fn send(&self, to: SocketAddrV4, bytes: &[u8], segment: u16) -> io::Result<()> {
        let mut address = to_sockaddr(to);
        let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let mut control: Control = [0; 4];
        // SAFETY: all bytes zero is a valid msghdr.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if bytes.len() > usize::from(segment) {
            put_segment(&mut message, &mut control, segment);
        }
        loop {
            // SAFETY: the message points to an address, an iovec, its bytes and a control buffer, all live, which the call
            // only reads.
            let sent = unsafe { libc::sendmsg(self.0.as_raw_fd(), &raw const message, 0) };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Receives what waits, up to eight messages; how many. Never waits: none are `Ok(0)`.
    ///
    /// # Errors
    /// What an earlier datagram came to, or those of `recvmmsg`; the socket stays usable.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.count = 0;
        // SAFETY: all bytes zero is a valid iovec, mmsghdr and sockaddr_in.
        let (mut parts, mut messages, mut sources): (
            [libc::iovec; MESSAGES],
            [libc::mmsghdr; MESSAGES],
            [libc::sockaddr_in; MESSAGES],
        ) = unsafe { (zeroed(), zeroed(), zeroed()) };
        let mut controls: [Control; MESSAGES] = [[0; 4]; MESSAGES];
        for (index, bytes) in batch.bytes.chunks_exact_mut(MESSAGE).enumerate() {
            parts[index] = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
            let header = &mut messages[index].msg_hdr;
            header.msg_name = (&raw mut sources[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut parts[index];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut controls[index]).cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        // SAFETY: there are MESSAGES messages, and each points to an address, an iovec, the bytes that it describes and a
        // control buffer; all are live, different, and may be written to.
        let received = unsafe {
            let flags = libc::MSG_DONTWAIT as _;
            libc::recvmmsg(
                self.0.as_raw_fd(),
                messages.as_mut_ptr(),
                MESSAGES as u32,
                flags,
                std::ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            return match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            };
        };
        for (index, message) in messages[..received].iter().enumerate() {
            let length = message.msg_len as usize;
            let segment = segment_of(&message.msg_hdr).unwrap_or(length);
            batch.messages[index] = Message { source: from_sockaddr(&sources[index]), length, segment };
        }
        batch.count = received;
        Ok(received)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Room for what one [`Socket::receive`] brings, half a megabyte.
#[derive(Debug)]
pub struct Batch {
    bytes: Box<[u8]>,
    messages: [Message; MESSAGES],
    count: usize,
}

/// What is known of one message.
#[derive(Debug, Clone, Copy)]
struct Message {
    source: SocketAddrV4,
    length: usize,
    segment: usize,
}

/// Datagrams of one source, one after the other.
#[derive(Debug)]
pub struct Datagrams<'b> {
    /// Where they come from.
    pub source: SocketAddrV4,
    /// The datagrams, without gaps.
    pub bytes: &'b mut [u8],
    /// Bytes of each; the last may have fewer. Never 0.
    pub segment: usize,
}

impl Batch {
    /// Room with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        let nothing = Message { source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), length: 0, segment: 0 };
        let bytes = vec![0; MESSAGES * MESSAGE].into_boxed_slice();
        Self { bytes, messages: [nothing; MESSAGES], count: 0 }
    }

    /// Most messages that one receive brings; when there were so many, more may wait.
    pub const MESSAGES: usize = MESSAGES;

    /// What came, in order.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagrams<'_>> {
        let messages = &self.messages[..self.count];
        messages.iter().zip(self.bytes.chunks_exact_mut(MESSAGE)).map(|(message, bytes)| Datagrams {
            source: message.source,
            bytes: &mut bytes[..message.length],
            segment: message.segment.max(1),
        })
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts into `control`, and it into `message`, how large the datagrams are.
fn put_segment(message: &mut libc::msghdr, control: &mut Control, segment: u16) {
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = control_space(size_of::<u16>());
    // SAFETY: the message has a zeroed and aligned control buffer with room for a header and a u16; so there is a first
    // header, and its data lies inside.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(segment);
    }
}

/// How large the datagrams of a received message are; `None` when it is one.
fn segment_of(message: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel has filled in the control buffer and its length, and both are still as it left them: headers are
    // read only inside, and the data of this kind is an int.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if ((*header).cmsg_level, (*header).cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO) {
                let size = libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned();
                return usize::try_from(size).ok();
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

/// Bytes of a control buffer for `size` bytes of data.
fn control_space(size: usize) -> usize {
    // SAFETY: plain arithmetic.
    unsafe { libc::CMSG_SPACE(size as u32) as usize }
}

fn to_sockaddr(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn from_sockaddr(address: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(u32::from_be(address.sin_addr.s_addr).into(), u16::from_be(address.sin_port))
}
