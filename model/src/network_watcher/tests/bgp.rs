//! What gateways learn and announce.

use super::policy;
use crate::network::Network;
use crate::network::build::NetworkBuilder;
use crate::network::gateway::GatewayType;
use crate::network_watcher::{list_advertised_routes, list_bgp_peer_status, list_learned_routes};

fn hub() -> Network {
    NetworkBuilder::new()
        .vnet_with("hub", &["10.0.0.0/16"])
        .subnet("hub", "GatewaySubnet", "10.0.254.0/27")
        .gateway("vpn", "hub", GatewayType::Vpn)
        .site("seoul", &["10.50.0.0/16"], &[])
        .bgp_local_network_gateway("seoul-dc", "seoul", 65010, &["10.50.0.0/16"])
        .connect("vpn", "seoul-dc")
        .build()
}

#[test]
fn s8_6_a_gateway_lists_what_it_learns_and_announces() {
    let network = hub();
    let policy = policy(&network);
    let learned = list_learned_routes(&policy, "VPN").unwrap().value;
    let rows: Vec<_> =
        learned.iter().map(|r| format!("{} {} {:?}", r.network, r.as_path, r.origin)).collect();
    assert_eq!(rows, ["10.0.0.0/16  \"Network\"", "10.50.0.0/16 65010 \"EBgp\""]);
    let announced = list_advertised_routes(&policy, "vpn", "seoul-dc").unwrap();
    assert_eq!(announced.value.len(), 1);
    assert_eq!(announced.value[0].network, "10.0.0.0/16".parse().unwrap());
    assert_eq!(announced.value[0].as_path, "65515");
    let shown = serde_json::to_value(&announced).unwrap();
    for field in ["network", "asPath", "nextHop"] {
        assert!(!shown["value"][0][field].is_null(), "{field}: {shown}");
    }
}

#[test]
fn s8_2_peers_are_listed_with_their_state() {
    let network = hub();
    let peers = list_bgp_peer_status(&policy(&network), "vpn").unwrap().value;
    assert_eq!(peers.len(), 1);
    assert_eq!((peers[0].name.as_str(), peers[0].asn, peers[0].state), ("seoul-dc", 65010, "Connected"));
    assert_eq!((peers[0].neighbor.as_str(), peers[0].routes_received), ("seoul-dc", 1));
}

#[test]
fn gateways_and_peers_that_are_not_there_are_refused_by_name() {
    let network = hub();
    let policy = policy(&network);
    let said = list_learned_routes(&policy, "vpnn").unwrap_err().to_string();
    assert_eq!(said, "there is no virtual network gateway or route server vpnn; did you mean vpn?");
    let said = list_advertised_routes(&policy, "vpn", "busan").unwrap_err().to_string();
    assert_eq!(said, "vpn has no BGP peer busan; it has seoul-dc");
}
