//! How one network becomes another: what to say about it, and in which order the hosts are told. Pure.

mod difference;
mod edge;
mod order;
mod restart;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use difference::difference;
pub(crate) use order::steps;
pub(crate) use restart::restarts;

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    /// It is made.
    Create,
    /// It stays and is altered.
    Change,
    /// It is removed.
    Delete,
}

/// What a thing is, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// An emulated physical host.
    Host,
    /// A virtual network.
    VirtualNetwork,
    /// A virtual machine.
    VirtualMachine,
    /// A network interface, `vm/nic`.
    NetworkInterface,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// What happens.
    pub(crate) action: Action,
    /// To what kind of thing.
    pub(crate) kind: Kind,
    /// To which one.
    pub(crate) name: String,
    /// Why, or how it looks.
    pub(crate) why: String,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::VirtualNetwork => "virtual network",
            Self::VirtualMachine => "virtual machine",
            Self::NetworkInterface => "network interface",
        })
    }
}

#[cfg(test)]
pub(crate) mod example;
