//! An agent on another machine: reached by TCP, and both sides prove by certificates of the lab's authority who they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use control_link::Identity;
use goal_state::HostName;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;

/// How long connecting may take, and how long the handshake.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where such an agent is.
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) authority: Arc<Authority>,
}

impl Remote {
    /// Connects to it. It must be the agent of `host`.
    pub(super) async fn connect(&self, host: &HostName) -> Result<TlsStream<TcpStream>> {
        let Self { address, authority } = self;
        let describe = || format!("connecting to {address}");
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await.with_context(describe)?;
        let stream = stream.with_context(describe)?;
        stream.set_nodelay(true)?;
        // Of this connection alone, so that it cannot grow old.
        let own = authority.credentials_of_controller(SystemTime::now())?;
        let identity = Identity::new(own.certificate, own.key, authority.certificate().clone());
        let connector = TlsConnector::from(Arc::new(control_link::to_agent_of(host, &identity)?));
        let handshake = connector.connect(ServerName::IpAddress(address.ip().into()), stream);
        let describe = || format!("proving to {address} who we are, and the other way round");
        timeout(PATIENCE, handshake).await.with_context(describe)?.with_context(describe)
    }
}
