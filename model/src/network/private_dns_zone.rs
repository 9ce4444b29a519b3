//! Private DNS zones.
//!
//! <https://learn.microsoft.com/azure/dns/private-dns-privatednszone>

use super::VnetId;

/// A private DNS zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateDnsZone {
    /// The domain, in lower case.
    pub name: String,
    /// The virtual networks that resolve it, and whether each one's machines are registered in it.
    pub links: Vec<(VnetId, bool)>,
}
