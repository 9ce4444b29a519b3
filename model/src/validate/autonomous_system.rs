//! Autonomous system numbers: which ones a BGP speaker may have.
//!
//! <https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-vpn-faq#bgp>

use crate::topology::Spanned;

use super::report::Report;

/// The number of Azure's gateways and route servers, unless a VPN gateway has another one.
pub(super) const AZURE: u32 = 65515;

/// Who keeps `asn` from others; none when anybody may have it.
fn reserved_by(asn: u32) -> Option<&'static str> {
    match asn {
        8074 | 8075 | 12076 => Some("is one of Azure's public numbers"),
        65515 | 65517..=65520 => Some("is reserved by Azure"),
        0 | 23456 | 64496..=64511 | 65535..=65551 | u32::MAX => Some("is reserved by IANA"),
        _ => None,
    }
}

/// An error when `speaker`, outside of Azure, may not have this number.
pub(super) fn check(asn: &Spanned<u32>, speaker: &str, report: &mut Report) {
    if let Some(reason) = reserved_by(asn.value) {
        let message = format!("{speaker} cannot have ASN {asn}: it {reason}");
        report.error("ReservedAsn", asn.span, message, "use another one, such as 65010");
    }
}

/// The same for a gateway of Azure's, whose number may be the usual one.
pub(super) fn check_gateway(asn: &Spanned<u32>, gateway: &str, report: &mut Report) {
    if asn.value != AZURE {
        check(asn, gateway, report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_1_azures_and_ianas_numbers_are_reserved() {
        for asn in [8074, 8075, 12076, 65515, 65517, 65520, 23456, 64496, 64511, 65535, 65551, 0, u32::MAX] {
            assert!(reserved_by(asn).is_some(), "{asn}");
        }
        for asn in [1, 8073, 65514, 65516, 65521, 64495, 64512, 65534, 65552, 4_200_000_000] {
            assert_eq!(reserved_by(asn), None, "{asn}");
        }
    }
}
