//! Work on a thread that has a mount namespace of its own, where it may cover what it likes.

use std::io;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use crate::sandbox::mounts;

/// Runs `work` there and waits for it; a panic goes on in the caller. What it mounts is gone afterwards; what it changes in
/// a file system that was mounted before stays.
///
/// # Errors
/// When the caller may have no such namespace. Then `work` has not run.
pub(super) fn with_own_mounts<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let enter_and_work = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mounts::make_private().map_err(io::Error::other)?;
        Ok(work())
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("own mounts".into()).spawn_scoped(scope, enter_and_work)?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
