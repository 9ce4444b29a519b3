//! Peering links.

use super::hub_spoke;
use crate::network::build::NetworkBuilder;
use crate::network::{Network, VnetId};
use crate::network_watcher::list_peerings;

fn levels(network: &Network) -> Vec<String> {
    let links = list_peerings(network, None).value.into_iter();
    links
        .map(|link| format!("{} {} {:?}", link.virtual_network, link.peering_state, link.peering_sync_level))
        .collect()
}

#[test]
fn s7_1_links_have_azures_shape() {
    let network = hub_spoke();
    insta::assert_json_snapshot!(list_peerings(&network, Some(VnetId(1))), @r#"
    {
      "value": [
        {
          "name": "to-hub",
          "virtualNetwork": "spoke",
          "remoteVirtualNetwork": "hub",
          "peeringState": "Connected",
          "peeringSyncLevel": "FullyInSync"
        }
      ]
    }
    "#);
    assert_eq!(list_peerings(&network, None).value.len(), 2);
}

/// After b has grown: a's link is out of date, so a has to sync; seen from b, the other side is.
#[test]
fn s1_1_a_peering_needs_a_sync_when_the_peer_has_changed_its_space() {
    let mut network =
        NetworkBuilder::new().vnet("a", "10.0.0.0/16").vnet("b", "10.1.0.0/16").peer("a", "b").build();
    assert_eq!(levels(&network), ["a Connected FullyInSync", "b Connected FullyInSync"]);
    network.virtual_networks[1].address_space.push("10.9.0.0/16".parse().unwrap());
    assert_eq!(levels(&network), ["a Connected LocalNotInSync", "b Connected RemoteNotInSync"]);
    network.virtual_networks[0].address_space.push("10.8.0.0/16".parse().unwrap());
    assert_eq!(
        levels(&network),
        ["a Connected LocalAndRemoteNotInSync", "b Connected LocalAndRemoteNotInSync"]
    );
}

#[test]
fn s7_1_a_peering_with_one_link_is_initiated_and_the_remote_side_is_not_in_sync() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vnet("b", "10.1.0.0/16")
        .link("a", "b", |_| {})
        .build();
    assert_eq!(levels(&network), ["a Initiated RemoteNotInSync"]);
}
