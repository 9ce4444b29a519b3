//! The command line's end of the link to a lab's controller.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use goal_state::framing::JsonCodec;
use tokio_util::codec::{Decoder, Encoder};

use super::protocol::{Request, Response};
use crate::lab::Folder;

/// A link to a controller.
pub(crate) struct Client {
    stream: UnixStream,
    codec: JsonCodec<Response, Request>,
    received: BytesMut,
}

impl Client {
    /// Connects to the controller of the lab in `folder`.
    ///
    /// A controller that was killed is back within moments, so one that is not there is waited for.
    ///
    /// # Errors
    /// When it is not there in time.
    pub(crate) fn connect(folder: &Folder) -> Result<Self> {
        let socket = folder.control_socket();
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::try_connect(folder) {
                Ok(client) => return Ok(client),
                Err(error) if Instant::now() > deadline => {
                    return Err(error).with_context(|| {
                        format!(
                            "the lab's controller does not answer at {}; its log is {}",
                            socket.display(),
                            folder.log("controller").display()
                        )
                    });
                }
                // Nothing tells when a process that died listens again.
                Err(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Connects to the controller if it is there right now.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn try_connect(folder: &Folder) -> io::Result<Self> {
        let stream = UnixStream::connect(folder.control_socket())?;
        Ok(Self { stream, codec: JsonCodec::default(), received: BytesMut::new() })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the controller is gone.
    pub(crate) fn send(&mut self, request: Request) -> Result<()> {
        let mut bytes = BytesMut::new();
        self.codec.encode(request, &mut bytes)?;
        self.stream.write_all(&bytes).context("the lab's controller went away")
    }

    /// The next response; none when `deadline` is over first.
    ///
    /// # Errors
    /// When the controller is gone or is of another build.
    pub(crate) fn receive_until(&mut self, deadline: Option<Instant>) -> Result<Option<Response>> {
        let mut chunk = [0; 64 << 10];
        loop {
            if let Some(response) =
                self.codec.decode(&mut self.received).context("the lab's controller is of another version")?
            {
                return Ok(Some(response));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("the lab's controller went away"),
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("listening to the lab's controller"),
            }
        }
    }

    /// The next response, with [`Response::Error`] as an error.
    ///
    /// # Errors
    /// See [`Self::receive_until`].
    pub(crate) fn receive(&mut self) -> Result<Response> {
        match self.receive_until(None)? {
            Some(Response::Error { message }) => bail!(message),
            Some(response) => Ok(response),
            None => bail!("the lab's controller went away"),
        }
    }

    /// Sends a request and waits for its one response.
    ///
    /// # Errors
    /// See [`Self::receive`].
    pub(crate) fn ask(&mut self, request: Request) -> Result<Response> {
        self.send(request)?;
        self.receive()
    }
}
