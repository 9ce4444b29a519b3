//! What is attached to subnets, and how often; what the file cannot say of IPv6.

use super::*;

const FILE: &str = "networkSecurityGroups: {nsg: {}, other: {}}\nrouteTables: {rt: {}, other: {}}";

#[test]
fn s2_3_a_subnet_has_one_group_and_one_table_and_each_may_serve_many() {
    let file = |inner: &str| format!("name: lab\n{FILE}\n{}\n", subnets(inner));
    let shared = "web: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg, routeTable: rt}, db: {addressPrefix: 10.0.2.0/24, networkSecurityGroup: nsg, routeTable: rt}";
    let network = load(&file(shared)).network.unwrap();
    let [web, db] = &network.virtual_networks[0].subnets[..] else { panic!("two subnets") };
    assert!(web.nsg.is_some() && web.nsg == db.nsg);
    assert!(web.route_table.is_some() && web.route_table == db.route_table);
    for two in ["networkSecurityGroup: [nsg, other]", "routeTable: [rt, other]"] {
        let said = problems(&file(&format!("web: {{addressPrefix: 10.0.1.0/24, {two}}}")));
        assert!(said.starts_with("error InvalidValue"), "{said}");
    }
}

#[test]
fn s6_3_gateway_subnet_keeps_its_default_route_and_its_propagation() {
    let file = |table: &str| {
        format!(
            "routeTables: {{rt: {{{table}}}}}\n{}",
            subnets("GatewaySubnet: {addressPrefix: 10.0.1.0/24, routeTable: rt}")
        )
    };
    check(
        &file,
        &[
            ("routes: {s: {addressPrefix: 10.1.0.0/16, nextHopType: None}}", ""),
            (
                "routes: {d: {addressPrefix: 0.0.0.0/0, nextHopType: None}}",
                "error SpecialSubnetRouteTable: GatewaySubnet takes no route table with 0.0.0.0/0; name the prefixes that have to be steered",
            ),
            (
                "disableBgpRoutePropagation: true",
                "error SpecialSubnetRouteTable: GatewaySubnet takes no route table that disables BGP route propagation; set `disableBgpRoutePropagation: false`",
            ),
        ],
    );
}

#[test]
fn s1_3_ipv6_is_refused_wherever_a_file_has_addresses() {
    for typed in [
        "virtualNetworks: {hub: {addressSpace: [10.0.0.0/16, 'fd00::/48']}}".to_owned(),
        subnets("web: {addressPrefix: 'fd00::/64'}"),
        rule("sourceAddressPrefix: 'fd00::/64'"),
        routes("r: {addressPrefix: 'fd00::/64', nextHopType: None}"),
    ] {
        let said = problems(&format!("name: lab\n{typed}\n"));
        assert!(said.starts_with("error ") && said.contains("IPv6"), "{typed}: {said}");
    }
}
