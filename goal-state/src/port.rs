//! A NIC's port on the virtual switch: everything that is enforced for it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::nsg::{AddressSet, Filter};
use crate::route::Route;
use crate::translation::Translation;
use crate::{MacAddr, Vni};

/// The policy of one port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// The virtual network that the NIC is in.
    pub vni: Vni,
    /// Without it the NIC sends only from, and receives only for, its own addresses.
    pub enable_ip_forwarding: bool,
    /// Network security groups.
    pub filter: Filter,
    /// Effective routes, sorted by prefix. One of them covers every address (0.0.0.0/0) or what no route covers is dropped
    /// as [`crate::DropReason::Route`]. Ports of a subnet mostly share them.
    pub routes: Arc<Vec<Route>>,
    /// Peers from which forwarded packets are refused.
    pub forwarded_traffic_refused: Vec<ForwardedTrafficRefusal>,
    /// NICs of other hosts that packets may not be handed to, because they could not be encrypted and one of the two virtual
    /// networks has `enforcement: DropUnencrypted`, or because both encrypt and that one's host does not know this NIC. Their addresses: those of next hops, which may be the destination.
    #[serde(default)]
    pub unencrypted_refused: AddressSet,
    /// What it translates.
    #[serde(default, skip_serializing_if = "Translation::is_empty")]
    pub translation: Translation,
    /// Present where it is a private endpoint's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_endpoint: Option<PrivateEndpoint>,
}

/// What makes a port that of a private endpoint: it takes TCP connections and begins none. Anything else is dropped as
/// [`crate::DropReason::PrivateEndpoint`].
/// <https://learn.microsoft.com/azure/private-link/private-endpoint-overview>
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateEndpoint {
    /// Its name.
    pub name: String,
    /// Only an approved one takes anything.
    pub approved: bool,
}

/// A peering link with `allowForwardedTraffic: false`: packets from that peer must have been sent by it, not just
/// forwarded. Only NICs with IP forwarding can send packets of others, so only those are listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForwardedTrafficRefusal {
    /// The receiving side's peering link, `spoke1/to-hub`.
    pub peering: String,
    /// Ethernet addresses of the peer's NICs that can forward, sorted.
    pub forwarders: Vec<MacAddr>,
    /// The peer's address space: a source in it was not forwarded.
    pub space: AddressSet,
}
