//! The process of an agent: found when it runs, started in its host's network namespace when it does not. One on another machine is
//! found, or waited for.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use goal_state::HostName;
use linux_net::process::Placement;
use linux_net::sandbox::{PidFd, Signal};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

use super::connection::{self, Connection, Hello};
use super::remote::Remote;
use crate::authority::Authority;
use crate::fabric;
use crate::lab::Folder;

/// How to find and start the agent of one host.
pub(crate) struct AgentProgram {
    host: HostName,
    folder: Folder,
    program: PathBuf,
    /// None when it runs here.
    remote: Option<Remote>,
    running: Mutex<Running>,
}

/// The process, as far as it is known.
#[derive(Default)]
struct Running {
    /// When this controller started it.
    child: Option<Child>,
    /// Whoever listens on its socket.
    listener: Option<PidFd>,
}

impl AgentProgram {
    /// The agent of `host`, whose executable is `program` and whose files are in the lab's `folder`.
    pub(crate) fn new(host: HostName, folder: Folder, program: PathBuf) -> Self {
        Self { host, folder, program, remote: None, running: Mutex::default() }
    }

    /// The same agent, but on another machine.
    pub(crate) fn at(self, address: SocketAddr, authority: Arc<Authority>) -> Self {
        Self { remote: Some(Remote { address, authority }), ..self }
    }

    /// Where it is on another machine; none when it runs here.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.remote.as_ref().map(|remote| remote.address)
    }

    pub(super) fn host(&self) -> &HostName {
        &self.host
    }

    /// Connects to the running agent, or starts one.
    pub(super) async fn connect(&self) -> Result<(Connection, Hello)> {
        if let Some(remote) = &self.remote {
            return connection::greet(remote.connect(&self.host).await?, &self.host).await;
        }
        let socket = self.folder.agent_socket(&self.host);
        let stream = match UnixStream::connect(&socket).await {
            Ok(stream) => stream,
            Err(_) => self.start(&socket).await?,
        };
        // The credentials of a connected socket are those of the process that listens.
        if let Some(pid) = stream.peer_cred().ok().and_then(|peer| peer.pid()) {
            self.note_listener(PidFd::open(pid.unsigned_abs()).ok());
        }
        connection::greet(stream, &self.host).await
    }

    async fn start(&self, socket: &std::path::Path) -> Result<UnixStream> {
        // It takes some hundredths of a second; who brings a lab up waits for five of these before being told.
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut ready = self.spawn().with_context(|| format!("starting {}", self.program.display()))?;
        // It says one word when it listens. When it dies instead, the pipe ends.
        let said = tokio::time::timeout(PATIENCE, ready.read(&mut [0; 8])).await;
        if said.with_context(|| format!("the agent does not listen on {}", socket.display()))?? == 0 {
            let log = self.folder.log(&format!("agent-{}", self.host));
            bail!("it ended at once:\n{}", crate::lab::folder::tail(&log));
        }
        Ok(UnixStream::connect(socket).await?)
    }

    /// Starts it; the pipe tells when it listens.
    fn spawn(&self) -> Result<pipe::Receiver> {
        let path = self.folder.log(&format!("agent-{}", self.host));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let (ready, told) = std::io::pipe()?;
        let mut command = Command::new(&self.program);
        command
            .arg("--host")
            .arg(self.host.as_str())
            .arg("--socket")
            .arg(self.folder.agent_socket(&self.host))
            .arg("--state-dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(told)
            .stderr(log);
        // A session of its own: it outlives the controller, and nothing that is sent to us is meant for it.
        let place = Placement { session: true, ..Placement::network(&fabric::host_namespace(&self.host)?) };
        let child = place.spawn(command)?;
        self.lock().child = Some(child);
        Ok(pipe::Receiver::from_owned_fd(ready.into())?)
    }

    /// Kills the process if it still runs here, and waits until it is gone.
    pub(super) async fn end(&self) {
        let Running { child, listener } = std::mem::take(&mut *self.lock());
        if let Some(listener) = listener {
            // Through its pidfd, so that nobody else is hit who got the number meanwhile.
            let _ = listener.kill(Signal::SIGKILL);
        }
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        }
    }

    fn note_listener(&self, listener: Option<PidFd>) {
        self.lock().listener = listener;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
