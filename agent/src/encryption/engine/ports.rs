//! What the threads read from and write to: the TAP of a network, and the socket of a NIC.

use std::io::{self, IoSlice};
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::Mutex;

use linux_net::tap::Tap;
use linux_net::udp::Socket;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::shared::lock;

/// The TAP of one network. The device behind it may go and come back; then it is attached to again.
#[derive(Debug)]
pub struct TapPort {
    name: String,
    device: Mutex<Arc<Tap>>,
}

impl TapPort {
    /// Attaches to the device `name` of the calling thread's namespace.
    pub(crate) fn attach(name: &str) -> io::Result<Self> {
        Ok(Self { name: name.to_owned(), device: Mutex::new(Arc::new(Tap::attach(name)?)) })
    }

    /// Attaches again if the device is not the one that it was; whether it is another now.
    pub(crate) fn attach_again(&self) -> io::Result<bool> {
        if !is_gone(self.device().as_fd()) {
            return Ok(false);
        }
        let device = Arc::new(Tap::attach(&self.name)?);
        *lock(&self.device) = device;
        Ok(true)
    }

    /// The device's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device as it is.
    pub(crate) fn device(&self) -> Arc<Tap> {
        Arc::clone(&lock(&self.device))
    }

    /// Whether joined UDP may be written.
    pub(crate) fn joins_udp(&self) -> bool {
        lock(&self.device).cuts_udp()
    }

    /// Writes one frame.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        lock(&self.device).write(parts)
    }
}

/// Whether a device is no longer there: then, and only then, its descriptor is in error.
fn is_gone(device: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(device, PollFlags::empty())];
    let polled = poll(&mut fds, PollTimeout::ZERO);
    polled.is_ok_and(|_| fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR)))
}

/// The socket of a NIC: its provider address and its own port.
#[derive(Debug)]
pub struct NicSocket {
    address: SocketAddrV4,
    socket: Socket,
}

impl NicSocket {
    /// Binds it in the calling thread's namespace.
    pub(crate) fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = Socket::bind(address)?;
        Ok(Self { address: socket.local_address()?, socket })
    }

    /// Where it is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}
