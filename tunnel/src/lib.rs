//! What crosses the underlay between two network interfaces that encrypt: DTLS 1.3 (RFC 9147), one association for each pair.
//!
//! Handshakes are a library's; records are sealed and opened here, on the secrets that a handshake ends with. Nothing here
//! has a socket, a clock or a thread: datagrams, times and frames are handed in, and what is to be done is handed out.
//!
//! | module | idea |
//! |---|---|
//! | [`record`] | one record on the wire: sealed into a buffer, opened where it lies |
//! | [`replay`] | which record numbers were there already |
//! | [`receiver`] | the keys that records may come with: those in use, and for a while those before |
//! | [`identity`] | who a NIC is: its certificate, and what its peer's must say |
//! | [`handshake`] | from two identities to secrets |
//! | [`association`] | the life of a pair: opened on first use, new keys in time, closed when idle |

pub mod association;
pub mod handshake;
pub mod identity;
pub mod receiver;
pub mod record;
pub mod replay;
#[cfg(test)]
mod test_lab;
