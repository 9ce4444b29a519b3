//! `vnetlab status --encryption`: the associations of NICs that encrypt, as their hosts see them.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use goal_state::encryption::{AssociationState, AssociationStatus};
use serde::Serialize;

use super::in_clear::{InClear, table_of};
use crate::controller::protocol::HostEncryption;
use crate::output::{Columns, Show};

/// What is known about the encryption of a lab.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Encryption {
    /// By host, NIC and peer. An association is seen from both of its hosts.
    value: Vec<Row>,
    /// Hosts with NICs that encrypt, in the order of the file.
    hosts: Vec<Totals>,
    /// Pairs of NICs on different hosts that are not encrypted, as the model says; none where no virtual network has encryption.
    in_clear: Vec<InClear>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    host: String,
    /// `vm/nic`, on this host.
    network_interface: String,
    /// `vm/nic`, on another.
    peer: String,
    /// Where that one's records come from.
    peer_address: SocketAddrV4,
    state: AssociationState,
    /// Null before there are keys.
    cipher: Option<String>,
    /// Since the keys in use were agreed on.
    age_microseconds: u64,
    rekeys: u64,
    records_sent: u64,
    records_received: u64,
    /// Of customers' packets, with IP headers.
    bytes_sent: u64,
    bytes_received: u64,
    /// Records dropped because they had come before, or were too old to tell.
    replayed: u64,
    /// Records dropped because they were not sealed with these keys.
    not_authentic: u64,
    /// Packets dropped because no keys were there in time.
    not_sent: u64,
    /// Null when the last handshake did not fail.
    last_failure: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    host: String,
    /// Datagrams from no NIC that the host knows; null when its agent says nothing.
    from_strangers: Option<u64>,
    /// Handshakes refused because of a certificate; null when its agent says nothing.
    handshakes_refused: Option<u64>,
    /// Why nothing is encrypted that should be; null when all is well.
    not_encrypted: Option<String>,
}

impl Encryption {
    pub(super) fn of(hosts: &[HostEncryption], in_clear: Vec<InClear>) -> Self {
        let rows = |told: &HostEncryption| -> Vec<Row> {
            let associations = told.status.iter().flat_map(|status| &status.associations);
            associations.map(|association| Row::of(told.host.to_string(), association)).collect()
        };
        Self {
            value: hosts.iter().flat_map(rows).collect(),
            hosts: hosts.iter().map(Totals::of).collect(),
            in_clear,
        }
    }
}

impl Row {
    fn of(host: String, association: &AssociationStatus) -> Self {
        let AssociationStatus {
            nic,
            peer,
            peer_address,
            state,
            cipher,
            age_us,
            rekeys,
            records_sent,
            records_received,
            bytes_sent,
            bytes_received,
            replayed,
            not_authentic,
            not_sent,
            last_failure,
        } = association.clone();
        Self {
            host,
            network_interface: nic.to_string(),
            peer: peer.to_string(),
            peer_address,
            state,
            cipher,
            age_microseconds: age_us,
            rekeys,
            records_sent,
            records_received,
            bytes_sent,
            bytes_received,
            replayed,
            not_authentic,
            not_sent,
            last_failure,
        }
    }

    fn cells(&self) -> [String; 13] {
        let age = Duration::from_secs(self.age_microseconds / 1_000_000);
        [
            self.host.clone(),
            self.network_interface.clone(),
            self.peer.clone(),
            self.peer_address.to_string(),
            self.state.as_str().to_owned(),
            self.cipher.clone().unwrap_or_else(|| "-".into()),
            self.cipher.as_ref().map_or("-".into(), |_| humantime::format_duration(age).to_string()),
            self.rekeys.to_string(),
            self.records_sent.to_string(),
            self.records_received.to_string(),
            self.replayed.to_string(),
            self.not_authentic.to_string(),
            self.not_sent.to_string(),
        ]
    }
}

impl Totals {
    fn of(HostEncryption { host, status, not_encrypted }: &HostEncryption) -> Self {
        Self {
            host: host.to_string(),
            from_strangers: status.as_ref().map(|status| status.from_strangers),
            handshakes_refused: status.as_ref().map(|status| status.handshakes_refused),
            not_encrypted: not_encrypted.clone(),
        }
    }

    fn line(&self) -> String {
        let Self { host, from_strangers, handshakes_refused, .. } = self;
        match (from_strangers, handshakes_refused) {
            (Some(strangers), Some(refused)) if (*strangers, *refused) != (0, 0) => {
                format!(
                    "{host}: {strangers} datagrams from strangers, {refused} handshakes refused for their certificate\n"
                )
            }
            _ => String::new(),
        }
    }
}

impl Show for Encryption {
    fn table(&self) -> String {
        if self.hosts.is_empty() {
            return format!("no NIC of this lab encrypts\n{}", table_of(&self.in_clear));
        }
        let mut columns = Columns::new([
            "HOST",
            "NIC",
            "PEER",
            "PEER ADDRESS",
            "STATE",
            "CIPHER",
            "AGE",
            "REKEYS",
            "SENT",
            "RECEIVED",
            "REPLAYED",
            "NOT AUTHENTIC",
            "NOT SENT",
        ]);
        self.value.iter().for_each(|row| columns.row(row.cells()));
        let failures = self.value.iter().filter_map(|row| {
            let failure = row.last_failure.as_ref()?;
            Some(format!("{} with {}: {failure}\n", row.network_interface, row.peer))
        });
        let totals = self.hosts.iter().map(Totals::line);
        let why =
            self.hosts.iter().filter_map(|host| Some((host.host.as_str(), host.not_encrypted.as_deref()?)));
        format!(
            "{columns}{}{}{}",
            failures.collect::<String>(),
            totals.collect::<String>(),
            not_encrypted(why) + &table_of(&self.in_clear)
        )
    }
}

/// `not encrypted on host1, host2: ...`, a line for each reason.
pub(super) fn not_encrypted<'a>(hosts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (host, reason) in hosts {
        reasons.entry(reason).or_default().push(host);
    }
    let lines =
        reasons.iter().map(|(reason, hosts)| format!("not encrypted on {}: {reason}\n", hosts.join(", ")));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use goal_state::NicId;
    use goal_state::encryption::EncryptionStatus;

    use super::*;

    fn nic(vm: &str) -> NicId {
        NicId { vm: vm.parse().unwrap(), nic: "nic0".parse().unwrap() }
    }

    fn association(peer: &str, state: AssociationState) -> AssociationStatus {
        let established = state == AssociationState::Established;
        AssociationStatus {
            nic: nic("web1"),
            peer: nic(peer),
            peer_address: "198.18.0.3:4434".parse().unwrap(),
            state,
            cipher: established.then(|| "AES-128-GCM".into()),
            age_us: if established { 3_723_456_789 } else { 0 },
            rekeys: 2,
            records_sent: 1024,
            records_received: 1000,
            bytes_sent: 1_400_000,
            bytes_received: 60_000,
            replayed: 1,
            not_authentic: 3,
            not_sent: 4,
            last_failure: (!established).then(|| "the peer's certificate has expired".into()),
        }
    }

    #[test]
    fn associations_read_like_this() {
        let told = |host: &str, status, why: Option<&str>| HostEncryption {
            host: host.parse().unwrap(),
            status,
            not_encrypted: why.map(str::to_owned),
        };
        let associations = vec![
            association("app1", AssociationState::Established),
            association("app2", AssociationState::Failed),
            association("app3", AssociationState::Opening),
        ];
        let status = EncryptionStatus { associations, from_strangers: 5, handshakes_refused: 6 };
        let no_tun = Some("this machine has no /dev/net/tun");
        let hosts = [
            told("host1", Some(status), None),
            told("host2", Some(EncryptionStatus::default()), no_tun),
            told("host3", None, Some("its agent does not answer in time")),
            told("host4", Some(EncryptionStatus::default()), no_tun),
        ];
        let encryption = Encryption::of(&hosts, Vec::new());
        insta::assert_snapshot!(encryption.table());
        insta::assert_json_snapshot!(encryption);
    }

    #[test]
    fn where_nothing_encrypts_it_says_so() {
        assert_eq!(Encryption::of(&[], Vec::new()).table(), "no NIC of this lab encrypts\n");
    }
}
