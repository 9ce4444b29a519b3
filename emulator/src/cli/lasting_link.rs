//! A link to whichever controller a lab has: to the next one when it was killed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use linux_net::sandbox::PidFd;

use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response};
use crate::lab::{Folder, RunningLab};

/// How long a controller may take to be there again. It takes some hundredths of a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// How often whoever waits for an answer is called.
const TICK: Duration = Duration::from_millis(200);
/// How many controllers may go away one after the other without an answer.
const FRUITLESS: u32 = 10;

/// The link.
pub(super) struct LastingLink {
    folder: Folder,
    /// Ends with the lab.
    init: PidFd,
    client: Client,
    fruitless: u32,
}

/// What came of a question.
pub(super) enum Answer {
    /// This.
    Response(Response),
    /// The controller went away before it answered, and here is another one. Nobody knows whether the old one had acted.
    NewController,
    /// There is no lab any more.
    LabEnded,
}

impl LastingLink {
    /// Connects to the controller.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) fn open(lab: &RunningLab) -> Result<Self> {
        let (_, init) = lab.init()?;
        let client = Client::connect(&lab.folder)?;
        Ok(Self { folder: lab.folder.clone(), init, client, fruitless: 0 })
    }

    /// Asks, and waits for the one answer.
    ///
    /// # Errors
    /// What the controller answers as an error; when it neither answers nor the lab ends.
    pub(super) fn ask(&mut self, request: Request) -> Result<Answer> {
        self.ask_patiently(request, &mut || ())
    }

    /// The same; calls `tick` several times in a second meanwhile.
    ///
    /// # Errors
    /// See [`Self::ask`].
    pub(super) fn ask_patiently(&mut self, request: Request, tick: &mut dyn FnMut()) -> Result<Answer> {
        let answer = self.client.send(request).and_then(|()| {
            loop {
                if let Some(response) = self.client.receive_until(Some(Instant::now() + TICK))? {
                    return Ok(response);
                }
                tick();
            }
        });
        match answer {
            Ok(Response::Error { message }) => bail!(message),
            Ok(response) => {
                self.fruitless = 0;
                Ok(Answer::Response(response))
            }
            Err(error) if self.fruitless == FRUITLESS => Err(error),
            Err(_) if self.connect_again()? => Ok(Answer::NewController),
            Err(_) => Ok(Answer::LabEnded),
        }
    }

    /// Waits for the next controller; `false` when the lab ends instead.
    fn connect_again(&mut self) -> Result<bool> {
        self.fruitless += 1;
        let deadline = Instant::now() + PATIENCE;
        // The init outlives every controller, and nobody tells when one listens.
        while !self.init.wait(Some(PAUSE))? {
            match Client::try_connect(&self.folder) {
                Ok(client) => {
                    self.client = client;
                    return Ok(true);
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(false)
    }
}
