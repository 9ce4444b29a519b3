//! Whoever started this process is told when it is ready: by a line on standard output, which is a pipe then.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// What is said.
const READY: &[u8] = b"ready\n";

/// The starter's pipe. It hears the end when this process dies before it is ready.
#[derive(Debug)]
pub struct Starter(File);

impl Starter {
    /// Takes standard output for this. Whatever is printed from now on goes to standard error.
    ///
    /// # Errors
    /// When there are no descriptors to be had.
    pub fn on_stdout() -> io::Result<Self> {
        let pipe = io::stdout().as_fd().try_clone_to_owned()?;
        nix::unistd::dup2_stdout(io::stderr())?;
        Ok(Self(pipe.into()))
    }

    /// A starter that is gone does not care.
    pub fn tell_ready(mut self) {
        let _ = self.0.write_all(READY);
    }
}

/// The other side: whether the process at the end of `pipe` says that it is ready. Blocks until it does, or dies.
#[must_use]
pub fn is_ready(mut pipe: impl Read) -> bool {
    let mut said = [0; READY.len()];
    pipe.read_exact(&mut said).is_ok() && said == READY
}
