//! Private DNS zones and their links.

use super::*;
use crate::network::VnetId;

fn zones(typed: &str) -> String {
    let two = networks("hub: {addressSpace: [10.0.0.0/16]}, spoke: {addressSpace: [10.1.0.0/16]}");
    format!("{two}\nprivateDnsZones: {typed}")
}

#[test]
fn s10_3_a_zone_has_a_domains_name_and_links_to_virtual_networks() {
    let no_name = |name: &str| {
        format!(
            "error InvalidPrivateDnsZoneName: `{name}` is no name for a private DNS zone; write a domain of 2 to 34 labels, such as `corp.internal`"
        )
    };
    check(
        &zones,
        &[
            ("{}", ""),
            ("{corp.internal: {}}", ""),
            ("{privatelink.database.windows.net: {virtualNetworkLinks: {hub: {}, spoke: {}}}}", ""),
            ("{corp: {}}", &no_name("corp")),
            ("{corp..internal: {}}", &no_name("corp..internal")),
            ("{-corp.internal: {}}", &no_name("-corp.internal")),
            (
                "{Windows.net: {}}",
                "error ReservedPrivateDnsZoneName: Azure keeps the domain `Windows.net` for itself; take another one; a domain below it is possible, such as those of private links",
            ),
            (
                "{corp.internal: {}, Corp.Internal: {}}",
                "error DuplicatePrivateDnsZone: private DNS zone `Corp.Internal` is there twice; leave one out",
            ),
            (
                "{corp.internal: {virtualNetworkLinks: {hub: {}, HUB: {}}}}",
                "error DuplicateVirtualNetworkLink: private DNS zone `corp.internal` is linked to virtual network `HUB` twice; leave one out",
            ),
        ],
    );
}

#[test]
fn s10_3_machines_of_a_virtual_network_are_registered_in_one_zone() {
    let registers = "{virtualNetworkLinks: {hub: {registrationEnabled: true}}}";
    check(
        &zones,
        &[(
            &format!("{{a.test: {registers}, b.test: {registers}}}"),
            "error VirtualNetworkLinkedToAnotherRegistrationZone: machines of virtual network `hub` are registered in `a.test` already; set `registrationEnabled` for one zone only",
        )],
    );
    let file = format!(
        "name: lab\n{}\n",
        zones("{Corp.internal: {virtualNetworkLinks: {hub: {registrationEnabled: true}, spoke: {}}}}")
    );
    let network = load(&file).network.unwrap_or_else(|| panic!("{}", problems(&file)));
    let zone = &network.private_dns_zones[0];
    assert_eq!(zone.name, "corp.internal");
    assert_eq!(zone.links, [(VnetId(0), true), (VnetId(1), false)]);
}
