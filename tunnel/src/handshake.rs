//! From two identities to secrets: a DTLS 1.3 handshake (RFC 9147) by a library.
