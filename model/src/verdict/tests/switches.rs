//! Every switch of `behavior:` in both of its positions: what it does to packets.

use super::*;
use crate::network::behavior::*;
use crate::network::{RouteDestination, ServiceTag};

/// What is said of a question when the switches are as they are by default, and after `switch`.
fn both(
    mut network: Network,
    switch: impl FnOnce(&mut crate::network::Behavior),
    ask: impl Fn(&Network) -> String,
) -> [String; 2] {
    let documented = ask(&network);
    switch(&mut network.behavior);
    [documented, ask(&network)]
}

#[test]
fn s16_allow_virtual_network_access_drops_or_only_shrinks_the_tag() {
    let network = |rules: &[&str]| {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .link("a", "b", |link| link.allow_virtual_network_access = false)
            .link("b", "a", |_| {})
            .nsg("nsg", rules)
            .subnet_nsg("a/default", "nsg")
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .build()
    };
    let said_of = |rules: &[&str]| {
        both(
            network(rules),
            |switches| switches.allow_virtual_network_access = AllowVirtualNetworkAccessBehavior::TagOnly,
            |network| said(&tcp(network, "a1", "b1", 80)),
        )
    };
    let closed = "Deny networkSecurityGroup nsg/DenyAllOutBound at a1 a1";
    assert_eq!(said_of(&[])[1], closed, "the tag shrinks");
    let [documented, tag_only] = said_of(&["100 Outbound Allow * * *", "100 Inbound Allow * * *"]);
    assert_eq!(documented, "Deny peering a/to-b/allowVirtualNetworkAccess at a1 a1");
    assert_eq!(tag_only, "Allow a1>b1");
}

#[test]
fn s16_allow_forwarded_traffic_refuses_what_was_forwarded_or_does_nothing() {
    let network = NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .vnet("spoke2", "10.2.0.0/16")
        .peer("hub", "spoke1")
        .link("hub", "spoke2", |_| {})
        .link("spoke2", "hub", |link| link.allow_forwarded_traffic = false)
        .route_table("rt", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("spoke1/default", "rt")
        .subnet_routes("spoke2/default", "rt")
        .nva("nva", &["10.0.0.4"])
        .vm("web1", "10.1.0.4")
        .vm("db1", "10.2.0.4")
        .build();
    assert_eq!(
        both(
            network,
            |switches| switches.allow_forwarded_traffic = AllowForwardedTrafficBehavior::Ignored,
            |network| said(&tcp(network, "web1", "db1", 80)),
        ),
        ["Deny peering spoke2/to-hub/allowForwardedTraffic at db1 web1>nva>db1", "Allow web1>nva>db1",]
    );
}

#[test]
fn s16_service_endpoint_routes_hold_against_users_or_not() {
    let network = || {
        let mut network = NetworkBuilder::new()
            .tags(&[("Sql", &["20.60.0.0/24"])])
            .vnet("a", "10.0.0.0/16")
            .service_endpoint("a/default", "Microsoft.Sql", &["Sql"])
            .route_table("rt", &["cut 20.60.0.9/32 None", "tag 20.61.0.0/24 10.0.0.9"])
            .subnet_routes("a/default", "rt")
            .vm("web1", "10.0.0.4")
            .service("sql1", "Microsoft.Sql", "20.60.0.9")
            .build();
        let sql = network.service_tags.find("Sql").unwrap();
        network.route_tables[0].routes[1].destination = RouteDestination::Tag(ServiceTag::Named(sql));
        network
    };
    let with = |value| {
        both(
            network(),
            |switches| switches.service_endpoint_routes = value,
            |network| said(&tcp(network, "web1", "sql1", 1433)),
        )
    };
    let [documented, exact_tie] = with(ServiceEndpointRoutesBehavior::ExactTie);
    assert_eq!(documented, "Allow web1>sql1");
    assert_eq!(exact_tie, "Deny route rt/cut at web1 web1", "a longer prefix wins");
    let mut by_tag = network();
    by_tag.route_tables[0].routes.remove(0);
    let [documented, observed] = both(
        by_tag,
        |switches| switches.service_endpoint_routes = ServiceEndpointRoutesBehavior::Observed,
        |network| said(&tcp(network, "web1", "sql1", 1433)),
    );
    assert_eq!(documented, "Allow web1>sql1");
    assert_eq!(observed, "Deny nextHop rt/tag at web1 web1", "the tag to an appliance wins");
}

#[test]
fn s16_virtual_network_tag_counts_routes_to_appliances_inside_or_all() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .route_table("rt", &["cut 172.20.0.0/16 None"])
        .subnet_routes("a/default", "rt")
        .nsg("nsg", &[])
        .subnet_nsg("a/default", "nsg")
        .vm("web1", "10.0.0.4")
        .build();
    assert_eq!(
        both(
            network,
            |switches| switches.virtual_network_tag_routes = VirtualNetworkTagRoutesBehavior::All,
            |network| said(&tcp(network, "web1", "172.20.0.9", 80)),
        ),
        ["Deny networkSecurityGroup nsg/DenyAllOutBound at web1 web1", "Deny route rt/cut at web1 web1"]
    );
}

#[test]
fn s16_a_nat_gateway_goes_before_a_public_address_or_after_it() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip", "20.0.0.1")
        .public_ip("pip-nat", "20.0.0.3")
        .nat_gateway("nat", &["pip-nat"])
        .internet_host("client", "203.0.113.9")
        .vm("web1", "10.0.0.4")
        .vm_public_ip("web1", "pip")
        .subnet_nat_gateway("a/default", "nat")
        .build();
    assert_eq!(
        both(
            network,
            |switches| switches.nat_gateway_over_public_ip = false,
            |network| tcp(network, "web1", "internet/client", 443).received.unwrap().source,
        ),
        ["20.0.0.3:49152", "20.0.0.1:49152"]
    );
}

#[test]
fn s16_none_routes_are_the_classic_list_or_a_longer_one() {
    let network = || {
        NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .internet_host("in-2025-12", "104.146.0.9")
            .internet_host("observed", "40.108.0.9")
            .vm("web1", "10.0.0.4")
            .build()
    };
    let of = |value, to: &'static str| {
        both(
            network(),
            |switches| switches.none_routes = value,
            |network| tcp(network, "web1", &format!("internet/{to}"), 443).verdict.to_string(),
        )
    };
    assert_eq!(of(NoneRoutesBehavior::Documented202512, "in-2025-12"), ["Allow", "Deny"]);
    assert_eq!(of(NoneRoutesBehavior::Documented202512, "observed"), ["Allow", "Allow"]);
    assert_eq!(of(NoneRoutesBehavior::Observed, "observed"), ["Allow", "Deny"]);
}

/// The switch is for subnets that say nothing: it is read with the file.
#[test]
fn s16_default_outbound_access_is_implicit_or_private() {
    let of = |switch: &str| {
        let file = format!(
            "name: lab
behavior: {{{switch}}}
virtualNetworks: {{a: {{addressSpace: [10.0.0.0/16], subnets: {{web: {{addressPrefix: 10.0.0.0/24}}, open: {{addressPrefix: 10.0.1.0/24, defaultOutboundAccess: true}}}}}}}}
virtualMachines: {{web1: {{subnet: a/web}}, open1: {{subnet: a/open}}}}
internet: {{hosts: {{client: 203.0.113.9}}}}
"
        );
        let network = crate::validate::load(&file).network.unwrap();
        ["web1", "open1"].map(|from| tcp(&network, from, "internet/client", 443).verdict)
    };
    assert_eq!(of("defaultOutboundAccess: implicit"), [Access::Allow, Access::Allow]);
    assert_eq!(of("defaultOutboundAccess: private"), [Access::Deny, Access::Allow]);
}

/// This one is about design checks: which services may share a virtual network with encryption.
#[test]
fn s16_encryption_support_is_the_current_list_or_the_original_one() {
    let of = |switch: &str| {
        let file = format!(
            "name: lab
behavior: {{{switch}}}
virtualNetworks: {{a: {{addressSpace: [10.0.0.0/16], encryption: {{enabled: true}}, subnets: {{AzureFirewallSubnet: {{addressPrefix: 10.0.0.0/26}}}}}}}}
"
        );
        crate::validate::check(&file).diagnostics.iter().map(|it| it.code).collect::<Vec<_>>()
    };
    assert_eq!(of("encryptionSupport: current"), [""; 0]);
    assert_eq!(of("encryptionSupport: original"), ["EncryptionUnsupportedService"]);
}

/// The switch is about what a file may say; what it says is then done.
#[test]
fn s16_encryption_enforcement_is_what_is_offered_or_what_is_announced() {
    let of = |switch: &str| {
        let file = format!(
            "name: lab
hosts: 2
behavior: {{{switch}}}
virtualNetworks: {{a: {{addressSpace: [10.0.0.0/16], encryption: {{enabled: true, enforcement: DropUnencrypted}}, subnets: {{web: {{addressPrefix: 10.0.0.0/24}}}}}}}}
virtualMachines: {{web1: {{subnet: a/web, host: host1}}, old1: {{subnet: a/web, host: host2, size: Standard_B2s}}}}
"
        );
        let network = crate::validate::load(&file).network;
        network.map(|network| said(&tcp(&network, "web1", "old1", 80)))
    };
    assert_eq!(of("encryptionEnforcement: offered"), None);
    assert_eq!(of("encryptionEnforcement: announced").unwrap(), "Deny encryption at web1 web1");
}
