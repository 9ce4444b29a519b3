//! A connection to an agent, and the hello that opens it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use goal_state::framing::JsonCodec;
use goal_state::message::{FromAgent, PROTOCOL_VERSION, ToAgent};
use goal_state::{Generation, HostName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

/// What messages go through: a Unix socket, or TLS where the agent is on another machine.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Messages to and from an agent.
pub(super) type Connection = Framed<Box<dyn Stream>, JsonCodec<FromAgent, ToAgent>>;

/// What an agent says of itself.
pub(super) struct Hello {
    /// The goal state that it last applied; 0 for none.
    pub(super) generation: Generation,
    /// Its process id in the sandbox.
    pub(super) pid: u32,
}

/// Says hello and waits for the answer.
pub(super) async fn greet(stream: impl Stream + 'static, host: &HostName) -> Result<(Connection, Hello)> {
    let mut connection = Connection::new(Box::new(stream), JsonCodec::default());
    connection.send(ToAgent::Hello { protocol_version: PROTOCOL_VERSION }).await?;
    let answer = tokio::time::timeout(Duration::from_secs(5), connection.next())
        .await
        .context("the agent does not say hello")?
        .context("the agent ended instead of saying hello")??;
    match answer {
        FromAgent::Hello { protocol_version, .. } if protocol_version != PROTOCOL_VERSION => {
            bail!(
                "the agent speaks version {protocol_version} of the protocol, not {PROTOCOL_VERSION}: vnetlab and vnetlab-agent must be of one build"
            )
        }
        FromAgent::Hello { host: other, .. } if other != *host => {
            bail!("the agent is {other}'s, not {host}'s")
        }
        FromAgent::Hello { generation, pid, .. } => Ok((connection, Hello { generation, pid })),
        other => bail!("the agent says {other:?} instead of hello"),
    }
}
