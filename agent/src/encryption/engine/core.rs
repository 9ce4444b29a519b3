//! What the threads share, and how they are told something.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Control;
use super::counters::FrameCounters;
use super::ports::NicSocket;
use super::shared::Shared;
use super::table::Table;

/// What all threads have.
pub(crate) struct Core {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) table: Arc<Shared<Table>>,
    /// Each record goes out by itself.
    pub(crate) honest: AtomicBool,
    pub(crate) dropped: FrameCounters,
}

/// A word to one thread, which its waiting notices.
#[derive(Debug)]
pub(crate) struct Told {
    event: EventFd,
    told: AtomicBool,
    stop: AtomicBool,
}

impl Told {
    /// Nothing yet.
    pub(crate) fn new() -> io::Result<Self> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { event, told: AtomicBool::new(false), stop: AtomicBool::new(false) })
    }

    /// Tells the thread to look at what it has.
    pub(crate) fn tell(&self) {
        // First, so that whoever takes the word empties the event; it cannot be full.
        let _ = self.event.write(1);
        self.told.store(true, Ordering::Release);
    }

    /// Tells it to end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.tell();
    }

    /// Whether it is to end.
    pub(crate) fn to_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether there is a word.
    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Takes the word, if there is one.
    pub(crate) fn take(&self) -> bool {
        let told = self.told.swap(false, Ordering::AcqRel);
        if told {
            // Nothing is in it when two words were taken as one.
            let _ = self.event.read();
        }
        told
    }
}

impl AsFd for Told {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// All sockets, and what is readable among them.
pub(crate) struct Sockets {
    pub(crate) epoll: Epoll,
    pub(crate) by_number: Arc<Shared<HashMap<u64, Arc<NicSocket>>>>,
    next: AtomicU64,
}

impl Sockets {
    /// None; waiting for them notices what `told` is told.
    pub(crate) fn new(told: &Told) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // A number that no socket has.
        epoll.add(told, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Self { epoll, by_number: Arc::default(), next: AtomicU64::new(1) })
    }

    /// Receives from `socket`, too.
    pub(crate) fn add(&self, socket: &Arc<NicSocket>) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut sockets = HashMap::clone(&self.by_number.get());
        sockets.insert(number, Arc::clone(socket));
        self.by_number.replace(sockets);
        Ok(self.epoll.add(socket.socket(), EpollEvent::new(EpollFlags::EPOLLIN, number))?)
    }

    /// Receives from `socket` no more.
    pub(crate) fn remove(&self, socket: &Arc<NicSocket>) {
        // It is there.
        let _ = self.epoll.delete(socket.socket());
        let mut sockets = HashMap::clone(&self.by_number.get());
        sockets.retain(|_, other| !Arc::ptr_eq(other, socket));
        self.by_number.replace(sockets);
    }
}
