//! A TAP device: what the kernel sends by it a program reads, and what the program writes it receives. Frames come and go as
//! the kernel has them, superpackets of up to 64 KiB with checksums not yet worked out, behind a header that says so
//! (linux/virtio_net.h).

#![allow(
    unsafe_code,
    reason = "the controls of TUN/TAP, and a read that waits or not as it is told, have no wrapper"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::libc;
use nix::net::if_::if_nametoindex;

use crate::netlink::Netlink;

/// Bytes of the header before each frame, without the number of buffers.
pub const HEADER: usize = 10;

/// Bytes that hold any frame that can be read: header, Ethernet header, IP packet.
pub const LARGEST: usize = HEADER + 14 + 65_535;

/// Where devices come from.
const CLONE: &str = "/dev/net/tun";

/// What the program takes over: checksums, and cutting TCP.
const CHECKSUM_AND_TCP: libc::c_uint = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
/// And cutting UDP (Linux 6.2).
const UDP: libc::c_uint = libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// Whether this process may open what TAP devices are made with.
///
/// # Errors
/// `ENOENT` or `EACCES`: no `/dev/net/tun`, or none for this user.
pub fn available() -> io::Result<()> {
    File::options().read(true).write(true).open(CLONE).map(drop)
}

/// Makes a TAP that stays when nobody holds it, in the calling thread's network namespace. It is down, has a MAC address of
/// the kernel's choice, and loses what is sent by it until a program attaches. One that is there already is left as it is.
///
/// # Errors
/// `ENOENT` or `EACCES`: no `/dev/net/tun`; `EPERM`: no right to it; `EBUSY`: it is there, and a program is attached;
/// `EINVAL`: the name is that of another kind of device, or no name for a device.
pub fn create(name: &str) -> io::Result<()> {
    let device = open()?;
    set_interface(&device, name)?;
    // SAFETY: the argument is a plain number, no pointer.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETPERSIST, 1 as libc::c_ulong) })
}

/// A TAP to which this program is attached; only one can be. Dropping it leaves the device there.
#[derive(Debug)]
pub struct Tap {
    device: File,
    cuts_udp: bool,
}

impl Tap {
    /// Attaches to the TAP `name` of the calling thread's network namespace, which must be there.
    ///
    /// # Errors
    /// As [`create`]; `ENODEV` when there is no such device.
    pub fn attach(name: &str) -> io::Result<Self> {
        // The kernel would make a new one.
        if_nametoindex(name)?;
        let device = open()?;
        set_interface(&device, name)?;
        let size = HEADER as libc::c_int;
        // SAFETY: the kernel reads one int at the pointer, which is to a live one.
        check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const size) })?;
        let cuts_udp = set_offload(&device, CHECKSUM_AND_TCP | UDP).is_ok();
        if !cuts_udp {
            set_offload(&device, CHECKSUM_AND_TCP)?;
        }
        await_carrier(name);
        Ok(Self { device, cuts_udp })
    }

    /// Whether UDP superpackets are read, and may be written. Not before Linux 6.2.
    #[must_use]
    pub fn cuts_udp(&self) -> bool {
        self.cuts_udp
    }

    /// Waits for a frame and reads it, header first; bytes. A signal ends the wait with `EINTR`.
    ///
    /// # Errors
    /// `EBADFD` or `EFAULT` when the device is gone.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.device).read(buffer)
    }

    /// Reads a frame if one waits, header first; bytes, `None` when none waits.
    ///
    /// # Errors
    /// `EBADFD` or `EFAULT` when the device is gone.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let into = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: the one iovec is live and describes `buffer`, which the kernel may write to.
        let read =
            unsafe { libc::preadv2(self.device.as_raw_fd(), &raw const into, 1, -1, libc::RWF_NOWAIT) };
        match usize::try_from(read) {
            Ok(length) => Ok(Some(length)),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Writes one frame whose parts are `parts`, the first beginning with the header.
    ///
    /// # Errors
    /// `EIO` when the device is down, `EBADFD` when it is gone, `EINVAL` when header and frame do not fit each other.
    pub fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        (&self.device).write_vectored(parts).map(drop)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Since somebody is attached the device can carry frames, and the kernel notes it: within a second. Until then it loses what is
/// sent by it, and a bridge keeps its port closed. To be asked for the one link makes it note at once (since Linux 6.8).
fn await_carrier(name: &str) {
    // Whatever the answer is; without one it is noted later.
    drop(Netlink::open_in_this_thread().and_then(|mut netlink| netlink.statistics(name)));
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(CLONE)
}

/// Makes `device` the TAP `name`, new or there already.
fn set_interface(device: &File, name: &str) -> io::Result<()> {
    // SAFETY: all bytes zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains(['%', '\0']) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
    // SAFETY: the kernel reads and writes one ifreq at the pointer, which is to a live one.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

fn set_offload(device: &File, features: libc::c_uint) -> io::Result<()> {
    // SAFETY: the argument is a plain number, no pointer.
    check(unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(features)) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
