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

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Child, Command};

    use bytes::BytesMut;
    use goal_state::framing::JsonCodec;
    use tempfile::TempDir;
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;

    /// A lab that is a process to outlive, and controllers that answer one question each or none.
    pub(in crate::cli) struct FakeLab {
        place: TempDir,
        init: Child,
    }

    impl FakeLab {
        pub(in crate::cli) fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            Self { place, init: Command::new("sleep").arg("300").spawn().unwrap() }
        }

        /// Controllers one after the other: each hears one question, gives its answer if it has one, and goes away.
        pub(in crate::cli) fn controllers(
            &self,
            answers: Vec<Option<Response>>,
        ) -> std::thread::JoinHandle<Vec<Request>> {
            let listener = UnixListener::bind(self.folder().control_socket()).unwrap();
            std::thread::spawn(move || {
                let serve = |answer| Self::serve(listener.accept().unwrap().0, answer);
                answers.into_iter().map(serve).collect()
            })
        }

        fn serve(mut stream: UnixStream, answer: Option<Response>) -> Request {
            let mut codec = JsonCodec::<Request, Response>::default();
            let (mut received, mut chunk) = (BytesMut::new(), [0; 4096]);
            let request = loop {
                let length = stream.read(&mut chunk).unwrap();
                received.extend_from_slice(&chunk[..length]);
                if let Some(request) = codec.decode(&mut received).unwrap() {
                    break request;
                }
            };
            let mut bytes = BytesMut::new();
            if let Some(answer) = answer {
                codec.encode(answer, &mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
            }
            request
        }

        fn folder(&self) -> Folder {
            Folder::at(self.place.path())
        }

        pub(in crate::cli) fn link(&self) -> LastingLink {
            let folder = self.folder();
            let init = PidFd::open(self.init.id()).unwrap();
            LastingLink { client: Client::connect(&folder).unwrap(), folder, init, fruitless: 0 }
        }

        fn end(&mut self) {
            self.init.kill().unwrap();
            self.init.wait().unwrap();
        }
    }

    impl Drop for FakeLab {
        fn drop(&mut self) {
            self.end();
        }
    }

    #[test]
    fn a_question_finds_the_next_controller() {
        let lab = FakeLab::new();
        let controllers = lab.controllers(vec![None, Some(Response::Events)]);
        let mut link = lab.link();
        assert!(matches!(link.ask(Request::Status).unwrap(), Answer::NewController));
        assert!(matches!(link.ask(Request::Counters).unwrap(), Answer::Response(Response::Events)));
        assert_eq!(controllers.join().unwrap(), [Request::Status, Request::Counters]);
    }

    #[test]
    fn what_a_controller_refuses_is_an_error() {
        let lab = FakeLab::new();
        let controllers = lab.controllers(vec![Some(Response::Error { message: "no".into() })]);
        assert_eq!(lab.link().ask(Request::Status).err().unwrap().to_string(), "no");
        controllers.join().unwrap();
    }

    #[test]
    fn controllers_that_go_away_again_and_again_are_an_error() {
        let lab = FakeLab::new();
        let controllers = lab.controllers(vec![None; FRUITLESS as usize + 1]);
        let mut link = lab.link();
        let answers = (0..=FRUITLESS).map(|_| link.ask(Request::Status)).collect::<Vec<_>>();
        assert!(
            answers[..FRUITLESS as usize].iter().all(|answer| matches!(answer, Ok(Answer::NewController)))
        );
        assert!(answers[FRUITLESS as usize].is_err());
        controllers.join().unwrap();
    }

    #[test]
    fn the_end_of_the_lab_is_an_answer() {
        let mut lab = FakeLab::new();
        let controllers = lab.controllers(vec![None]);
        let mut link = lab.link();
        lab.end();
        assert!(matches!(link.ask(Request::Status).unwrap(), Answer::LabEnded));
        controllers.join().unwrap();
    }
}
