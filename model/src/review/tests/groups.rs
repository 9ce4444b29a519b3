//! Subnets without a group, and spaces that overlap.

use super::said;

#[test]
fn a_subnet_with_machines_should_have_a_group() {
    let file = |subnet: &str, machine: &str| {
        said(&format!(
            "name: lab
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {{addressPrefix: 10.0.1.0/24{subnet}}}
      empty: {{addressPrefix: 10.0.2.0/24}}
      AzureFirewallSubnet: {{addressPrefix: 10.0.3.0/26}}
networkSecurityGroups: {{nsg: {{}}}}
virtualMachines:
  web1: {{subnet: hub/web, networkSecurityGroup: nsg}}
  web2: {{subnet: hub/web{machine}}}
  web3: {{subnet: hub/web{machine}}}
  fw: {{subnet: hub/AzureFirewallSubnet}}
"
        ))
    };
    assert_eq!(
        file("", ""),
        [
            "SubnetWithoutNetworkSecurityGroup: subnet `hub/web` has no network security group, and `web2/nic0` in it has none either; set `networkSecurityGroup` on the subnet: without one, whoever reaches it reaches every port"
        ]
    );
    assert!(file(", networkSecurityGroup: nsg", "").is_empty());
    assert!(file("", ", networkSecurityGroup: nsg").is_empty());
}

#[test]
fn networks_that_overlap_can_never_be_joined() {
    let file = |spaces: [&str; 3]| {
        let vnets = ["a", "b", "c"].iter().zip(spaces);
        let vnets: String =
            vnets.map(|(name, space)| format!("  {name}: {{addressSpace: [{space}]}}\n")).collect();
        said(&format!("name: lab\nvirtualNetworks:\n{vnets}"))
    };
    assert!(file(["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]).is_empty());
    assert_eq!(
        file(["10.0.0.0/16", "10.1.0.0/16", "192.168.0.0/24, 10.0.4.0/24, 10.1.4.0/24"]),
        [
            "VirtualNetworksOverlap: virtual networks `a` and `c` overlap (10.0.0.0/16 and 10.0.4.0/24), so they can never be peered; give each a range of its own, if they may ever be joined"
        ]
    );
}
