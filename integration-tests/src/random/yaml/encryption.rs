//! Virtual network encryption: which networks have it, and which VMs have a size that cannot encrypt.
//!
//! The lot decides, so that everything else is drawn as it would be without.

use crate::random::Network;

impl Network {
    /// `enforcement` of a virtual network with encryption: every other one, and seldom DropUnencrypted.
    pub(super) fn enforcement(&self, vnet: usize) -> Option<&'static str> {
        match (self.lot >> (4 * vnet)) % 16 {
            0..8 => None,
            8..14 => Some("AllowUnencrypted"),
            _ => Some("DropUnencrypted"),
        }
    }

    /// The size of a VM or, behind the VMs, of an appliance: one in eight cannot encrypt.
    pub(super) fn size(&self, machine: usize) -> &'static str {
        if (self.lot >> (16 + 3 * machine)).is_multiple_of(8) { ", size: Standard_B2s" } else { "" }
    }

    /// Whether a switch must allow what is announced only.
    pub(super) fn drops_unencrypted(&self) -> bool {
        (0..self.vnets.len()).any(|vnet| self.enforcement(vnet) == Some("DropUnencrypted"))
    }
}
