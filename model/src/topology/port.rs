//! Ports: ranges in rules, and what a machine listens on.

use std::fmt;
use std::str::FromStr;

use goal_state::nsg;
use goal_state::vm::{Listen, Transport};

use super::value::{ValueError, text_value};

/// `80`, `8000-8099` or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange(pub nsg::PortRange);

/// A port to answer on, written `80/tcp` or `53/udp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenPort(pub Listen);

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "*" {
            return Ok(Self(nsg::PortRange::ALL));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (parse_port(first.trim(), text)?, parse_port(last.trim(), text)?);
        nsg::PortRange::new(first, last).map(Self).ok_or_else(|| {
            ValueError::new(format!("port range `{text}` is inverted"))
                .help(format!("write `{last}-{first}`"))
        })
    }
}

impl FromStr for ListenPort {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError::new(format!("`{text}` is not a port to listen on"))
                .help("a port from 1 to 65535 and a protocol, such as `80/tcp` or `53/udp`")
        };
        let (port, transport) = text.split_once('/').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let transport = match transport.to_ascii_lowercase().as_str() {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return Err(wrong()),
        };
        Ok(Self(Listen { port, transport }))
    }
}

fn parse_port(port: &str, text: &str) -> Result<u16, ValueError> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { port.parse().ok() } else { None };
    number.ok_or_else(|| {
        ValueError::new(format!("`{text}` is not a port, a range of ports or `*`"))
            .help("ports go from 0 to 65535; several stand in a list: `[80, 443, 8000-8099]`")
    })
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == nsg::PortRange::ALL { f.write_str("*") } else { self.0.fmt(f) }
    }
}

impl fmt::Display for ListenPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.0.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(f, "{}/{transport}", self.0.port)
    }
}

text_value!(PortRange, "a port, a range of ports or `*`", {
    "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 65535 },
        { "type": "string", "pattern": r"^(\*|[0-9]+( *- *[0-9]+)?)$" }
    ],
    "description": "A port, a range such as `8000-8099`, or `*`."
});
text_value!(ListenPort, "a port to listen on such as `80/tcp`", {
    "type": "string", "pattern": "^[0-9]+/([tT][cC][pP]|[uU][dD][pP])$",
    "description": "A port to answer on, such as `80/tcp` or `53/udp`."
});
