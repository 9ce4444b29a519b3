//! Gateways, local network gateways, circuits, connections, route servers.

use super::*;
use crate::network::{ConnectionTarget, GatewayId, LocalNetworkGatewayId, Network};

/// Two virtual networks with GatewaySubnet and RouteServerSubnet, and a site.
const BASE: &str = "virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {addressPrefix: 10.0.1.0/24}
      GatewaySubnet: {addressPrefix: 10.0.254.0/27}
      RouteServerSubnet: {addressPrefix: 10.0.253.0/27}
  other:
    addressSpace: [10.1.0.0/16]
    subnets: {GatewaySubnet: {addressPrefix: 10.1.254.0/29}}
  bare: {addressSpace: [10.2.0.0/16], subnets: {web: {addressPrefix: 10.2.1.0/24}}}
onPremises: {seoul: {addressPrefixes: [10.50.0.0/16]}}
";

fn base(typed: &str) -> String {
    format!("{BASE}{typed}")
}

fn network(typed: &str) -> Network {
    let file = format!("name: lab\n{}\n", base(typed));
    load(&file).network.unwrap_or_else(|| panic!("{}", problems(&file)))
}

fn addresses(list: &[std::net::Ipv4Addr]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn s8_2_a_vpn_and_an_expressroute_gateway_share_the_gateway_subnet() {
    let network = network(
        "publicIPAddresses: {p: {}, q: {}}
virtualNetworkGateways:
  vpn: {virtualNetwork: hub, gatewayType: Vpn, activeActive: true, publicIPAddress: [p, q], bgpSettings: {asn: 65001}}
  er: {virtualNetwork: HUB, gatewayType: ExpressRoute}",
    );
    let [vpn, er] = &network.virtual_network_gateways[..] else { panic!("two gateways") };
    assert_eq!(addresses(&vpn.private_addresses), ["10.0.254.4", "10.0.254.5"]);
    assert_eq!(addresses(&er.private_addresses), ["10.0.254.6"]);
    assert_eq!((vpn.asn, er.asn), (65001, 65515));
    assert_eq!(vpn.public_ips.len(), 2);
    check(
        &|typed| base(&format!("virtualNetworkGateways: {{{typed}}}")),
        &[(
            "a: {virtualNetwork: hub, gatewayType: Vpn}, b: {virtualNetwork: hub, gatewayType: Vpn}",
            "error VirtualNetworkGatewayExists: virtual network `hub` has two Vpn gateways, `a` and `b`; a virtual network has one VPN and one ExpressRoute gateway at most: leave one out",
        )],
    );
}

#[test]
fn s2_2_a_gateway_stands_in_the_gateway_subnet() {
    check(
        &|typed| base(&format!("virtualNetworkGateways: {{{typed}}}")),
        &[
            (
                "a: {virtualNetwork: bare, gatewayType: Vpn}",
                "error ServiceSubnetMissing: virtual network `bare` has no GatewaySubnet, where Vpn gateway `a` stands; add a subnet of exactly that name, a /27 or larger, to `bare`",
            ),
            (
                "a: {virtualNetwork: other, gatewayType: Vpn, activeActive: true}, b: {virtualNetwork: other, gatewayType: ExpressRoute}",
                "",
            ),
            (
                "a: {virtualNetwork: othr, gatewayType: Vpn}",
                "error InvalidResourceReference: there is no virtual network `othr`; did you mean `other`?",
            ),
            (
                "a: {virtualNetwork: hub, gatewayType: Vpn, location: japaneast}",
                "error ResourcesInDifferentRegions: Vpn gateway `a` is in japaneast, virtual network `hub` in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
        ],
    );
}

#[test]
fn s2_2_nothing_but_gateways_stands_in_the_gateway_subnet() {
    check(
        &base,
        &[
            (
                "virtualMachines: {a: {subnet: hub/GatewaySubnet}}",
                "error SpecialSubnetVirtualMachine: network interface `a/nic0` is in GatewaySubnet, which takes no virtual machines; put it into an ordinary subnet",
            ),
            (
                "services: {s: {type: Microsoft.Sql, ipAddress: 20.60.0.9}}\nprivateEndpoints: {pe: {subnet: hub/RouteServerSubnet, service: s}}",
                "error SpecialSubnetOccupied: private endpoint `pe` is in RouteServerSubnet, which takes no private endpoints; put it into an ordinary subnet",
            ),
        ],
    );
}

#[test]
fn s8_2_what_a_gateway_may_be() {
    check(
        &|typed| {
            base(&format!(
                "publicIPAddresses: {{p: {{}}, q: {{}}, v2: {{sku: StandardV2}}}}\nvirtualNetworkGateways: {{a: {{virtualNetwork: hub, {typed}}}}}"
            ))
        },
        &[
            ("gatewayType: Vpn, sku: vpngw2az, publicIPAddress: p", ""),
            ("gatewayType: ExpressRoute, sku: ErGw3AZ", ""),
            (
                "gatewayType: Vpn, sku: ErGw1AZ",
                "error InvalidGatewaySku: `ErGw1AZ` is no SKU of Vpn gateway `a`; use one of VpnGw1AZ, VpnGw2AZ, VpnGw3AZ, VpnGw4AZ, VpnGw5AZ, VpnGw1, VpnGw2, VpnGw3, VpnGw4, VpnGw5, Basic",
            ),
            (
                "gatewayType: Vpn, sku: Basic, enableBgp: true",
                "error GatewaySkuLacksFeature: gateway `a` cannot have enableBgp: its SKU is Basic; use `sku: VpnGw1AZ`",
            ),
            (
                "gatewayType: ExpressRoute, activeActive: true",
                "error ActiveActiveNotSupported: ExpressRoute gateway `a` cannot be set active-active; leave `activeActive` out",
            ),
            (
                "gatewayType: Vpn, activeActive: true, publicIPAddress: p",
                "error GatewayPublicIPAddressCount: gateway `a` has 1 public addresses; give it two public addresses, for it is active-active",
            ),
            (
                "gatewayType: Vpn, publicIPAddresses: [p, q]",
                "error GatewayPublicIPAddressCount: gateway `a` has 2 public addresses; give it one public address",
            ),
            (
                "gatewayType: Vpn, publicIPAddress: v2",
                "error PublicIPAddressSku: gateway `a` cannot use public address `v2`, which is StandardV2; use `sku: Standard`",
            ),
            (
                "gatewayType: Vpn, bgpSettings: {asn: 65010, routes: [10.0.0.0/8]}",
                "error GatewayRoutes: gateway `a` announces what it knows, not what the file says; leave `routes` out: they belong to local network gateways, circuits and peers of route servers",
            ),
        ],
    );
}

#[test]
fn s8_1_reserved_numbers_are_refused_with_the_reason() {
    check(
        &base,
        &[
            (
                "virtualNetworkGateways: {a: {virtualNetwork: hub, gatewayType: Vpn, bgpSettings: {asn: 65517}}}",
                "error ReservedAsn: gateway `a` cannot have ASN 65517: it is reserved by Azure; use another one, such as 65010",
            ),
            (
                "virtualNetworkGateways: {a: {virtualNetwork: hub, gatewayType: Vpn, bgpSettings: {asn: 65515}}}",
                "",
            ),
            (
                "virtualNetworkGateways: {a: {virtualNetwork: hub, gatewayType: ExpressRoute, bgpSettings: {asn: 65010}}}",
                "error ExpressRouteGatewayAsn: gateway `a` cannot have ASN 65010: ExpressRoute gateways have 65515; leave `bgpSettings` out",
            ),
            (
                "localNetworkGateways: {l: {site: seoul, bgpSettings: {asn: 65515}}}",
                "error ReservedAsn: local network gateway `l` cannot have ASN 65515: it is reserved by Azure; use another one, such as 65010",
            ),
            (
                "expressRouteCircuits: {c: {site: seoul, peerASN: 12076}}",
                "error ReservedAsn: the site of circuit `c` cannot have ASN 12076: it is one of Azure's public numbers; use another one, such as 65010",
            ),
            (
                "virtualMachines: {nva: {subnet: hub/web}}\nrouteServers: {rs: {virtualNetwork: hub, peers: {nva: {peerAsn: 64511}}}}",
                "error ReservedAsn: peer `nva` of route server `rs` cannot have ASN 64511: it is reserved by IANA; use another one, such as 65010",
            ),
        ],
    );
}

#[test]
fn s8_2_a_local_network_gateway_has_prefixes_or_bgp() {
    check(
        &|typed| base(&format!("localNetworkGateways: {{l: {{site: seoul{typed}}}}}")),
        &[
            (", addressPrefixes: 10.50.0.0/16", ""),
            (", bgpSettings: {asn: 65010}", ""),
            (
                "",
                "error LocalNetworkGatewayWithoutPrefixes: local network gateway `l` has neither address prefixes nor BGP; write `addressPrefixes`, which are static routes, or `bgpSettings: {asn: 65010}`",
            ),
            (
                ", bgpSettings: {routes: [10.50.0.0/16]}",
                "error AsnMissing: the BGP settings of local network gateway `l` have no ASN; write one, such as `bgpSettings: {asn: 65010}`",
            ),
        ],
    );
    check(
        &base,
        &[(
            "localNetworkGateways: {l: {site: soul, addressPrefixes: 10.50.0.0/16}}",
            "error InvalidResourceReference: there is no site `soul`; did you mean `seoul`?",
        )],
    );
}

#[test]
fn s8_2_what_a_peer_announces_is_never_an_error() {
    let network = network(
        "localNetworkGateways:
  default: {site: seoul, bgpSettings: {asn: 65010}}
  strange: {site: seoul, bgpSettings: {asn: 65010, routes: [0.0.0.0/0, 127.0.0.0/8, 10.0.1.0/24, {network: 10.9.0.0/16, asPath: [65010, 23456]}, {network: 10.8.0.0/16}]}}
  silent: {site: seoul, bgpSettings: {asn: 65010, routes: []}}
expressRouteCircuits: {c: {site: seoul, peerASN: 65020}}",
    );
    let announced = |index: usize| {
        let bgp = network.local_network_gateways[index].bgp.as_ref().unwrap();
        bgp.routes.iter().map(|route| format!("{} {:?}", route.prefix, route.as_path)).collect::<Vec<_>>()
    };
    assert_eq!(announced(0), ["10.50.0.0/16 [65010]"]);
    assert_eq!(announced(1)[3..], ["10.9.0.0/16 [65010, 23456]", "10.8.0.0/16 [65010]"]);
    assert_eq!(announced(1).len(), 5);
    assert!(announced(2).is_empty());
    assert_eq!(network.express_route_circuits[0].bgp.routes[0].as_path, [65020]);
}

/// [`BASE`] with gateways to connect.
fn connections(typed: &str) -> String {
    base(&format!(
        "virtualNetworkGateways:
  vpn: {{virtualNetwork: hub, gatewayType: Vpn, bgpSettings: {{asn: 65515}}}}
  er: {{virtualNetwork: hub, gatewayType: ExpressRoute}}
  vpn2: {{virtualNetwork: other, gatewayType: Vpn}}
localNetworkGateways:
  bgp: {{site: seoul, bgpSettings: {{asn: 65010}}}}
  static: {{site: seoul, addressPrefixes: 10.50.0.0/16}}
expressRouteCircuits: {{c1: {{site: seoul, peerASN: 65010}}}}
connections: {{{typed}}}"
    ))
}

#[test]
fn s8_2_connections_match_the_type_of_their_gateway() {
    check(
        &connections,
        &[
            (
                "a: {virtualNetworkGateway1: vpn, localNetworkGateway2: static}, b: {virtualNetworkGateway1: er, expressRouteCircuit: c1}, v2v: {virtualNetworkGateway1: vpn, virtualNetworkGateway2: vpn2}",
                "",
            ),
            (
                "a: {virtualNetworkGateway1: er, localNetworkGateway2: static}",
                "error ConnectionType: connection `a` cannot lead from ExpressRoute gateway `er` to a local network gateway; an ExpressRoute gateway is connected with circuits",
            ),
            (
                "a: {virtualNetworkGateway1: vpn, expressRouteCircuit: c1}",
                "error ConnectionType: connection `a` cannot lead from Vpn gateway `vpn` to an ExpressRoute circuit; a VPN gateway is connected with VPN gateways and local network gateways",
            ),
            (
                "a: {virtualNetworkGateway1: vpn2, virtualNetworkGateway2: er}",
                "error ConnectionType: connection `a` cannot lead from Vpn gateway `vpn2` to gateway `er`; a VPN gateway is connected with VPN gateways and local network gateways",
            ),
            (
                "a: {virtualNetworkGateway1: vpn, virtualNetworkGateway2: vpn}",
                "error ConnectionType: connection `a` cannot lead from Vpn gateway `vpn` to itself; name the gateway of another virtual network",
            ),
        ],
    );
}

#[test]
fn a_connection_has_one_other_side_and_is_there_once() {
    check(
        &connections,
        &[
            (
                "a: {virtualNetworkGateway1: vpn}",
                "error ConnectionTargets: connection `a` leads to 0 things; write exactly one of virtualNetworkGateway2, localNetworkGateway2, expressRouteCircuit",
            ),
            (
                "a: {virtualNetworkGateway1: vpn, localNetworkGateway2: static, expressRouteCircuit: c1}",
                "error ConnectionTargets: connection `a` leads to 2 things; write exactly one of virtualNetworkGateway2, localNetworkGateway2, expressRouteCircuit",
            ),
            (
                "a: {virtualNetworkGateway1: vpn, virtualNetworkGateway2: vpn2}, b: {virtualNetworkGateway1: vpn2, virtualNetworkGateway2: vpn}",
                "error ConnectionDuplicate: connections `a` and `b` connect the same two; leave one out",
            ),
            (
                "a: {virtualNetworkGateway1: vpn, localNetworkGateway2: statik}",
                "error InvalidResourceReference: there is no local network gateway `statik`; did you mean `static`?",
            ),
        ],
    );
}

#[test]
fn s8_2_bgp_over_a_connection_needs_settings_on_both_sides_and_two_numbers() {
    check(
        &connections,
        &[
            ("a: {virtualNetworkGateway1: vpn, localNetworkGateway2: bgp, enableBgp: true}", ""),
            (
                "a: {virtualNetworkGateway1: vpn, localNetworkGateway2: static, enableBgp: true}",
                "error BgpNotConfigured: connection `a` cannot have enableBgp: `static` has no BGP settings; give `static` `bgpSettings: {asn: ..}`, or leave `enableBgp` out",
            ),
            (
                "a: {virtualNetworkGateway1: vpn2, localNetworkGateway2: bgp, enableBgp: true}",
                "error BgpNotConfigured: connection `a` cannot have enableBgp: `vpn2` has no BGP settings; give `vpn2` `bgpSettings: {asn: ..}`, or leave `enableBgp` out",
            ),
        ],
    );
    check(
        &|typed| {
            base(&format!(
                "virtualNetworkGateways: {{a: {{virtualNetwork: hub, gatewayType: Vpn, enableBgp: true}}, b: {{virtualNetwork: other, gatewayType: Vpn, bgpSettings: {{asn: {typed}}}}}}}\nconnections: {{v2v: {{virtualNetworkGateway1: a, virtualNetworkGateway2: b, enableBgp: true}}}}"
            ))
        },
        &[
            ("65020", ""),
            (
                "65515",
                "error BgpAsnEqual: BGP cannot run over connection `v2v`: `a` and `b` both have ASN 65515; give one of them another `bgpSettings.asn`",
            ),
        ],
    );
}

#[test]
fn connections_refer_to_what_they_connect() {
    let file = connections(
        "a: {virtualNetworkGateway1: vpn, localNetworkGateway2: static}, b: {virtualNetworkGateway1: er, expressRouteCircuit: c1}",
    );
    let network = load(&format!("name: lab\n{file}\n")).network.unwrap();
    let [a, b] = &network.connections[..] else { panic!("two connections") };
    assert_eq!(
        (a.gateway, a.to),
        (GatewayId(0), ConnectionTarget::LocalNetworkGateway(LocalNetworkGatewayId(1)))
    );
    assert!(!a.enable_bgp && b.enable_bgp, "ExpressRoute always speaks BGP");
}

#[test]
fn s2_2_16_circuits_need_a_gateway_subnet_of_26() {
    let file = |length: u8, count: usize| {
        let circuits: String =
            (0..count).map(|n| format!("c{n}: {{site: seoul, peerASN: 65010}}, ")).collect();
        let connections: String = (0..count)
            .map(|n| format!("x{n}: {{virtualNetworkGateway1: er, expressRouteCircuit: c{n}}}, "))
            .collect();
        format!(
            "name: lab
virtualNetworks: {{hub: {{addressSpace: [10.0.0.0/16], subnets: {{GatewaySubnet: {{addressPrefix: 10.0.254.0/{length}}}}}}}}}
onPremises: {{seoul: {{addressPrefixes: [10.50.0.0/16]}}}}
virtualNetworkGateways: {{er: {{virtualNetwork: hub, gatewayType: ExpressRoute}}}}
expressRouteCircuits: {{{circuits}}}
connections: {{{connections}}}
"
        )
    };
    assert_eq!(problems(&file(26, 16)), "");
    assert_eq!(problems(&file(27, 15)), "");
    assert_eq!(
        problems(&file(27, 16)),
        "error SubnetSize: gateway `er` has 16 circuits, and its GatewaySubnet is a /27; make it a /26 or larger"
    );
}

#[test]
fn s8_4_a_route_server_stands_in_its_subnet_and_speaks_with_appliances() {
    let network = network(
        "virtualMachines:
  nva: {networkInterfaces: {nic0: {subnet: hub/web}, nic1: {subnet: hub/web}}}
  far: {subnet: bare/web}
routeServers:
  rs:
    virtualNetwork: hub
    allowBranchToBranchTraffic: true
    hubRoutingPreference: aspath
    peers: {NVA: {peerAsn: 65001, routes: [{network: 10.250.0.0/16, asPath: [65001, 65001]}]}, far: {peerAsn: 65002}}",
    );
    let server = &network.route_servers[0];
    assert_eq!(addresses(&server.private_addresses), ["10.0.253.4", "10.0.253.5"]);
    assert!(server.allow_branch_to_branch_traffic);
    assert_eq!(server.hub_routing_preference.to_string(), "ASPath");
    assert_eq!(server.peers[0].address.to_string(), "10.0.1.4");
    assert_eq!(server.peers[0].bgp.routes[0].as_path, [65001, 65001]);
    assert_eq!(
        (server.peers[1].address.to_string(), server.peers[1].bgp.routes.len()),
        ("10.2.1.4".into(), 0)
    );
}

#[test]
fn s8_4_one_route_server_with_8_peers_per_virtual_network() {
    let peers: String = (0..9).map(|n| format!("m{n}: {{peerAsn: 65001}}, ")).collect();
    let machines: String = (0..9).map(|n| format!("m{n}: {{subnet: hub/web}}, ")).collect();
    check(
        &|typed| base(&format!("virtualMachines: {{{machines}}}\nrouteServers: {{{typed}}}")),
        &[
            (
                &format!("rs: {{virtualNetwork: hub, peers: {{{peers}}}}}"),
                "error LimitExceeded: there are 9 BGP peers of route server `rs`; at most 8 are allowed; leave 1 out",
            ),
            (
                "a: {virtualNetwork: hub}, b: {virtualNetwork: hub}",
                "error RouteServerExists: virtual network `hub` has two route servers, `a` and `b`; a virtual network has one: leave one out",
            ),
            (
                "a: {virtualNetwork: bare}",
                "error ServiceSubnetMissing: virtual network `bare` has no RouteServerSubnet, where route server `a` stands; add a subnet of exactly that name, a /27 or larger, to `bare`",
            ),
            (
                "a: {virtualNetwork: hub, peers: {nobody: {peerAsn: 65001}}}",
                "error InvalidResourceReference: there is no virtual machine `nobody`; there is `m0`, `m1`, `m2`, `m3`, `m4`, `m5`, `m6`, `m7`, ...",
            ),
        ],
    );
}

#[test]
fn s10_2_a_private_endpoint_has_an_address_of_its_own_and_a_state() {
    let network = network(
        "services: {sql: {type: Microsoft.Sql, ipAddress: 20.60.0.9}}
virtualMachines: {a: {subnet: hub/web}, b: {subnet: hub/web}}
privateEndpoints:
  given: {subnet: hub/web, service: sql, privateIPAddress: 10.0.1.4}
  free: {subnet: hub/web, service: SQL, privateLinkServiceConnectionState: Pending}",
    );
    let [given, free] = &network.private_endpoints[..] else { panic!("two endpoints") };
    assert_eq!((given.address.to_string(), free.address.to_string()), ("10.0.1.4".into(), "10.0.1.7".into()));
    assert_eq!((given.state.to_string(), free.state.to_string()), ("Approved".into(), "Pending".into()));
    assert_eq!(addresses(&network.virtual_machines[0].nics[0].addresses), ["10.0.1.5"]);
    check(
        &|typed| {
            base(&format!(
                "services: {{sql: {{type: Microsoft.Sql, ipAddress: 20.60.0.9}}}}\nvirtualMachines: {{a: {{subnet: hub/web, privateIPAddress: 10.0.1.9}}}}\nprivateEndpoints: {{{typed}}}"
            ))
        },
        &[
            (
                "pe: {subnet: hub/web, service: sql, privateIPAddress: 10.0.1.9}",
                "error PrivateIPAddressInUse: 10.0.1.9 is there twice in virtual network `hub`; give each network interface its own address",
            ),
            (
                "pe: {subnet: hub/web, service: sql, privateIPAddress: 10.0.1.3}",
                "error PrivateIPAddressInReservedRange: 10.0.1.3 is reserved in subnet `hub/web` (10.0.1.0/24) for Azure DNS; use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "pe: {subnet: hub/web, service: nosql}",
                "error InvalidResourceReference: there is no service `nosql`; there is `sql`",
            ),
            (
                "pe: {subnet: hub/web, service: sql, location: japaneast}",
                "error ResourcesInDifferentRegions: private endpoint `pe` is in japaneast, virtual network `hub` in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
        ],
    );
}
