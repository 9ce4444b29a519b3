//! Why a handshake came to nothing.

use crate::identity::CertificateError;

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFailure {
    /// Nothing came within [`super::TIMEOUT`].
    #[error("the peer does not answer")]
    NoAnswer,
    /// Something came, but not all, or nothing that fits: what the library said last, if anything.
    #[error("the handshake was not finished in time{}", because(.0))]
    TimedOut(Option<String>),
    /// Only after [`super::Progress::Done`], for a client: no sign from the server that it has the same keys.
    #[error("the peer does not confirm the handshake")]
    Unconfirmed,
    /// The peer is not whom it should be.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The peer broke the protocol, in a message that was encrypted by it.
    #[error("the peer broke the handshake: {0}")]
    Protocol(String),
    /// There can be no handshakes here.
    #[error("no handshake is possible: {0}")]
    Impossible(String),
}

fn because(complaint: &Option<String>) -> String {
    complaint.as_ref().map_or_else(String::new, |complaint| format!(" ({complaint})"))
}
