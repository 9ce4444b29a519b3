//! Who is meant.

use super::{hub_spoke, nic};
use crate::network::build::NetworkBuilder;
use crate::network::{PowerState, SubnetRef, VnetId};
use crate::network_watcher::Target;

#[test]
fn a_vm_means_its_primary_nic_and_names_have_no_case() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm_with("fw", &["10.0.0.4", "10.0.0.5"], |_| {})
        .build();
    assert_eq!(Target::find(&network, "FW"), Target::find(&network, "fw/nic0"));
    assert_ne!(Target::find(&network, "fw/NIC1"), Target::find(&network, "fw"));
}

#[test]
fn s13_1_of_several_nics_the_one_with_the_local_address_is_meant() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm_with("fw", &["10.0.0.4", "10.0.0.5"], |_| {})
        .build();
    let owner = |name: &str, address: &str| Target::find_owner(&network, name, address.parse().unwrap());
    assert_eq!(owner("fw", "10.0.0.5").unwrap(), nic(&network, "fw/nic1"));
    assert_eq!(owner("fw/nic1", "10.0.0.5").unwrap(), nic(&network, "fw/nic1"));
    let said = owner("fw/nic0", "10.0.0.5").unwrap_err().to_string();
    assert_eq!(said, "10.0.0.5 is not an address of fw/nic0; it has 10.0.0.4");
    assert!(owner("fw", "10.0.0.6").is_err());
    assert!(owner("a/default", "10.0.0.5").unwrap_err().to_string().contains("is a subnet"));
}

#[test]
fn s13_2_a_nic_sends_from_its_own_addresses_and_with_ip_forwarding_from_others() {
    let network = hub_spoke();
    let sender = |name: &str, source: &str| Target::find_sender(&network, name, source.parse().unwrap());
    assert_eq!(sender("web1", "10.1.1.4"), Target::find(&network, "web1"));
    assert!(sender("web1", "10.1.1.5").is_err());
    assert_eq!(sender("nva", "10.1.1.4"), Target::find(&network, "nva"));
    assert_eq!(sender("spoke/web", "10.1.1.9"), Target::find(&network, "spoke/web"));
}

/// Azure refuses both.
#[test]
fn s13_subnets_of_gateways_and_vms_that_do_not_run_are_answered_too() {
    let network = hub_spoke();
    let gateway_subnet = Target::Subnet(SubnetRef { vnet: VnetId(0), index: 0 });
    assert_eq!(Target::find(&network, "hub/gatewaysubnet"), Ok(gateway_subnet));
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .vm_with("off", &["10.0.0.4"], |vm| vm.power_state = PowerState::Deallocated)
        .build();
    assert!(matches!(Target::find(&network, "off"), Ok(Target::Nic(_))));
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let network = hub_spoke();
    let said = |name: &str| Target::find(&network, name).unwrap_err().to_string();
    assert_eq!(said("nvaa"), "there is no virtual machine nvaa; did you mean nva?");
    assert_eq!(said("web1/nic9"), "there is no network interface of web1 called nic9; did you mean nic0?");
    assert_eq!(said("hub/nvas"), "there is no subnet of hub called nvas; did you mean nva?");
    assert_eq!(said("hubb/nva"), "there is no virtual machine or virtual network hubb; did you mean hub?");
}
