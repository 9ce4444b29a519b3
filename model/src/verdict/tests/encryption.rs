//! Virtual network encryption: what a flow log would say, and what is dropped where nothing may go in clear.

use super::*;
use crate::effective::FlowEncryption;
use crate::network::HostId;
use crate::network::vnet::EncryptionEnforcement;

/// Two spokes that only the hub's appliance joins, each machine on a host of its own; all three encrypted.
fn spokes(enforcement: EncryptionEnforcement) -> Network {
    let mut network = hub_and_spokes().nva("nva", &["10.0.0.4"]).vm("web2", "10.1.0.5").build();
    for vnet in &mut network.virtual_networks {
        vnet.encryption = Some(enforcement);
    }
    network
}

fn code(answer: &Explanation) -> &'static str {
    answer.encryption.map(FlowEncryption::as_str).unwrap_or_default()
}

fn details(answer: &Explanation) -> Vec<&str> {
    let routes = answer.steps.iter().filter(|step| step.stage == DropReason::Route);
    routes.map(|step| step.detail.as_str()).collect()
}

#[test]
fn s11_2_what_goes_through_an_appliance_is_encrypted_on_every_stretch() {
    let network = spokes(EncryptionEnforcement::AllowUnencrypted);
    let answer = tcp(&network, "web1", "db1", 80);
    assert_eq!((said(&answer).as_str(), code(&answer)), ("Allow web1>nva>db1", "X"));
    let told = details(&answer);
    assert!(told.len() == 2 && told.iter().all(|detail| detail.ends_with(", encrypted")), "{told:?}");
}

#[test]
fn s11_2_the_first_stretch_in_clear_is_what_is_said() {
    let mut network = spokes(EncryptionEnforcement::AllowUnencrypted);
    network.virtual_machines[1].nics[0].enable_accelerated_networking = false;
    let answer = tcp(&network, "web1", "db1", 80);
    assert_eq!((said(&answer).as_str(), code(&answer)), ("Allow web1>nva>db1", "NX_FALLBACK"));
    assert!(details(&answer)[1].ends_with(", in clear: db1/nic0 has no accelerated networking"));
    assert_eq!(code(&tcp(&network, "db1", "web1", 80)), "NX_HW_NOT_SUPPORTED");
    network.virtual_machines[2].host = HostId(0);
    assert_eq!(code(&tcp(&network, "web1", "db1", 80)), "NX_LOCAL_DST");
    network.virtual_networks[1].encryption = None;
    assert_eq!(code(&tcp(&network, "web1", "nva", 80)), "NX");
}

/// Before the underlay, so that nothing was encrypted; and in a guest, where nobody asks.
#[test]
fn s11_2_what_no_underlay_has_seen_was_not_encrypted() {
    let network = spokes(EncryptionEnforcement::AllowUnencrypted);
    assert_eq!(code(&tcp(&network, "web1", "10.1.0.99", 80)), "NX");
    assert_eq!(code(&tcp(&network, "web1", "168.63.129.16", 53)), "NX");
    assert_eq!(tcp(&network, "web1", "web1", 80).encryption, None);
}

#[test]
fn s11_3_what_cannot_be_encrypted_is_dropped_at_the_senders_port() {
    let mut network = spokes(EncryptionEnforcement::DropUnencrypted);
    assert_eq!(said(&tcp(&network, "web1", "db1", 80)), "Allow web1>nva>db1");
    network.virtual_machines[1].size = "Standard_B2s".to_owned();
    let answer = tcp(&network, "web1", "db1", 80);
    assert_eq!(said(&answer), "Deny encryption at nva web1>nva");
    assert_eq!(code(&answer), "NX_NOT_ACCEPTED");
    let last = answer.steps.last().unwrap();
    assert_eq!(
        last.detail,
        "to db1: db1/nic0 cannot, with size Standard_B2s, and what is in clear is dropped"
    );
    assert_eq!(said(&tcp(&network, "db1", "web1", 80)), "Deny encryption at db1 db1");
}

/// A load balancer is no station: sender and backend encrypt.
#[test]
fn s11_5_machines_behind_an_internal_load_balancer_take_part() {
    let with = |size: &str| {
        let mut network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vm("web1", "10.0.0.4")
            .vm_with("db1", &["10.0.0.5"], |vm| vm.size = size.to_owned())
            .load_balancer("lb", "10.0.0.9", &["db1"], &["Tcp 80 80"])
            .build();
        network.virtual_networks[0].encryption = Some(EncryptionEnforcement::DropUnencrypted);
        let answer = tcp(&network, "web1", "10.0.0.9", 80);
        (said(&answer), code(&answer))
    };
    assert_eq!(with("Standard_D4s_v5"), ("Allow web1>db1".to_owned(), "X"));
    assert_eq!(with("Standard_B2s"), ("Deny encryption at web1 web1".to_owned(), "NX_NOT_ACCEPTED"));
}

/// Whatever is enforced: what is no NIC of a VM has no part in it.
#[test]
fn s11_5_what_goes_to_gateways_endpoints_and_the_internet_is_in_clear() {
    let mut network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .subnet("a", "GatewaySubnet", "10.0.254.0/27")
        .gateway("er", "a", crate::network::gateway::GatewayType::ExpressRoute)
        .internet_host("client", "203.0.113.9")
        .service("sql1", "Microsoft.Sql", "20.60.0.9")
        .private_endpoint("pe", "10.0.0.9", "sql1")
        .vm("web1", "10.0.0.4")
        .build();
    network.virtual_networks[0].encryption = Some(EncryptionEnforcement::DropUnencrypted);
    let of = |to: &str| {
        let answer = tcp(&network, "web1", to, 443);
        (said(&answer), code(&answer))
    };
    assert_eq!(of("internet/client"), ("Allow web1>internet/client".to_owned(), "NX"));
    assert_eq!(of("10.0.0.9").1, "NX");
    assert!(of("10.0.0.9").0.starts_with("Allow web1>pe"), "{}", of("10.0.0.9").0);
    assert_eq!(of("10.0.254.4").1, "NX");
}

#[test]
fn s11_5_peers_encrypt_in_one_region_and_across_regions() {
    for location in ["koreacentral", "westeurope"] {
        let mut network = spokes(EncryptionEnforcement::AllowUnencrypted);
        network.virtual_networks[1].location = location.to_owned();
        assert_eq!(code(&tcp(&network, "web1", "nva", 80)), "X");
        network.virtual_networks[0].encryption = None;
        assert_eq!(code(&tcp(&network, "web1", "nva", 80)), "NX");
    }
}
