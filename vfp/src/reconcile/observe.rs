//! What a namespace holds now.

use std::collections::BTreeMap;

use linux_net::Netlink;
use linux_net::netlink::{Address, FdbEntry, Link, Neighbour, NetlinkError, Route, Rule};

/// The present content of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Devices by name.
    pub links: BTreeMap<String, Link>,
    /// Addresses of all devices.
    pub addresses: Vec<Address>,
    /// Routes of all tables, but for the kernel's own.
    pub routes: Vec<Route>,
    /// Policy rules.
    pub rules: Vec<Rule>,
    /// Permanent neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Static forwarding entries.
    pub forwarding: Vec<FdbEntry>,
}

impl Observed {
    /// Asks the kernel.
    pub(super) fn of(netlink: &mut Netlink) -> Result<Self, NetlinkError> {
        Ok(Self {
            links: links(netlink)?,
            addresses: netlink.addresses()?,
            routes: netlink.routes()?,
            rules: netlink.rules()?,
            neighbours: netlink.neighbours()?,
            forwarding: netlink.fdb()?,
        })
    }
}

/// Devices by name.
pub(super) fn links(netlink: &mut Netlink) -> Result<BTreeMap<String, Link>, NetlinkError> {
    Ok(netlink.links()?.into_iter().map(|link| (link.name.clone(), link)).collect())
}
