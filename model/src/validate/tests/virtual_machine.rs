//! Virtual machines, their interfaces and addresses.

use super::*;

#[test]
fn a_machine_has_an_interface_in_a_subnet() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[
            (
                "web1: {}",
                "error SubnetMissing: network interface `web1/nic0` has no subnet; give it one, such as `subnet: spoke1/web`",
            ),
            (
                "web1: {networkInterfaces: {nic0: {}}}",
                "error SubnetMissing: network interface `web1/nic0` has no subnet; give it one, such as `subnet: spoke1/web`",
            ),
            (
                "web1: {subnet: hub/web, enableIPForwarding: true, networkInterfaces: {nic0: {subnet: hub/web}}}",
                concat!(
                    "error NetworkInterfaceTwice: virtual machine `web1` has networkInterfaces and `subnet`; write `subnet` on a network interface\n",
                    "error NetworkInterfaceTwice: virtual machine `web1` has networkInterfaces and `enableIPForwarding`; write `enableIPForwarding` on a network interface"
                ),
            ),
            (
                "web1: {networkInterfaces: {nic0: {subnet: hub/web}, NIC0: {subnet: hub/web}}}",
                "error DuplicateResourceName: there are two network interfaces of one name: `nic0` and `NIC0`; case does not tell names apart: give one of them another name",
            ),
            (
                "web1: {networkInterfaces: {n0: {subnet: hub/web}, n1: {subnet: hub/web}, n2: {subnet: hub/web}, n3: {subnet: hub/web}, n4: {subnet: hub/web}, n5: {subnet: hub/web}, n6: {subnet: hub/web}, n7: {subnet: hub/web}, n8: {subnet: hub/web}}}",
                "error LimitExceeded: there are 9 network interfaces of `web1`; at most 8 are allowed; leave 1 out",
            ),
        ],
    );
}

#[test]
fn all_interfaces_are_in_one_virtual_network() {
    check(
        &|inner| format!("{TWO}{}", machines(inner)),
        &[
            (
                "fw: {networkInterfaces: {nic0: {subnet: hub/web}, nic1: {subnet: spoke/app}}}",
                "error NetworkInterfacesInDifferentVnets: virtual machine `fw` has network interfaces in `hub` and `spoke`; all network interfaces of a virtual machine are in one virtual network",
            ),
            ("fw: {networkInterfaces: {nic0: {subnet: hub/web}, nic1: {subnet: hub/db}}}", ""),
        ],
    );
}

#[test]
fn all_addresses_of_an_interface_are_in_one_subnet() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[
            (
                "a: {ipConfigurations: {one: {subnet: hub/web}, two: {subnet: hub/db}}}",
                "error IpConfigurationsInDifferentSubnets: network interface `a/nic0` has addresses in `hub/web` and `hub/db`; all addresses of a network interface are in one subnet",
            ),
            ("a: {ipConfigurations: {one: {subnet: hub/web}, two: {}}}", ""),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.4, ipConfigurations: {one: {}}}",
                "error PrivateIPAddressTwice: network interface `a/nic0` has a privateIPAddress and ipConfigurations; write the address in the first ipConfiguration",
            ),
        ],
    );
}

#[test]
fn s2_1_a_static_address_is_inside_the_subnet_free_and_not_reserved() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.2.4}",
                "error PrivateIPAddressNotInSubnet: 10.0.2.4 is not in subnet `hub/web` (10.0.1.0/24); use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.0}",
                "error PrivateIPAddressInReservedRange: 10.0.1.0 is reserved in subnet `hub/web` (10.0.1.0/24) for the network address; use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.1}",
                "error PrivateIPAddressInReservedRange: 10.0.1.1 is reserved in subnet `hub/web` (10.0.1.0/24) for the default gateway; use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.3}",
                "error PrivateIPAddressInReservedRange: 10.0.1.3 is reserved in subnet `hub/web` (10.0.1.0/24) for Azure DNS; use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.255}",
                "error PrivateIPAddressInReservedRange: 10.0.1.255 is reserved in subnet `hub/web` (10.0.1.0/24) for the broadcast address; use an address from 10.0.1.4 to 10.0.1.254",
            ),
            (
                "a: {subnet: hub/web, privateIPAddress: 10.0.1.4}, b: {subnet: hub/web, privateIPAddress: 10.0.1.4}",
                "error PrivateIPAddressInUse: 10.0.1.4 is there twice in virtual network `hub`; give each network interface its own address",
            ),
        ],
    );
}

#[test]
fn a_subnet_can_be_full() {
    check(
        &lab,
        &[
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {tiny: {addressPrefix: 10.0.1.0/29}}}}
virtualMachines: {a: {subnet: hub/tiny}, b: {subnet: hub/tiny}, c: {subnet: hub/tiny}, d: {subnet: hub/tiny}, e: {subnet: hub/tiny}}", "error SubnetIsFull: subnet `hub/tiny` (10.0.1.0/29) has no free address left; a /29 has 3 addresses: use a larger subnet"),
        ],
    );
}

#[test]
fn s2_2_machines_stand_in_no_special_subnet_but_the_firewalls() {
    check(
        &lab,
        &[
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {GatewaySubnet: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {a: {subnet: hub/GatewaySubnet}}", "error SpecialSubnetVirtualMachine: network interface `a/nic0` is in GatewaySubnet, which takes no virtual machines; put it into an ordinary subnet"),
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {AzureFirewallSubnet: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {a: {subnet: hub/AzureFirewallSubnet}}", ""),
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {AzureFirewallManagementSubnet: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {a: {subnet: hub/AzureFirewallManagementSubnet}}", "error SpecialSubnetVirtualMachine: network interface `a/nic0` is in AzureFirewallManagementSubnet, which takes no virtual machines; put it into an ordinary subnet"),
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {AzureBastionSubnet: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {a: {subnet: hub/AzureBastionSubnet}}", "error SpecialSubnetVirtualMachine: network interface `a/nic0` is in AzureBastionSubnet, which takes no virtual machines; put it into an ordinary subnet"),
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {RouteServerSubnet: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {a: {subnet: hub/RouteServerSubnet}}", "error SpecialSubnetVirtualMachine: network interface `a/nic0` is in RouteServerSubnet, which takes no virtual machines; put it into an ordinary subnet"),
        ],
    );
}

#[test]
fn s1_2_a_machine_is_where_its_network_is() {
    const FILE: &str = "networkSecurityGroups: {nsg: {location: westus}}";
    check(
        &|inner| format!("{HUB}{FILE}\n{}", machines(inner)),
        &[
            (
                "a: {subnet: hub/web, location: japaneast}",
                "error ResourcesInDifferentRegions: virtual machine `a` is in japaneast, its virtual network `hub` in koreacentral; leave location out, or use a virtual network in japaneast",
            ),
            (
                "a: {subnet: hub/web, networkSecurityGroup: nsg}",
                "error ResourcesInDifferentRegions: network security group `nsg` is in westus, the network interface in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
        ],
    );
}

#[test]
fn the_guest_listens_once_per_port_and_runs_commands() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[
            (
                "a: {subnet: hub/web, listen: [80/tcp, 80/udp, 80/TCP]}",
                "error DuplicateListen: virtual machine `a` listens on 80/tcp twice; leave one out",
            ),
            (
                "a: {subnet: hub/web, commands: ['']}",
                "error InvalidCommand: virtual machine `a` has an empty command; write what a shell shall run, or leave it out",
            ),
        ],
    );
}

#[test]
fn two_ports_may_not_have_one_namespace() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[(
            "a-b: {networkInterfaces: {c: {subnet: hub/web}}}, a: {networkInterfaces: {b-c: {subnet: hub/web}}}",
            "error NamespaceCollision: `a-b/c` and `a/b-c` would both have the namespace port-a-b-c; give one of the network interfaces another name",
        )],
    );
}

#[test]
fn a_name_is_a_hostname() {
    check(
        &|inner| format!("{HUB}{}", machines(inner)),
        &[(
            "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm: {subnet: hub/web}",
            "error InvalidResourceName: virtual machine name `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm` has 65 characters; use at most 64",
        )],
    );
}
