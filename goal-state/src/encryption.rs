//! Virtual network encryption: which NICs take part in it, by what certificates they know each other, and how their
//! associations are.
//!
//! Between two NICs that take part and are on different hosts, packets cross the underlay in DTLS 1.3 records (RFC 9147), one
//! association for each pair of NICs, run by the agents of their hosts.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use crate::NicId;

/// A NIC that encrypts, as the other hosts must know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptingNic {
    /// Its name, which its certificate bears.
    pub nic: NicId,
    /// The UDP port on its host's provider address that is its own. The ports of two NICs and the addresses of their hosts
    /// name their association.
    pub port: u16,
}

/// A certificate for a NIC, made out to the key of its host's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NicCertificate {
    /// Whose it is.
    pub nic: NicId,
    /// X.509, DER (RFC 5280). Its one subject alternative name is the URI of [`certificate_name`].
    pub certificate: Vec<u8>,
}

/// The URI that the certificate of a NIC bears as its subject alternative name: `vnetlab://nic/web1/nic0`.
#[must_use]
pub fn certificate_name(nic: &NicId) -> String {
    format!("vnetlab://nic/{}/{}", nic.vm, nic.nic)
}

/// How far an association is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AssociationState {
    /// The first handshake is under way; packets wait.
    Opening,
    /// Packets are sealed and opened.
    Established,
    /// Nothing was sent for a while; the next packet opens it again.
    Closed,
    /// The last handshake failed, and no keys are left; it is tried again when a packet wants to go.
    Failed,
}

impl AssociationState {
    /// The word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Established => "established",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

/// One association, seen from one of its two hosts. Counters count since it was first opened, across rekeys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationStatus {
    /// The NIC of this host.
    pub nic: NicId,
    /// The NIC of the other one.
    pub peer: NicId,
    /// Where that one's records come from.
    pub peer_address: SocketAddrV4,
    /// How far it is.
    pub state: AssociationState,
    /// The cipher of the keys in use, `AES-128-GCM`; none before there are any.
    pub cipher: Option<String>,
    /// Microseconds since the keys in use were agreed on; 0 before.
    pub age_us: u64,
    /// Handshakes that replaced keys by new ones.
    pub rekeys: u64,
    /// Records sealed.
    pub records_sent: u64,
    /// Records opened.
    pub records_received: u64,
    /// Bytes of customers' packets sealed, with IP headers.
    pub bytes_sent: u64,
    /// Bytes of customers' packets opened, with IP headers.
    pub bytes_received: u64,
    /// Records dropped because they had been received before, or were too old to tell.
    pub replayed: u64,
    /// Records dropped because they were not sealed with these keys.
    pub not_authentic: u64,
    /// Packets dropped because no keys were there in time.
    pub not_sent: u64,
    /// Why the last handshake failed, as a sentence; none when it did not.
    pub last_failure: Option<String>,
}

/// The associations of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionStatus {
    /// Sorted by NIC and peer.
    pub associations: Vec<AssociationStatus>,
    /// Datagrams dropped that came from no NIC that this host knows.
    pub from_strangers: u64,
    /// Handshakes refused because of the peer's certificate: of another authority, out of its time, or another's.
    pub handshakes_refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_names_machine_and_interface() {
        let nic = NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() };
        assert_eq!(certificate_name(&nic), "vnetlab://nic/web1/nic0");
    }
}
