//! Subnets.

use super::*;

#[test]
fn s1_1_a_subnet_lies_inside_one_prefix_of_its_network() {
    check(
        &networks,
        &[
            (
                "hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.1.0.0/24}}}",
                "error NetcfgInvalidSubnet: subnet `hub/web` (10.1.0.0/24) is not inside an address prefix of virtual network `hub`; a subnet lies inside one prefix of the address space: 10.0.0.0/16",
            ),
            (
                "hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.0.0/15}}}",
                "error NetcfgInvalidSubnet: subnet `hub/web` (10.0.0.0/15) is not inside an address prefix of virtual network `hub`; a subnet lies inside one prefix of the address space: 10.0.0.0/16",
            ),
            (
                "hub: {addressSpace: [10.0.0.0/16, 10.1.0.0/16], subnets: {web: {addressPrefix: 10.0.0.0/15}}}",
                "error NetcfgInvalidSubnet: subnet `hub/web` (10.0.0.0/15) is not inside an address prefix of virtual network `hub`; a subnet lies inside one prefix of the address space: 10.0.0.0/16, 10.1.0.0/16",
            ),
        ],
    );
}

#[test]
fn s1_1_subnets_do_not_overlap() {
    check(
        &subnets,
        &[(
            "web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.1.128/25}",
            "error NetcfgSubnetRangesOverlap: subnet `hub/db` (10.0.1.128/25) overlaps subnet `web` (10.0.1.0/24); give each subnet a range of its own",
        )],
    );
}

#[test]
fn s1_1_a_subnet_is_2_to_29() {
    check(
        &networks,
        &[
            ("hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/29}}}", ""),
            (
                "hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/30}}}",
                "error SubnetSize: subnet `hub/web` is a /30; subnets are /2 to /29: Azure keeps five addresses of each",
            ),
            (
                "hub: {addressSpace: [0.0.0.0/1], subnets: {web: {addressPrefix: 0.0.0.0/1}}}",
                concat!(
                    "error AddressSpaceForbidden: address prefix 0.0.0.0/1 overlaps 127.0.0.0/8, which is for loopback; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10\n",
                    "error SubnetSize: subnet `hub/web` is a /1; subnets are /2 to /29: Azure keeps five addresses of each"
                ),
            ),
        ],
    );
}

#[test]
fn a_subnet_has_one_prefix() {
    check(
        &subnets,
        &[
            (
                "web: {addressPrefix: []}",
                "error SubnetPrefixMissing: subnet `hub/web` has no address prefix; give it one, such as 10.0.0.0/24",
            ),
            (
                "web: {addressPrefixes: [10.0.1.0/24, 10.0.2.0/24]}",
                "error NotBuiltYet: not built yet: several address prefixes in one subnet; leave it out",
            ),
        ],
    );
}

#[test]
fn s2_2_special_subnets_have_a_least_size() {
    check(
        &subnets,
        &[
            ("GatewaySubnet: {addressPrefix: 10.0.1.0/29}", ""),
            (
                "AzureFirewallSubnet: {addressPrefix: 10.0.1.0/27}",
                "error SubnetSize: subnet `hub/AzureFirewallSubnet` is a /27, too small for its service; AzureFirewallSubnet is a /26 or larger",
            ),
            (
                "AzureFirewallManagementSubnet: {addressPrefix: 10.0.1.0/27}",
                "error SubnetSize: subnet `hub/AzureFirewallManagementSubnet` is a /27, too small for its service; AzureFirewallManagementSubnet is a /26 or larger",
            ),
            (
                "AzureBastionSubnet: {addressPrefix: 10.0.1.0/27}",
                "error SubnetSize: subnet `hub/AzureBastionSubnet` is a /27, too small for its service; AzureBastionSubnet is a /26 or larger",
            ),
            (
                "RouteServerSubnet: {addressPrefix: 10.0.1.0/28}",
                "error SubnetSize: subnet `hub/RouteServerSubnet` is a /28, too small for its service; RouteServerSubnet is a /27 or larger",
            ),
        ],
    );
}

#[test]
fn s2_2_special_subnets_are_spelled_exactly() {
    check(
        &subnets,
        &[(
            "gatewaySubnet: {addressPrefix: 10.0.1.0/24}",
            "warning SpecialSubnetCase: subnet `gatewaySubnet` is an ordinary subnet: Azure looks for `GatewaySubnet`; write `GatewaySubnet` if it is for that service",
        )],
    );
}

#[test]
fn s2_2_most_special_subnets_take_no_network_security_group() {
    const FILE: &str = "networkSecurityGroups: {nsg: {}}";
    check(
        &|inner| format!("{FILE}\n{}", subnets(inner)),
        &[
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error SpecialSubnetNetworkSecurityGroup: GatewaySubnet takes no network security group; leave it out",
            ),
            (
                "AzureFirewallSubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error SpecialSubnetNetworkSecurityGroup: AzureFirewallSubnet takes no network security group; leave it out",
            ),
            (
                "AzureFirewallManagementSubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error SpecialSubnetNetworkSecurityGroup: AzureFirewallManagementSubnet takes no network security group; leave it out",
            ),
            (
                "RouteServerSubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error SpecialSubnetNetworkSecurityGroup: RouteServerSubnet takes no network security group; leave it out",
            ),
            (
                "AzureBastionSubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error NetworkSecurityGroupNotCompliantForAzureBastionSubnet: network security group `nsg` on AzureBastionSubnet does not allow inbound 443 from GatewayManager, outbound 443 to AzureCloud, outbound 22 to VirtualNetwork, outbound 3389 to VirtualNetwork; add rules with access Allow, protocol Tcp, and these ports and service tags",
            ),
        ],
    );
}

#[test]
fn s2_2_special_subnets_take_certain_route_tables() {
    const FILE: &str = "routeTables:
  to-nva: {routes: {d: {addressPrefix: 0.0.0.0/0, nextHopType: Internet}, s: {addressPrefix: 10.1.0.0/16, nextHopType: None}}}
  no-bgp: {disableBgpRoutePropagation: true}
  spokes: {routes: {s: {addressPrefix: 10.1.0.0/16, nextHopType: None}}}
  out: {routes: {d: {addressPrefix: 0.0.0.0/0, nextHopType: Internet}}}";
    check(
        &|inner| format!("{FILE}\n{}", subnets(inner)),
        &[
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, routeTable: to-nva}",
                "error SpecialSubnetRouteTable: GatewaySubnet takes no route table with 0.0.0.0/0; name the prefixes that have to be steered",
            ),
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, routeTable: no-bgp}",
                "error SpecialSubnetRouteTable: GatewaySubnet takes no route table that disables BGP route propagation; set `disableBgpRoutePropagation: false`",
            ),
            ("GatewaySubnet: {addressPrefix: 10.0.1.0/24, routeTable: spokes}", ""),
            ("AzureFirewallSubnet: {addressPrefix: 10.0.1.0/24, routeTable: to-nva}", ""),
            (
                "AzureFirewallManagementSubnet: {addressPrefix: 10.0.1.0/24, routeTable: to-nva}",
                "error SpecialSubnetRouteTable: AzureFirewallManagementSubnet takes only a route table whose single route leads 0.0.0.0/0 to the internet; write {addressPrefix: 0.0.0.0/0, nextHopType: Internet} and nothing else",
            ),
            (
                "AzureFirewallManagementSubnet: {addressPrefix: 10.0.1.0/24, routeTable: out}",
                "warning SpecialSubnetRouteTable: AzureFirewallManagementSubnet has a route table that propagates routes of gateways; set `disableBgpRoutePropagation: true`, or what a gateway learns leads the firewall's own traffic away",
            ),
            (
                "AzureBastionSubnet: {addressPrefix: 10.0.1.0/24, routeTable: spokes}",
                "error SpecialSubnetRouteTable: AzureBastionSubnet takes no route table; leave it out",
            ),
            (
                "RouteServerSubnet: {addressPrefix: 10.0.1.0/24, routeTable: spokes}",
                "error SpecialSubnetRouteTable: RouteServerSubnet takes no route table; leave it out",
            ),
        ],
    );
}

#[test]
fn s1_2_what_is_attached_is_in_the_same_region() {
    check(
        &lab,
        &[
            ("virtualNetworks: {hub: {location: japaneast, addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24, routeTable: rt}}}}
routeTables: {rt: {}}", "error ResourcesInDifferentRegions: route table `rt` is in koreacentral, virtual network `hub` in japaneast; use one in japaneast: give it `location: japaneast`"),
            ("virtualNetworks: {hub: {location: Japan East, addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24, routeTable: rt}}}}
routeTables: {rt: {location: japaneast}}", ""),
            ("virtualNetworks: {hub: {location: japaneast, addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}}}}
networkSecurityGroups: {nsg: {location: westus}}", "error ResourcesInDifferentRegions: network security group `nsg` is in westus, virtual network `hub` in japaneast; use one in japaneast: give it `location: japaneast`"),
        ],
    );
}

#[test]
fn s2_2_a_group_on_the_bastion_subnet_has_the_rules_that_bastion_needs() {
    let file = |cloud: &str| {
        format!(
            "networkSecurityGroups:
  nsg:
    securityRules:
      manager: {{priority: 100, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: GatewayManager, destinationPortRange: 443}}
      cloud: {{priority: 100, direction: Outbound, access: Allow, protocol: '*', destinationAddressPrefix: {cloud}, destinationPortRange: 443}}
      machines: {{priority: 110, direction: Outbound, access: Allow, protocol: Tcp, destinationAddressPrefix: VirtualNetwork, destinationPortRange: [22, 3389]}}
{}",
            subnets("AzureBastionSubnet: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}")
        )
    };
    let errors = |cloud: &str| {
        let said = problems(&format!("name: lab\n{}\n", file(cloud)));
        said.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(errors("AzureCloud"), "");
    assert!(
        errors("AzureCloud.KoreaCentral")
            .starts_with("error NetworkSecurityGroupNotCompliantForAzureBastionSubnet: network security group `nsg` on AzureBastionSubnet does not allow outbound 443 to AzureCloud;")
    );
}
