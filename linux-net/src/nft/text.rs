//! The texts of a ruleset: names, comments and log prefixes, each with what nft's language lets it contain.

use std::fmt;

/// A text that may not stand where it was to stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// See [`Name`].
    #[error("{0:?} is no name for nft: a letter, then up to 126 letters, digits and underscores; no keyword")]
    Name(String),
    /// See [`Comment`].
    #[error("{0:?} is no comment for nft: at most 127 printable ASCII characters, no quotes or backslashes")]
    Comment(String),
    /// See [`LogPrefix`].
    #[error(
        "{0:?} is no log prefix for nft: at most 127 printable ASCII characters, no quotes or backslashes"
    )]
    LogPrefix(String),
}

/// The name of a table, chain, counter, set or device: a letter, then letters, digits and underscores; at most 127. Words of
/// nft's own language (`fwd`, `in`, `all`...) are refused, because nft does not let names be quoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// What a person reads beside a counter or rule; at most 127 bytes of printable ASCII without quotes and backslashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comment(String);

/// What NFLOG hands over with a packet; at most 127 bytes of printable ASCII without quotes and backslashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPrefix(String);

/// The kernel's limits (`NFT_NAME_MAXLEN` is larger; `NF_LOG_PREFIXLEN` and nft's comments end here).
const LONGEST: usize = 127;

/// Words that begin something in nft's language (its scanner.l, 1.0.6), sorted.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "abs", "accept", "add", "address", "ah", "all", "amanda", "arp", "at", "auto", "bridge", "burst", "bypass",
    "bytes", "cgroup", "chain", "chains", "challenge", "chunk", "classid", "code", "comment", "comp", "concurrent",
    "constant", "continue", "count", "counter", "counters", "create", "ct", "data", "day", "dccp", "default",
    "define", "delete", "describe", "dest", "devgroup", "device", "devices", "disabled", "dnat", "dpt", "drop",
    "dscp", "dst", "dup", "dynamic", "ecn", "element", "elements", "entries", "error", "esp", "established", "ether",
    "eval", "exists", "expires", "export", "fib", "filter", "final", "flags", "flow", "flowtable", "flowtables",
    "flush", "frag", "fwd", "gateway", "ge", "get", "goto", "gre", "group", "gt", "handle", "hash", "hdrlength",
    "helper", "helpers", "hook", "hour", "ibriport", "icmp", "id", "if", "igmp", "iif", "iifname", "import", "in",
    "include", "index", "inet", "ingress", "insert", "interface", "interval", "ip", "ipsec", "json", "jump", "kind",
    "l4proto", "last", "le", "length", "level", "limit", "list", "log", "lt", "mac", "map", "maps", "mark",
    "masquerade", "merge", "meta", "meter", "meters", "mh", "minute", "missing", "mode", "monitor", "mss",
    "multiple", "nat", "ne", "netdev", "new", "notrack", "numgen", "obrname", "oif", "oifname", "option", "original",
    "osf", "over", "packets", "performance", "persistent", "pkttype", "policy", "prefix", "priority", "proto",
    "protocol", "quantity", "queue", "quota", "random", "rawpayload", "redefine", "redirect", "reject", "rename",
    "replace", "reply", "reset", "return", "revert", "route", "rt", "rtclassid", "rule", "rules", "ruleset", "saddr",
    "sctp", "secmark", "secmarks", "second", "sequence", "set", "sets", "size", "skgid", "skuid", "snaplen", "snat",
    "socket", "source", "src", "state", "stateless", "static", "status", "synproxy", "synproxys", "syntax", "table",
    "tables", "tcp", "th", "time", "timeout", "timeouts", "to", "total", "tproxy", "transparent", "ttl", "type",
    "typeof", "udp", "udplite", "undefine", "unknown", "update", "used", "version", "via", "vlan", "vmap", "vtag",
    "week", "wildcard", "year", "zone",
];

impl Name {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidText> {
        let name = name.into();
        let begins = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if begins && rest && name.len() <= LONGEST && KEYWORDS.binary_search(&name.as_str()).is_err() {
            Ok(Self(name))
        } else {
            Err(InvalidText::Name(name))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Comment {
    /// Checks a comment.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if is_quotable(&text) { Ok(Self(text)) } else { Err(InvalidText::Comment(text)) }
    }

    /// A comment as close to `text` as the rules allow: what is not allowed becomes `?`, and the end is cut.
    pub fn lossy(text: &str) -> Self {
        Self(text.chars().take(LONGEST).map(|c| if is_quotable_char(c) { c } else { '?' }).collect())
    }

    /// The comment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LogPrefix {
    /// Checks a prefix.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if is_quotable(&text) { Ok(Self(text)) } else { Err(InvalidText::LogPrefix(text)) }
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_quotable(text: &str) -> bool {
    text.len() <= LONGEST && text.chars().all(is_quotable_char)
}

fn is_quotable_char(c: char) -> bool {
    (c == ' ' || c.is_ascii_graphic()) && c != '"' && c != '\\'
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// With quotes.
impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// With quotes.
impl fmt::Display for LogPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_the_statement() {
        for name in ["", "1a", "_a", "a-b", "a b", "a;b", "a\nb", "é"] {
            assert!(Name::new(name).is_err(), "{name:?}");
        }
        assert!(KEYWORDS.is_sorted());
        assert!(Name::new("fwd").is_err());
        assert!(Name::new("rule_100").is_ok());
        assert!(Name::new("a".repeat(128)).is_err());
    }

    #[test]
    fn quoted_texts_cannot_end_the_quotes() {
        for text in ["a\"b", "a\\b", "a\nb", "é"] {
            assert!(Comment::new(text).is_err(), "{text:?}");
            assert!(LogPrefix::new(text).is_err(), "{text:?}");
        }
        assert_eq!(Comment::lossy("a\"\u{e9}b").to_string(), "\"a??b\"");
        assert_eq!(Comment::lossy(&"a".repeat(300)).as_str().len(), 127);
    }
}
