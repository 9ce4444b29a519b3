//! Where controllers come in: a Unix socket, or TLS over TCP where they are on another machine.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use control_link::Identity;
use goal_state::HostName;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::connection;
use crate::host::Host;

/// How long a controller may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many may be about to say who they are. More wait for being let in.
const STRANGERS: usize = 16;

/// Where controllers come in.
#[derive(Debug, Clone)]
pub enum Door {
    /// A Unix socket: whoever may open it is the lab's owner.
    Socket(PathBuf),
    /// A TCP port, where both sides prove by certificates of the lab's authority who they are.
    Network {
        /// Where to listen.
        address: SocketAddr,
        /// The folder of our own certificate, its key, and the authority's. It is read anew for each controller, so that what is
        /// there can be renewed.
        identity: PathBuf,
    },
}

impl Door {
    /// The file that is locked by the one agent that serves a host.
    #[must_use]
    pub fn lock_file(&self, state_dir: &Path, host: &HostName) -> PathBuf {
        match self {
            Self::Socket(path) => path.with_extension("lock"),
            Self::Network { .. } => state_dir.join(format!("{host}.lock")),
        }
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// When the socket or port cannot be had, or there is no identity.
    pub async fn open(&self) -> Result<OpenDoor> {
        match self {
            Self::Socket(path) => listen(path).map(OpenDoor::Socket),
            Self::Network { address, identity } => {
                acceptor(identity)?;
                let listener = TcpListener::bind(address).await;
                let listener = listener.with_context(|| format!("listening on {address}"))?;
                Ok(OpenDoor::Network(listener, identity.clone()))
            }
        }
    }
}

/// A socket file without an agent is in the way; the lock says that there is none.
fn listen(socket: &Path) -> Result<UnixListener> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", socket.display()));
        }
        _ => {}
    }
    UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))
}

fn acceptor(identity: &Path) -> Result<TlsAcceptor> {
    let read = || anyhow::Ok(control_link::to_controller(&Identity::load(identity)?)?);
    let config = read().with_context(|| format!("reading the identity in {}", identity.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A door at which somebody listens.
#[derive(Debug)]
pub enum OpenDoor {
    /// A Unix socket.
    Socket(UnixListener),
    /// A TCP port, and the folder of our identity.
    Network(TcpListener, PathBuf),
}

impl OpenDoor {
    /// Serves whoever comes in, until the process is ended from outside.
    pub async fn serve(self, host: Arc<Host>) {
        match self {
            Self::Socket(listener) => loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(connection::serve(Arc::clone(&host), stream))),
                    Err(error) => wait_for_room(&error).await,
                }
            },
            Self::Network(listener, identity) => {
                let strangers = Arc::new(Semaphore::new(STRANGERS));
                loop {
                    let Ok(place) = Arc::clone(&strangers).acquire_owned().await else { return };
                    let (stream, from) = match listener.accept().await {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            wait_for_room(&error).await;
                            continue;
                        }
                    };
                    let (host, identity) = (Arc::clone(&host), identity.clone());
                    tokio::spawn(async move {
                        let proven = prove(stream, &identity).await;
                        drop(place);
                        match proven {
                            Ok(stream) => connection::serve(host, stream).await,
                            Err(error) => tracing::warn!(%from, "refused: {error:#}"),
                        }
                    });
                }
            }
        }
    }
}

/// Both sides say who they are.
async fn prove(stream: TcpStream, identity: &Path) -> Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let handshake = acceptor(identity)?.accept(stream);
    Ok(tokio::time::timeout(PATIENCE, handshake).await.context("no handshake in time")??)
}

/// Out of descriptors, most likely: connections that close make room.
async fn wait_for_room(error: &std::io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
