//! A ruleset as text for `nft -f -`.
//!
//! Written for nft 1.0.6 and up: one rule per line (a newline ends a rule, a brace does not), and a table that is
//! declared, deleted and made anew in the same transaction, so that a port is never without its filter.

use std::fmt::{self, Display, Formatter, Write as _};

use ipnet::Ipv4Net;

use super::{Action, Chain, Family, Hook, Match, Rule, Ruleset, TABLE};

/// The bytes of a logged packet that are kept: the longest IPv4 header and the ports, with room.
const LOG_LENGTH: u32 = 128;

impl Ruleset {
    /// The transaction that replaces whatever table is there by this one. `digest` is written into it as the comment
    /// of an empty counter, so that the kernel can be asked which ruleset it has.
    #[must_use]
    pub fn transaction(&self) -> String {
        let family = self.family;
        let table = format!("table {family} {TABLE}");
        format!("{table} {{ }}\ndelete {table}\n{self}")
    }

    /// The transaction that removes the table, whether it is there or not.
    #[must_use]
    pub fn removal(family: Family) -> String {
        format!("table {family} {TABLE} {{ }}\ndelete table {family} {TABLE}\n")
    }
}

impl Display for Family {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ip => "ip",
            Self::Bridge => "bridge",
        })
    }
}

impl Display for Ruleset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {TABLE} {{", self.family)?;
        for counter in &self.counters {
            writeln!(f, "\tcounter {} {{ comment \"{}\"; }}", counter.name, counter.comment)?;
        }
        for set in &self.sets {
            writeln!(f, "\tset {} {{", set.name)?;
            writeln!(f, "\t\ttype ipv4_addr")?;
            if !set.addresses.is_empty() {
                writeln!(f, "\t\telements = {{ {} }}", list(&set.addresses))?;
            }
            writeln!(f, "\t}}")?;
        }
        for chain in &self.chains {
            chain.fmt(f)?;
        }
        writeln!(f, "}}")
    }
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(hook) = self.hook {
            writeln!(f, "\t\t{hook}")?;
        }
        for rule in &self.rules {
            writeln!(f, "\t\t{rule}")?;
        }
        writeln!(f, "\t}}")
    }
}

impl Display for Hook {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting { drop: true } => "type filter hook prerouting priority 0; policy drop;",
            Self::Prerouting { drop: false } => "type filter hook prerouting priority 0; policy accept;",
            Self::Output => "type filter hook output priority 0; policy drop;",
            Self::SourceNat => "type nat hook postrouting priority 100; policy accept;",
        })
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut words = self.matches.iter().map(ToString::to_string).collect::<Vec<_>>();
        words.extend(self.actions.iter().map(ToString::to_string));
        f.write_str(&words.join(" "))
    }
}

impl Display for Match {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::InDevice(devices) => {
                let quoted = devices.iter().map(|device| format!("\"{device}\"")).collect::<Vec<_>>();
                write!(f, "iifname {}", one_or_set(&quoted))
            }
            Self::InDevicePrefix(prefix) => write!(f, "iifname \"{prefix}*\""),
            Self::Established => f.write_str("ct state established,related"),
            Self::Source(set) => write!(f, "ip saddr {}", one_or_set(&prefixes(set.prefixes()))),
            Self::SourceNot(set) => write!(f, "ip saddr != {}", one_or_set(&prefixes(set.prefixes()))),
            Self::Destination(set) => write!(f, "ip daddr {}", one_or_set(&prefixes(set.prefixes()))),
            Self::DestinationNot(set) => write!(f, "ip daddr != {}", one_or_set(&prefixes(set.prefixes()))),
            Self::SourceMac(macs) => write!(f, "ether saddr {}", one_or_set(macs)),
            Self::Protocol(numbers) => write!(f, "meta l4proto {}", one_or_set(numbers)),
            Self::ProtocolNot(numbers) => write!(f, "meta l4proto != {}", one_or_set(numbers)),
            Self::SourcePort(ranges) => write!(f, "th sport {}", one_or_set(ranges)),
            Self::DestinationPort(ranges) => write!(f, "th dport {}", one_or_set(ranges)),
            Self::Dscp(value) => write!(f, "ip dscp {value}"),
            Self::NotUnicastFrame => f.write_str("meta pkttype { broadcast, multicast }"),
            Self::ArpRequestNotIn(set) => write!(f, "arp operation request arp daddr ip != @{set}"),
        }
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetMark(mark) => write!(f, "meta mark set {mark}"),
            Self::Count(counter) => write!(f, "counter name \"{counter}\""),
            Self::Log { group, prefix } => {
                write!(f, "log prefix \"{prefix}\" group {group} snaplen {LOG_LENGTH} queue-threshold 1")
            }
            Self::Masquerade => f.write_str("masquerade"),
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

/// A prefix as nft prints it: a host without its length.
fn prefixes(prefixes: &[Ipv4Net]) -> Vec<String> {
    prefixes
        .iter()
        .map(|prefix| if prefix.prefix_len() == 32 { prefix.addr().to_string() } else { prefix.to_string() })
        .collect()
}

/// One item as itself, several as an anonymous set: looked up in one step however many there are.
fn one_or_set<T: Display>(items: &[T]) -> String {
    match items {
        [one] => one.to_string(),
        several => format!("{{ {} }}", list(several)),
    }
}

fn list<T: Display>(items: &[T]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = write!(text, "{}{item}", if index == 0 { "" } else { ", " });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::Counter;

    #[test]
    fn a_table_is_replaced_in_one_transaction_with_a_rule_per_line() {
        let ruleset = Ruleset {
            counters: vec![Counter { name: "nic_in_100".into(), comment: "nsg-web/allow-http".into() }],
            chains: vec![Chain {
                name: "port".into(),
                hook: Some(Hook::Prerouting { drop: true }),
                rules: vec![Rule::new(
                    vec![
                        Match::InDevice(vec!["guest".into()]),
                        Match::Source(
                            ["10.0.0.4/32".parse().unwrap(), "10.1.0.0/16".parse().unwrap()]
                                .into_iter()
                                .collect(),
                        ),
                    ],
                    vec![Action::Count("nic_in_100".into()), Action::Accept],
                )],
            }],
            ..Ruleset::new(Family::Ip)
        };
        assert_eq!(
            ruleset.transaction(),
            "table ip vfp { }\ndelete table ip vfp\ntable ip vfp {\n\
             \tcounter nic_in_100 { comment \"nsg-web/allow-http\"; }\n\
             \tchain port {\n\
             \t\ttype filter hook prerouting priority 0; policy drop;\n\
             \t\tiifname \"guest\" ip saddr { 10.0.0.4, 10.1.0.0/16 } counter name \"nic_in_100\" accept\n\
             \t}\n}\n"
        );
    }
}
