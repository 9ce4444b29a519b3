//! Public addresses, NAT gateways, services, internet hosts, sites.

use super::*;
use crate::network::public::PublicIpSku;
use crate::network::{NatGatewayId, PublicIpId};

/// [`HUB`] with something more.
fn hub(typed: &str) -> String {
    format!("{HUB}{typed}")
}

/// A lab with this in its one virtual network.
fn hub_with(subnets: &str, more: &str) -> String {
    format!("virtualNetworks: {{hub: {{addressSpace: [10.0.0.0/16], subnets: {{{subnets}}}}}}}\n{more}")
}

#[test]
fn a_public_address_keeps_its_number_and_shares_it_with_nobody() {
    let file = |pips: &str| format!("name: lab\n{HUB}publicIPAddresses: {{{pips}}}\n");
    let addresses = |pips: &str| {
        let network = load(&file(pips)).network.unwrap();
        network.public_ip_addresses.iter().map(|pip| pip.address.to_string()).collect::<Vec<_>>()
    };
    let alone = addresses("b: {}");
    assert!(alone[0].starts_with("20.200."), "{alone:?}: koreacentral's range");
    assert_eq!(addresses("a: {}, b: {}, c: {location: japaneast}")[1], alone[0]);
    assert!(addresses("c: {location: japaneast}")[0].starts_with("20.215."));
    assert_eq!(addresses("x: {ipAddress: 20.200.0.4}"), ["20.200.0.4"]);
    let taken = addresses(&format!("a: {{ipAddress: {}}}, b: {{}}", alone[0]));
    assert_ne!(taken[0], taken[1]);
}

#[test]
fn a_given_out_address_is_outside_of_virtual_networks() {
    let file = |space: &str| {
        format!(
            "name: lab\nvirtualNetworks: {{v: {{addressSpace: [{space}]}}}}\npublicIPAddresses: {{b: {{}}}}\n"
        )
    };
    let address = |space| load(&file(space)).network.unwrap().public_ip_addresses[0].address;
    for space in ["20.200.0.0/16", "20.192.0.0/11", "20.200.0.0/17"] {
        let range: ipnet::Ipv4Net = space.parse().unwrap();
        assert!(!range.contains(&address(space)), "{space}");
    }
    assert!(
        problems(&file("20.0.0.0/8")).contains("error PublicIPAddressesExhausted: there is no address left")
    );
}

#[test]
fn numbers_on_the_public_side_are_public_and_different() {
    check(
        &hub,
        &[
            (
                "publicIPAddresses: {a: {ipAddress: 10.0.0.4}}",
                "error AddressNotPublic: public address `a` has 10.0.0.4, which is for private networks; give it a public address, such as 20.200.0.4",
            ),
            (
                "publicIPAddresses: {a: {ipAddress: 20.0.0.4}}\ninternet: {hosts: {h: 20.0.0.4}}\nservices: {s: {type: Microsoft.Sql, ipAddress: 20.0.0.4}}",
                "error DuplicatePublicAddress: 20.0.0.4 of internet host `h` is that of public address `a`; give each its own address\nerror DuplicatePublicAddress: 20.0.0.4 of service `s` is that of public address `a`; give each its own address",
            ),
        ],
    );
}

#[test]
fn s1_1_public_ranges_may_be_a_virtual_networks_own() {
    check(
        &lab,
        &[(
            "virtualNetworks: {v: {addressSpace: [203.0.113.0/24]}}\ninternet: {hosts: {h: 203.0.113.9}}",
            "warning PublicAddressInVirtualNetwork: 203.0.113.9 of internet host `h` is inside virtual network `v` (203.0.113.0/24); there it is a private address: give one of them another one",
        )],
    );
}

#[test]
fn s9_4_a_basic_public_address_is_retired() {
    check(
        &hub,
        &[(
            "publicIPAddresses: {a: {sku: Basic, ipAddress: 20.0.0.4}}",
            "warning RetiredSku: public address `a` is Basic, which was retired on 30 September 2025; use `sku: Standard`",
        )],
    );
}

#[test]
fn s9_4_a_public_address_belongs_to_one_ip_configuration() {
    let file = format!(
        "name: lab\n{HUB}publicIPAddresses: {{one: {{}}, two: {{}}}}\nvirtualMachines: {{a: {{subnet: hub/web, publicIPAddress: ONE}}, b: {{networkInterfaces: {{nic0: {{ipConfigurations: {{x: {{subnet: hub/web}}, y: {{publicIPAddress: two}}}}}}}}}}}}\n"
    );
    let network = load(&file).network.unwrap();
    let nic = |vm: usize| &network.virtual_machines[vm].nics[0];
    assert_eq!(nic(0).public_ips, [(nic(0).addresses[0], PublicIpId(0))]);
    assert_eq!(nic(1).public_ips, [(nic(1).addresses[1], PublicIpId(1))]);
    check(
        &hub,
        &[
            (
                "publicIPAddresses: {p: {}}\nvirtualMachines: {a: {subnet: hub/web, publicIPAddress: p}, b: {subnet: hub/web, publicIPAddress: p}}",
                "error PublicIPAddressInUse: public address `p` is for network interface `a/nic0` already; a public address serves one thing: give network interface `b/nic0` its own",
            ),
            (
                "publicIPAddresses: {p: {}}\nvirtualMachines: {a: {subnet: hub/web, publicIPAddress: q}}",
                "error InvalidResourceReference: there is no public address `q`; there is `p`",
            ),
            (
                "publicIPAddresses: {p: {location: japaneast}}\nvirtualMachines: {a: {subnet: hub/web, publicIPAddress: p}}",
                "error ResourcesInDifferentRegions: public address `p` is in japaneast, network interface `a/nic0` in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
            (
                "publicIPAddresses: {p: {}}\nvirtualMachines: {a: {subnet: hub/web, publicIPAddress: p, ipConfigurations: {x: {}}}}",
                "error PublicIPAddressTwice: network interface `a/nic0` has a publicIPAddress and ipConfigurations; write the address in the first ipConfiguration",
            ),
        ],
    );
}

#[test]
fn s9_2_a_nat_gateway_has_1_to_16_standard_addresses() {
    let many: String = (0..17).map(|n| format!("p{n}: {{}}, ")).collect();
    let names: String = (0..17).map(|n| format!("p{n}, ")).collect();
    check(
        &hub,
        &[
            ("publicIPAddresses: {p: {}}\nnatGateways: {egress: {publicIPAddresses: p}}", ""),
            ("publicIPAddresses: {p: {sku: StandardV2}}\nnatGateways: {egress: {publicIPAddresses: p}}", ""),
            (
                "natGateways: {egress: {}}",
                "error NatGatewayWithoutPublicIPAddress: NAT gateway `egress` has no public address; give it one, such as `publicIPAddresses: [pip-nat]`: without one nothing leaves by it",
            ),
            (
                &format!(
                    "publicIPAddresses: {{{many}}}\nnatGateways: {{egress: {{publicIPAddresses: [{names}]}}}}"
                ),
                "error LimitExceeded: there are 17 public addresses of NAT gateway `egress`; at most 16 are allowed; leave 1 out",
            ),
            (
                "publicIPAddresses: {p: {sku: Basic}}\nnatGateways: {egress: {publicIPAddresses: p}}",
                "warning RetiredSku: public address `p` is Basic, which was retired on 30 September 2025; use `sku: Standard`\nerror NatGatewayPublicIPAddressSku: NAT gateway `egress` cannot use public address `p`, which is Basic; use a Standard public address",
            ),
            (
                "publicIPAddresses: {p: {}, q: {sku: StandardV2}}\nnatGateways: {egress: {publicIPAddresses: [p, q]}}",
                "error NatGatewayPublicIPAddressSku: NAT gateway `egress` has public addresses of the SKUs Standard and StandardV2; Standard ones make it a Standard gateway, StandardV2 ones a StandardV2 gateway: use one SKU",
            ),
        ],
    );
}

#[test]
fn s9_2_a_nat_gateway_forgets_idle_flows_after_4_to_120_minutes() {
    let file = |minutes: &str| {
        hub(&format!(
            "publicIPAddresses: {{p: {{}}}}\nnatGateways: {{egress: {{publicIPAddresses: p, idleTimeoutInMinutes: {minutes}}}}}"
        ))
    };
    check(
        &file,
        &[
            ("4", ""),
            ("120", ""),
            (
                "3",
                "error ValueOutOfRange: idleTimeoutInMinutes of NAT gateway `egress` is 3; use a number from 4 to 120",
            ),
            (
                "121",
                "error ValueOutOfRange: idleTimeoutInMinutes of NAT gateway `egress` is 121; use a number from 4 to 120",
            ),
        ],
    );
    let network = load(&format!("name: lab\n{}\n", file("7"))).network.unwrap();
    assert_eq!(network.nat_gateways[0].idle_timeout_in_minutes, 7);
    assert_eq!(network.nat_gateways[0].public_ips, [PublicIpId(0)]);
}

const EGRESS: &str =
    "publicIPAddresses: {p: {}, b: {sku: Basic}}\nnatGateways: {egress: {publicIPAddresses: p}}";

#[test]
fn s9_2_a_nat_gateway_serves_subnets_of_one_virtual_network() {
    let file = |typed: &str| format!("{}\n{EGRESS}", subnets(typed));
    let network = load(&format!(
        "name: lab\n{}\n",
        file(
            "web: {addressPrefix: 10.0.1.0/24, natGateway: egress}, db: {addressPrefix: 10.0.2.0/24, natGateway: egress}"
        )
    ));
    let subnets = &network.network.unwrap().virtual_networks[0].subnets;
    assert!(subnets.iter().all(|subnet| subnet.nat_gateway == Some(NatGatewayId(0))));
    let vnet = |name: &str, space: &str| {
        format!(
            "{name}: {{addressSpace: [{space}.0.0/16], subnets: {{s: {{addressPrefix: {space}.0.0/24, natGateway: egress}}}}}}"
        )
    };
    let two = format!("virtualNetworks: {{{}, {}}}", vnet("hub", "10.0"), vnet("spoke", "10.1"));
    check(
        &|typed| format!("{two}\n{typed}"),
        &[(
            "publicIPAddresses: {p: {}}\nnatGateways: {egress: {publicIPAddresses: p}}",
            "error NatGatewayInSeveralVirtualNetworks: NAT gateway `egress` is on subnets of `hub` and `spoke`; a NAT gateway serves one virtual network: make another one",
        )],
    );
}

#[test]
fn s9_2_the_gateway_subnet_takes_no_nat_gateway() {
    check(
        &|typed| {
            format!(
                "publicIPAddresses: {{p: {{}}}}\nnatGateways: {{egress: {{publicIPAddresses: p}}}}\n{}",
                subnets(typed)
            )
        },
        &[
            (
                "GatewaySubnet: {addressPrefix: 10.0.1.0/24, natGateway: egress}",
                "error SpecialSubnetNatGateway: GatewaySubnet takes no NAT gateway; leave it out",
            ),
            ("AzureFirewallSubnet: {addressPrefix: 10.0.1.0/24, natGateway: egress}", ""),
            (
                "web: {addressPrefix: 10.0.1.0/24, natGateway: eggress}",
                "error InvalidResourceReference: there is no NAT gateway `eggress`; did you mean `egress`?",
            ),
        ],
    );
}

#[test]
fn s9_2_a_nat_gateway_is_in_the_region_of_its_subnets() {
    check(
        &|typed| format!("{}\n{typed}", subnets("web: {addressPrefix: 10.0.1.0/24, natGateway: egress}")),
        &[
            (
                "publicIPAddresses: {p: {location: japaneast}}\nnatGateways: {egress: {location: japaneast, publicIPAddresses: p}}",
                "error ResourcesInDifferentRegions: NAT gateway `egress` is in japaneast, virtual network `hub` in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
            (
                "publicIPAddresses: {p: {location: japaneast}}\nnatGateways: {egress: {publicIPAddresses: p}}",
                "error ResourcesInDifferentRegions: public address `p` is in japaneast, NAT gateway `egress` in koreacentral; use one in koreacentral: give it `location: koreacentral`",
            ),
        ],
    );
}

#[test]
fn s9_2_nothing_basic_is_in_a_subnet_with_a_nat_gateway() {
    let file = |typed: &str| {
        hub_with(
            "web: {addressPrefix: 10.0.1.0/24, natGateway: egress}, db: {addressPrefix: 10.0.2.0/24}",
            &format!("{EGRESS}\n{typed}"),
        )
    };
    let retired = "warning RetiredSku: public address `b` is Basic, which was retired on 30 September 2025; use `sku: Standard`";
    check(
        &file,
        &[
            ("virtualMachines: {a: {subnet: hub/db, publicIPAddress: b}}", retired),
            (
                "virtualMachines: {a: {subnet: hub/web, publicIPAddress: b}}",
                &format!(
                    "error SubnetWithNatGatewayAndBasicSkuResourceNotAllowed: subnet `hub/web` cannot have a NAT gateway, for there is the public address of virtual machine `a` in it, which is Basic; make it Standard, or leave the NAT gateway out\n{retired}"
                ),
            ),
        ],
    );
    let network = load(&format!("name: lab\n{}\n", file(""))).network.unwrap();
    assert_eq!(network.public_ip_addresses[1].sku, PublicIpSku::Basic);
}

#[test]
fn services_have_a_provider_a_name_and_ports() {
    let services = |typed: &str| hub(&format!("services: {{{typed}}}"));
    check(
        &services,
        &[
            (
                "s: {type: Microsoft.Sql, fqdn: sql1.database.windows.net, ipAddress: 20.60.0.9, listen: 1433/tcp}",
                "",
            ),
            (
                "s: {type: Sql, ipAddress: 20.60.0.9}",
                "error InvalidServiceType: `Sql` of service `s` is no resource provider; write one such as `Microsoft.Sql`",
            ),
            (
                "s: {type: Microsoft.Sql, ipAddress: 20.60.0.9, listen: [1433/tcp, 1433/tcp]}",
                "error DuplicateListen: service `s` listens on 1433/tcp twice; leave one out",
            ),
            (
                "s: {type: Microsoft.Sql, ipAddress: 20.60.0.9, fqdn: a.b}, t: {type: Microsoft.Sql, ipAddress: 20.60.0.8, fqdn: A.b}",
                "error DuplicateDomainName: services `s` and `t` are both called A.b; give each its own `fqdn`",
            ),
        ],
    );
}

#[test]
fn services_have_domain_names() {
    let services = |typed: &str| {
        hub(&format!("services: {{s: {{type: Microsoft.Sql, ipAddress: 20.60.0.9, fqdn: {typed}}}}}"))
    };
    let refused = |name: &str| {
        format!(
            "error InvalidDomainName: `{name}` of service `s` is no domain name; write one such as `sql1.database.windows.net`"
        )
    };
    check(
        &services,
        &[
            ("Sql-1.privatelink.database.windows.net.", ""),
            ("sql", &refused("sql")),
            ("a..b", &refused("a..b")),
            ("-a.b", &refused("-a.b")),
            ("a b.c", &refused("a b.c")),
        ],
    );
    let network = load(&format!("name: lab\n{}\n", services("sql1.database.windows.net."))).network.unwrap();
    assert_eq!(network.services[0].fqdn.as_deref(), Some("sql1.database.windows.net"));
}

#[test]
fn s10_1_a_service_lets_in_subnets_with_its_endpoint_and_public_addresses() {
    let file = |typed: &str| {
        hub_with(
            "web: {addressPrefix: 10.0.1.0/24, serviceEndpoints: [Microsoft.Storage.Global, Microsoft.Sql]}, db: {addressPrefix: 10.0.2.0/24}",
            &format!("services: {{s: {{type: microsoft.storage, ipAddress: 20.60.0.9, {typed}}}}}"),
        )
    };
    check(
        &file,
        &[
            ("virtualNetworkRules: hub/web, ipRules: [203.0.113.9, 20.0.0.0/16]", ""),
            (
                "virtualNetworkRules: [hub/web, HUB/Web]",
                "error DuplicateServiceRule: service `s` has two rules for subnet `HUB/Web`; leave one out",
            ),
            (
                "virtualNetworkRules: [hub/db]",
                "error SubnetsHaveNoServiceEndpointsConfigured: service `s` has a rule for subnet `hub/db`, which has no service endpoint for microsoft.storage; give the subnet `serviceEndpoints: [microsoft.storage]`",
            ),
            (
                "virtualNetworkRules: [hub/www]",
                "error InvalidResourceReference: there is no subnet `hub/www`; there is `web`, `db`",
            ),
            (
                "ipRules: [10.0.0.0/8]",
                "error AddressNotPublic: service `s` has an ipRule for 10.0.0.0/8, which is for private networks; a service sees private addresses by service endpoints only: write `virtualNetworkRules`",
            ),
        ],
    );
    let service =
        |typed: &str| load(&format!("name: lab\n{}\n", file(typed))).network.unwrap().services.remove(0);
    assert_eq!(service("listen: 443/tcp").firewall, None);
    assert_eq!(service("ipRules: []").firewall, Some(crate::network::ServiceFirewall::default()));
    let firewall = service("virtualNetworkRules: hub/web, ipRules: 20.0.0.0/16").firewall.unwrap();
    assert_eq!(firewall.virtual_network_rules[0].index, 0);
    assert_eq!(firewall.ip_rules[0].to_string(), "20.0.0.0/16");
}

#[test]
fn an_internet_host_is_an_address_or_says_what_runs_there() {
    let hosts = |typed: &str| hub(&format!("internet: {{hosts: {{{typed}}}}}"));
    check(
        &hosts,
        &[
            ("a: 203.0.113.9, b: {ipAddress: 203.0.113.10, listen: 80/tcp, commands: [date]}", ""),
            (
                "a: {ipAddress: 203.0.113.9, listen: [80/tcp, 80/tcp], commands: [' ']}",
                "error DuplicateListen: internet host `a` listens on 80/tcp twice; leave one out\nerror InvalidCommand: internet host `a` has an empty command; write what a shell shall run, or leave it out",
            ),
            (
                "a: {ipAddress: 10.0.0.9}",
                "error AddressNotPublic: internet host `a` has 10.0.0.9, which is for private networks; give it a public address, such as 20.200.0.4",
            ),
        ],
    );
    for (typed, code) in [
        ("a: {listen: 80/tcp}", "MissingField"),
        ("a: {ipAddress: 203.0.113.9, listens: 80/tcp}", "UnknownKey"),
        ("a: 203.0.113", "InvalidValue"),
        ("a: [203.0.113.9]", "InvalidValue"),
        (&format!("{}: 203.0.113.9", "a".repeat(55)), "InvalidResourceName"),
    ] {
        let said = problems(&format!("name: lab\n{}\n", hosts(typed)));
        assert!(said.starts_with(&format!("error {code}: ")) && said.lines().count() == 1, "{typed}: {said}");
    }
    let network = load(&format!(
        "name: lab\n{}\n",
        hosts("a: 203.0.113.9, b: {ipAddress: 203.0.113.10, listen: 80/tcp, commands: [date]}")
    ))
    .network
    .unwrap();
    let [a, b] = &network.internet_hosts[..] else { panic!("two hosts") };
    assert_eq!((a.listen.as_ref(), a.commands.len()), (None, 0));
    assert_eq!((b.address.to_string().as_str(), b.listen.as_ref().unwrap().len()), ("203.0.113.10", 1));
    assert_eq!(b.commands, ["date"]);
}

#[test]
fn machines_on_premises_stand_in_their_site() {
    let sites = |typed: &str| hub(&format!("onPremises: {{{typed}}}"));
    check(
        &sites,
        &[
            ("seoul: {addressPrefixes: 10.50.0.0/16, machines: {erp: 10.50.1.10}}", ""),
            (
                "seoul: {addressPrefixes: 10.50.0.0/16, machines: {erp: 10.51.1.10}}",
                "error MachineOutsideSite: 10.51.1.10 of machine `seoul/erp` is in no address prefix of site `seoul`; add its prefix to `addressPrefixes`",
            ),
            (
                "seoul: {addressPrefixes: 10.50.0.0/16, machines: {a: 10.50.1.10, b: 10.50.1.10}}",
                "error DuplicateMachineAddress: machines `seoul/a` and `seoul/b` both have 10.50.1.10; give each its own address",
            ),
            (
                "seoul: {addressPrefixes: []}",
                "error SiteWithoutAddressPrefix: site `seoul` has no address prefix; give it one, such as `addressPrefixes: [10.50.0.0/16]`",
            ),
            (
                "seoul: {addressPrefixes: [10.50.0.0/16, 10.50.1.0/24]}",
                "error SiteAddressPrefixesOverlap: address prefix 10.50.1.0/24 of site `seoul` overlaps 10.50.0.0/16; leave one out",
            ),
        ],
    );
}
