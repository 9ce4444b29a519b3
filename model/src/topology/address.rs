//! Addresses, prefixes, tags and names of subnets as they are typed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};

use super::value::{ValueError, text_value};

/// An IPv4 address such as `10.0.0.4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Address(pub Ipv4Addr);

/// An IPv4 prefix such as `10.0.0.0/16`, without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv4Prefix(pub Ipv4Net);

/// What a security rule compares an address with: `*`, an address, a prefix, or the name of a service tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressPrefix {
    /// `*`.
    Any,
    /// A prefix, or an address as /32.
    Prefix(Ipv4Net),
    /// An IPv6 prefix, or an address as /128. There is no IPv6 yet; a rule that mixes it with IPv4 is told as such.
    Ipv6(Ipv6Net),
    /// A word that is no address, as written; whether such a tag exists is not looked at here.
    Tag(String),
}

/// What a route is for: a prefix, or the name of a service tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RouteDestination {
    /// A prefix.
    Prefix(Ipv4Net),
    /// A word that is no address, as written; whether such a tag exists is not looked at here.
    Tag(String),
}

/// A subnet of a virtual network, written `spoke1/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubnetReference {
    /// The name of the virtual network.
    pub virtual_network: String,
    /// The name of the subnet.
    pub subnet: String,
}

impl Deref for Ipv4Address {
    type Target = Ipv4Addr;

    fn deref(&self) -> &Ipv4Addr {
        &self.0
    }
}

impl Deref for Ipv4Prefix {
    type Target = Ipv4Net;

    fn deref(&self) -> &Ipv4Net {
        &self.0
    }
}

impl FromStr for Ipv4Address {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some((address, _)) = text.split_once('/')
            && address.parse::<Ipv4Addr>().is_ok()
        {
            return Err(ValueError::new(format!("`{text}` is a prefix, not an address"))
                .help(format!("an address stands alone, such as `{address}`")));
        }
        parse_address(text).map(Self)
    }
}

impl FromStr for Ipv4Prefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.split_once('/') {
            Some((address, length)) => parse_prefix(text, address, length).map(Self),
            None => {
                let address = parse_address(text)?;
                Err(ValueError::new(format!("`{text}` has no prefix length"))
                    .help(format!("one address is `{address}/32`")))
            }
        }
    }
}

impl FromStr for AddressPrefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "*" => Ok(Self::Any),
            _ if is_word(text) => Ok(Self::Tag(text.to_owned())),
            _ if let Some(prefix) = parse_ipv6(text) => prefix.map(Self::Ipv6),
            _ if text.contains('/') => text.parse::<Ipv4Prefix>().map(|prefix| Self::Prefix(prefix.0)),
            _ => parse_address(text).map(|address| Self::Prefix(Ipv4Net::from(address))),
        }
    }
}

impl FromStr for RouteDestination {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if is_word(text) {
            Ok(Self::Tag(text.to_owned()))
        } else {
            text.parse::<Ipv4Prefix>().map(|prefix| Self::Prefix(prefix.0))
        }
    }
}

impl FromStr for SubnetReference {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.split_once('/') {
            Some((network, subnet)) if !network.is_empty() && !subnet.is_empty() && !subnet.contains('/') => {
                Ok(Self { virtual_network: network.to_owned(), subnet: subnet.to_owned() })
            }
            _ => Err(ValueError::new(format!("`{text}` does not name a subnet"))
                .help("a subnet is written `VIRTUALNETWORK/SUBNET`, such as `spoke1/web`")),
        }
    }
}

/// Whether it is a name rather than an attempt at an address: it starts with a letter and is no IPv6 text.
fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains(':')
}

fn parse_prefix(text: &str, address: &str, length: &str) -> Result<Ipv4Net, ValueError> {
    let address = parse_address(address)?;
    let length = length.parse::<u8>().ok().and_then(|length| Ipv4Net::new(address, length).ok());
    let written = length.ok_or_else(|| {
        ValueError::new(format!("`{text}` has no valid prefix length")).help("a length from 0 to 32")
    })?;
    let right = written.trunc();
    if written == right {
        Ok(right)
    } else {
        Err(ValueError::new(format!("`{text}` has bits set to the right of its prefix length"))
            .code("InvalidCIDRNotation")
            .help(format!("the prefix is `{right}`")))
    }
}

fn parse_address(text: &str) -> Result<Ipv4Addr, ValueError> {
    let before_length = text.split('/').next().unwrap_or(text);
    match before_length.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if before_length == text => Ok(address),
        Ok(IpAddr::V6(_)) => Err(ipv6_is_not_built()),
        _ if text.contains("::") && text.parse::<Ipv6Addr>().is_err() => Err(ipv6_is_not_built()),
        _ => Err(ValueError::new(format!("`{text}` is not an IPv4 address"))
            .help("four numbers from 0 to 255, such as `10.0.0.4`")),
    }
}

/// The IPv6 prefix or address that this is; none when it is something else.
fn parse_ipv6(text: &str) -> Option<Result<Ipv6Net, ValueError>> {
    let address = text.parse::<Ipv6Addr>().map(Ipv6Net::from);
    let written = text.parse::<Ipv6Net>().or(address).ok()?;
    let right = written.trunc();
    Some(if written == right {
        Ok(right)
    } else {
        Err(ValueError::new(format!("`{text}` has bits set to the right of its prefix length"))
            .code("InvalidCIDRNotation")
            .help(format!("the prefix is `{right}`")))
    })
}

fn ipv6_is_not_built() -> ValueError {
    ValueError::new("IPv6 is not built yet").code("NotBuiltYet").help("write IPv4")
}

impl fmt::Display for Ipv4Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Ipv4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Ipv6(prefix) => prefix.fmt(f),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

impl fmt::Display for RouteDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

impl fmt::Display for SubnetReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.virtual_network, self.subnet)
    }
}

text_value!(Ipv4Address, "an IPv4 address such as `10.0.0.4`", {
    "type": "string", "format": "ipv4", "description": "An IPv4 address such as `10.0.0.4`."
});
text_value!(Ipv4Prefix, "an IPv4 prefix such as `10.0.0.0/16`", {
    "type": "string", "pattern": r"^[0-9]+(\.[0-9]+){3}/[0-9]+$",
    "description": "An IPv4 prefix such as `10.0.0.0/16`, without host bits."
});
text_value!(AddressPrefix, "`*`, an address, a prefix or a service tag", {
    "type": "string", "description": "`*`, an address, a prefix, or the name of a service tag."
});
text_value!(RouteDestination, "a prefix or a service tag", {
    "type": "string", "description": "A prefix, or the name of a service tag."
});
text_value!(SubnetReference, "a subnet, written `VIRTUALNETWORK/SUBNET`", {
    "type": "string", "pattern": "^[^/]+/[^/]+$", "description": "A subnet, written `VIRTUALNETWORK/SUBNET`."
});
