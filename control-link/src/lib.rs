//! TLS between a lab's controller and an agent on another machine.
//!
//! The controller connects and the agent listens. Both have a certificate of the lab's own authority, which is all that they
//! trust, and each checks that the other is who it must be: the agent of that very host, and a controller. TLS 1.3 (RFC 8446)
//! alone; nothing is resumed, so that every connection proves itself anew.
//!
//! | module | idea |
//! |---|---|
//! | [`identity`] | a certificate, its key and the authority, in memory or in a folder |
//! | `peer` | who the other end must be |

#![forbid(unsafe_code)]

pub mod identity;
mod peer;

use std::sync::Arc;

use goal_state::HostName;
use goal_state::link;
use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

pub use identity::{Identity, IdentityError};
use peer::Peer;

/// For a controller that connects to the agent of `host`.
///
/// # Errors
/// When key and certificate do not belong together, or the authority is none.
pub fn to_agent_of(host: &HostName, identity: &Identity) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let peer = Peer::server(link::host_name(host), identity)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(peer))
        .with_client_auth_cert(identity.chain(), identity.private_key())?;
    config.resumption = Resumption::disabled();
    // The certificate names a host of a lab, not of the internet.
    config.enable_sni = false;
    Ok(config)
}

/// For an agent, to which controllers connect.
///
/// # Errors
/// When key and certificate do not belong together, or the authority is none.
pub fn to_controller(identity: &Identity) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let peer = Peer::client(link::CONTROLLER.to_owned(), identity)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(peer))
        .with_single_cert(identity.chain(), identity.private_key())?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[cfg(test)]
mod tests;
