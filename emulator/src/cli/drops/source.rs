//! Where drops come from: the lab's controller, or the next one when it was killed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use linux_net::sandbox::PidFd;

use crate::controller::client::Client;
use crate::controller::protocol::{DropPage, Request, Response};
use crate::lab::{Folder, RunningLab};
use crate::output;

/// How long a controller may take to be there again. It takes some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// Reads page after page.
pub(super) struct Source {
    folder: Folder,
    /// Ends with the lab.
    init: PidFd,
    client: Client,
    after: u64,
}

impl Source {
    /// Begins with the oldest drop.
    ///
    /// # Errors
    /// When the lab's controller does not answer.
    pub(super) fn open(lab: &RunningLab) -> Result<Self> {
        let (_, init) = lab.init()?;
        let client = Client::connect(&lab.folder)?;
        Ok(Self { folder: lab.folder.clone(), init, client, after: 0 })
    }

    /// What there is now; none when the lab has ended.
    ///
    /// # Errors
    /// When neither the controller answers nor the lab ends.
    pub(super) fn page(&mut self) -> Result<Option<DropPage>> {
        self.ask(false)
    }

    /// What comes next, once there is something.
    ///
    /// # Errors
    /// See [`Self::page`].
    pub(super) fn next_page(&mut self) -> Result<Option<DropPage>> {
        self.ask(true)
    }

    fn ask(&mut self, wait: bool) -> Result<Option<DropPage>> {
        loop {
            match self.client.ask(Request::Drops { after: self.after, wait }) {
                Ok(Response::Drops(page)) => {
                    self.after = page.next;
                    return Ok(Some(page));
                }
                Ok(other) => bail!("the controller answers {other:?}"),
                Err(_) if self.connect_again()? => {
                    output::tell(
                        "the lab's controller was started again: what was dropped meanwhile was not told",
                    );
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Waits for the next controller; `false` when the lab ends instead.
    fn connect_again(&mut self) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        // The init outlives every controller, and nobody tells when one listens.
        while !self.init.wait(Some(PAUSE))? {
            match Client::try_connect(&self.folder) {
                Ok(client) => {
                    // It has heard nothing of what the one before knew.
                    (self.client, self.after) = (client, 0);
                    return Ok(true);
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(false)
    }
}
