//! Traffic between VMs while something happens to their network, and what of it was lost.
//!
//! Where a test wants every packet accounted for it makes sockets itself, in the VM's network namespace ([`End::inside`]); that takes
//! root. Where an ordinary user's lab is to do the same, programs of the VM send: [`Ping`] and [`Transfer`].

mod echo;
mod flood;
mod marked;
mod open_flows;
mod ping;
mod stream;
mod transfer;

pub use echo::Echo;
pub use flood::{Fate, Flood, TESTED};
pub use marked::{MARKER, exchange, ping_options};
pub use open_flows::OpenFlows;
pub use ping::Ping;
pub use stream::{Losses, Stream};
pub use transfer::Transfer;

use std::fs::File;
use std::net::Ipv4Addr;
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use crate::lab::Lab;

/// A VM's end of a flow.
#[derive(Debug, Clone, Copy)]
pub struct End<'l> {
    /// The VM's lab.
    pub lab: &'l Lab,
    /// The VM.
    pub vm: &'l str,
    /// Its address.
    pub address: Ipv4Addr,
}

impl<'l> End<'l> {
    /// That of `vm`, which has this address.
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn of(lab: &'l Lab, vm: &'l str, address: &str) -> Self {
        Self { lab, vm, address: address.parse().unwrap() }
    }

    /// Does `work` on a thread that is in the VM's network namespace. Sockets that it makes stay there, whoever uses them.
    ///
    /// # Panics
    /// When this process is not root, or `work` panics.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(work).join().unwrap()
    }

    /// The same, not waited for.
    ///
    /// # Panics
    /// When there is no such VM.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let init = self.lab.process(&["vm-init", &format!("/{}.json", self.vm)]);
        let namespace = File::open(format!("/proc/{}/ns/net", init.pid)).unwrap();
        std::thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }
}
