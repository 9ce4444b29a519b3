//! What can go wrong between us and route netlink.

use std::fmt;
use std::io;

use crate::netns::NetNsError;

/// A failure of route netlink.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The namespace could not be entered to open the socket.
    #[error("cannot open a netlink socket in the network namespace")]
    NetNs(#[from] NetNsError),
    /// No socket.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// The requests did not leave.
    #[error("cannot send to the kernel by netlink")]
    Send(#[source] io::Error),
    /// No answer came.
    #[error("cannot receive from the kernel by netlink")]
    Receive(#[source] io::Error),
    /// The kernel refused some of the requests. The others were carried out.
    #[error("{0}")]
    Refused(Refusals),
    /// The kernel refused to list something.
    #[error("cannot list {what}{detail}")]
    List {
        /// What was to be listed.
        what: &'static str,
        /// What the kernel said about it besides the error number.
        detail: Detail,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The list changed all the time while the kernel was writing it.
    #[error("the list of {0} changes too fast to be read")]
    Unsteady(&'static str),
    /// An answer that we do not understand.
    #[error("cannot understand the kernel's answer: {0}")]
    Decode(String),
}

/// One request that the kernel refused.
#[derive(Debug)]
pub struct Refusal {
    /// The place of the request among those that were applied.
    pub index: usize,
    /// The request, in words: `add route 10.0.0.0/16 dev up0`.
    pub operation: String,
    /// What the kernel said about it besides the error number.
    pub detail: Detail,
    /// The error number.
    pub source: io::Error,
}

/// All requests of one [`apply`](super::Netlink::apply) that the kernel refused; never empty, in order.
#[derive(Debug)]
pub struct Refusals(pub Vec<Refusal>);

/// The kernel's extended acknowledgement text; often empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail(pub Option<String>);

impl NetlinkError {
    /// Whether all refusals are because the thing exists already (`EEXIST`).
    pub fn is_already_exists(&self) -> bool {
        self.all_refused_with(libc_errno::EXIST)
    }

    /// Whether all refusals are because there is no such device (`ENODEV`).
    pub fn is_no_device(&self) -> bool {
        self.all_refused_with(libc_errno::NODEV)
    }

    fn all_refused_with(&self, errno: i32) -> bool {
        match self {
            Self::Refused(Refusals(all)) => all.iter().all(|one| one.source.raw_os_error() == Some(errno)),
            _ => false,
        }
    }
}

/// Error numbers by the names that netlink's documentation uses.
pub(super) mod libc_errno {
    use nix::errno::Errno;

    pub(crate) const EXIST: i32 = Errno::EEXIST as i32;
    pub(crate) const INVAL: i32 = Errno::EINVAL as i32;
    pub(crate) const NODEV: i32 = Errno::ENODEV as i32;
    pub(crate) const NOENT: i32 = Errno::ENOENT as i32;
    pub(crate) const SRCH: i32 = Errno::ESRCH as i32;
    pub(crate) const ADDRNOTAVAIL: i32 = Errno::EADDRNOTAVAIL as i32;
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}{}", self.operation, self.source, self.detail)
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{refusal}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}
