//! Routes of gateways that are kept from a subnet, and sites that overlap.

use super::{codes, said};

fn hub(rest: &str) -> String {
    format!(
        "name: lab
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets:
      GatewaySubnet: {{addressPrefix: 10.0.254.0/27}}
      web: {{addressPrefix: 10.0.1.0/24, routeTable: rt}}
virtualNetworkGateways: {{vpn: {{virtualNetwork: hub, gatewayType: Vpn}}}}
{rest}"
    )
}

#[test]
fn a_subnet_beside_a_gateway_wants_its_routes() {
    let table = |table: &str| said(&hub(&format!("routeTables: {{rt: {{{table}}}}}")));
    assert_eq!(
        table("disableBgpRoutePropagation: true"),
        [
            "PropagationOffBesideGateway: subnet `hub/web` does not learn the routes of `vpn`: route table `rt` disables BGP route propagation; set `disableBgpRoutePropagation: false`, or add routes for what is on premises"
        ]
    );
    assert!(table("disableBgpRoutePropagation: false").is_empty());
    let own = "disableBgpRoutePropagation: true, routes: {r: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualNetworkGateway}}";
    assert!(table(own).is_empty());
}

#[test]
fn a_route_may_lead_to_a_vpn_gateway_only() {
    let route =
        "routeTables: {rt: {routes: {r: {addressPrefix: 10.9.0.0/16, nextHopType: VirtualNetworkGateway}}}}";
    assert!(codes(&hub(route)).is_empty());
    let express = hub(route).replace("gatewayType: Vpn", "gatewayType: ExpressRoute");
    assert_eq!(codes(&express), ["NextHopGatewayType"]);
}

#[test]
fn a_site_that_overlaps_cannot_be_reached() {
    let site = |prefix: &str| {
        codes(&hub(&format!(
            "routeTables: {{rt: {{}}}}\nonPremises: {{seoul: {{addressPrefixes: [{prefix}]}}}}"
        )))
    };
    assert_eq!(site("10.0.128.0/17"), ["OverlapsOnPremises"]);
    assert!(site("10.50.0.0/16").is_empty());
}
