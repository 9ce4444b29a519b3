//! Whole files: what they are read into, and what their problems look like.

mod limits;

use super::*;
use crate::diagnostic::{self, Style};

const EVERYTHING: &str = include_str!("testdata/everything.yaml");

/// All problems of a file as `vnetlab check` shows them.
fn problems(text: &str) -> String {
    diagnostic::render(&parse(text).diagnostics, "lab.yaml", text, Style::Plain)
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).diagnostics.iter().map(|problem| problem.code).collect()
}

/// A good file.
fn topology(text: &str) -> Topology {
    let parsed = parse(text);
    assert!(parsed.diagnostics.is_empty(), "{}", problems(text));
    parsed.topology.unwrap()
}

#[test]
fn every_section_of_the_format_is_read() {
    let parsed = parse(EVERYTHING);
    let others: Vec<_> = parsed.diagnostics.iter().filter(|problem| problem.code != "NotBuiltYet").collect();
    assert!(others.is_empty(), "{others:#?}");

    let topology = parsed.topology.unwrap();
    assert_eq!(topology.name.value, LabName("hub-spoke".to_owned()));
    let rule =
        topology.network_security_groups.get("NSG-WEB").unwrap().security_rules.get("allow-http").unwrap();
    let ports: Vec<_> = rule.destination_port_range.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(ports, ["80", "443", "8000-8099"]);
    let fw = topology.virtual_machines.get("fw").unwrap();
    assert_eq!(fw.network_interfaces.get("nic1").unwrap().ip_configurations.len(), 2);
    let balancer = topology.load_balancers.get("lb").unwrap();
    assert_eq!(balancer.load_balancing_rules.get("web").unwrap().backend_port.value, 8080);
    let peer = topology.route_servers.get("rs").unwrap().peers.get("nva").unwrap();
    assert!(matches!(&peer.routes[0].value, AnnouncedRoute::WithPath(route) if route.as_path.len() == 2));
    assert!(matches!(&peer.routes[1].value, AnnouncedRoute::Prefix(_)));
    assert_eq!(topology.tests.len(), 3);
    assert!(topology.omitted.is_empty());
}

#[test]
fn what_is_not_built_is_named_with_its_line() {
    let messages: Vec<_> =
        parse(EVERYTHING).diagnostics.iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
    insta::assert_snapshot!(messages.join("\n"));
    insta::assert_snapshot!(problems(
        "
name: lab
publicIPAddresses: {a: {ipTags: {RoutingPreference: Internet}}}
backbone: {latency: published}
"
    ));
}

#[test]
fn a_problem_has_a_line_a_column_and_a_path_for_programs() {
    let text = "name: lab\ntests:\n  - from: a\n    to: b\n    expect: Maybe\n";
    let problem = &parse(text).diagnostics[0];
    insta::assert_json_snapshot!(problem.located(&crate::diagnostic::Lines::new(text)));
}

#[test]
fn enums_are_printed_as_azure_spells_them_and_read_whatever_the_case() {
    fn round_trip<
        T: std::fmt::Display + std::str::FromStr<Err = ValueError> + PartialEq + std::fmt::Debug,
    >(
        all: &[T],
    ) {
        for value in all {
            for text in
                [value.to_string(), value.to_string().to_lowercase(), value.to_string().to_uppercase()]
            {
                assert_eq!(&text.parse::<T>().unwrap(), value);
            }
        }
        assert!("no such value".parse::<T>().is_err());
    }
    round_trip(Subscription::ALL);
    round_trip(AllowVirtualNetworkAccessBehavior::ALL);
    round_trip(AllowForwardedTrafficBehavior::ALL);
    round_trip(ServiceEndpointRoutesBehavior::ALL);
    round_trip(VirtualNetworkTagRoutesBehavior::ALL);
    round_trip(NoneRoutesBehavior::ALL);
    round_trip(LiveFlowsBehavior::ALL);
    round_trip(DefaultOutboundAccessBehavior::ALL);
    round_trip(EncryptionSupportBehavior::ALL);
    round_trip(EncryptionEnforcement::ALL);
    round_trip(PrivateEndpointVnetPolicies::ALL);
    round_trip(PrivateEndpointNetworkPolicies::ALL);
    round_trip(PeeringState::ALL);
    round_trip(Direction::ALL);
    round_trip(Access::ALL);
    round_trip(Protocol::ALL);
    round_trip(NetworkIntentPolicyServices::ALL);
    round_trip(SecurityAdminAccess::ALL);
    round_trip(DisablePeeringRoute::ALL);
    round_trip(NextHopType::ALL);
    round_trip(PowerState::ALL);
    round_trip(PublicIpSku::ALL);
    round_trip(LoadBalancerSku::ALL);
    round_trip(ProbeProtocol::ALL);
    round_trip(LoadBalancerProtocol::ALL);
    round_trip(LoadDistribution::ALL);
    round_trip(PrivateLinkServiceConnectionState::ALL);
    round_trip(GatewayType::ALL);
    round_trip(HubRoutingPreference::ALL);
    round_trip(TestProtocol::ALL);
}

#[test]
fn addresses_prefixes_and_ports_are_printed_as_they_are_read() {
    fn round_trip<T: std::fmt::Display + std::str::FromStr<Err = ValueError>>(texts: &[&str]) {
        for text in texts {
            assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
        }
    }
    round_trip::<Ipv4Address>(&["10.0.0.4", "0.0.0.0"]);
    round_trip::<Ipv4Prefix>(&["10.0.0.0/16", "0.0.0.0/0", "10.0.0.4/32"]);
    round_trip::<AddressPrefix>(&["*", "10.0.0.0/16", "Internet", "Storage.WestUS"]);
    round_trip::<RouteDestination>(&["10.0.0.0/16", "Storage"]);
    round_trip::<IpRule>(&["203.0.113.0/24"]);
    round_trip::<SubnetReference>(&["hub/nva"]);
    round_trip::<PortRange>(&["*", "80", "8000-8099"]);
    round_trip::<ListenPort>(&["80/tcp", "53/udp"]);
    assert_eq!("10.0.0.4".parse::<AddressPrefix>().unwrap().to_string(), "10.0.0.4/32");
}

#[test]
fn a_field_that_is_not_built_may_have_its_default() {
    topology(
        "
name: defaults
subscription: enterpriseagreement
natGateways: {}
privateEndpoints:
behavior: {noneRoutes: classic}
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    encryption: {enabled: false}
    flowTimeoutInMinutes: 4
    peerings: {to-spoke: {remoteVirtualNetwork: spoke, useRemoteGateways: false, allowGatewayTransit: false}}
",
    );
}

#[test]
fn values_know_where_they_stand() {
    let text = "name: lab\nvirtualNetworks:\n  hub:\n    addressSpace: 10.0.0.0/16\n";
    let topology = topology(text);
    let (name, hub) = topology.virtual_networks.iter().next().unwrap();
    assert_eq!(&text[std::ops::Range::from(name.span)], "hub");
    assert_eq!(&text[std::ops::Range::from(hub.address_space[0].span)], "10.0.0.0/16");
}

#[test]
fn singular_and_plural_fields_are_the_same() {
    let one = "name: a\nvirtualNetworks: {v: {addressSpace: 10.0.0.0/16, subnets: {s: {addressPrefix: 10.0.0.0/24}}}}";
    let other = "name: a\nvirtualNetworks: {v: {addressSpace: [10.0.0.0/16], subnets: {s: {addressPrefixes: [10.0.0.0/24]}}}}";
    let prefix = |text| {
        topology(text).virtual_networks.get("v").unwrap().subnets.get("s").unwrap().address_prefix[0].value
    };
    assert_eq!(prefix(one), prefix(other));
}

#[test]
fn names_and_words_stay_what_was_typed() {
    let text = "
name: yes
location: 0755
applicationSecurityGroups: [no, 1e3, 0x10, on, 'null', 10:30]
";
    let topology = topology(text);
    assert_eq!(topology.name.0, "yes");
    assert_eq!(topology.location.as_deref().unwrap(), "0755");
    let groups: Vec<_> =
        topology.application_security_groups.iter().map(|group| group.value.as_str()).collect();
    assert_eq!(groups, ["no", "1e3", "0x10", "on", "null", "10:30"]);
}

#[test]
fn anchors_aliases_and_merges_are_expanded() {
    let text = "
name: lab
virtualMachines:
  web1: &web {subnet: spoke/web, listen: [80/tcp], enableIPForwarding: true}
  web2: *web
  web3: {<<: *web, enableIPForwarding: false}
  &four web4: {subnet: hub/web, host: *four}
";
    let topology = topology(text);
    let forwards = |vm| topology.virtual_machines.get(vm).unwrap().enable_ip_forwarding.unwrap().value;
    assert!(forwards("web2") && !forwards("web3"));
    assert_eq!(topology.virtual_machines.get("web3").unwrap().listen.as_ref().unwrap().len(), 1);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(problems(
        "
name: lab
virtualNetwork: {}
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {addressPrefix: 10.0.0.0/24, networkSecurityGroups: nsg, colour: red}
"
    ));
}

#[test]
fn duplicate_keys() {
    insta::assert_snapshot!(problems(
        "name: lab\nvirtualMachines:\n  a: {subnet: v/s}\n  a: {subnet: v/t}\nname: b\n"
    ));
}

#[test]
fn wrong_addresses() {
    insta::assert_snapshot!(problems(
        "
name: lab
virtualNetworks:
  a: {addressSpace: [10.0.0.1/16, 10.0.0.0, 10.0.0.0/33, 300.0.0.0/8, 'fd00::/8', web]}
virtualMachines:
  m: {subnet: a, privateIPAddress: 10.0.0.4/24}
networkSecurityGroups:
  n: {securityRules: {r: {priority: 100, direction: Inbound, access: Allow, protocol: '*', sourceAddressPrefix: [10.0.0.5/24, 10.0.0, '::1', Internet, 10.0.0.4]}}}
"
    ));
}

#[test]
fn wrong_ports() {
    insta::assert_snapshot!(problems(
        "
name: lab
networkSecurityGroups:
  n: {securityRules: {r: {priority: 100, direction: Inbound, access: Allow, protocol: '*', destinationPortRange: [90-80, 65536, http, -1, '80,443']}}}
virtualMachines:
  m: {subnet: a/b, listen: [80, 0/tcp, 53/dns]}
"
    ));
}

#[test]
fn wrong_words_numbers_and_booleans() {
    insta::assert_snapshot!(problems(
        "
name: My Lab
hosts: many
routeTables:
  rt: {routes: {r: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualApliance}}}
virtualMachines:
  m: {subnet: a/b, enableIPForwarding: yes}
networkSecurityGroups:
  n: {securityRules: {r: {priority: high, direction: in, access: Allow, protocol: TCP}}}
"
    ));
}

#[test]
fn missing_fields_and_wrong_shapes() {
    insta::assert_snapshot!(problems(
        "
location: koreacentral
virtualNetworks:
  hub: {}
  spoke: [10.0.0.0/16]
virtualMachines: [web1]
applicationSecurityGroups: web
routeTables:
  rt: {routes: {r: {addressPrefix: , nextHopType: None}}}
"
    ));
}

#[test]
fn all_missing_fields_of_a_rule() {
    insta::assert_snapshot!(problems(
        "
name: lab
networkSecurityGroups:
  n:
    securityRules:
      empty:
      some: {priority: high, acces: Allow, protocol: Tcp}
      slip: {priority: 100, direction: Inbound, acess: Allow, protocol: Tcp}
"
    ));
}

#[test]
fn singular_and_plural_at_once() {
    insta::assert_snapshot!(problems(
        "name: lab\nvirtualNetworks: {v: {addressSpace: 10.0.0.0/16, subnets: {s: {addressPrefix: 10.0.0.0/24, addressPrefixes: [10.0.0.0/24]}}}}\n"
    ));
}

#[test]
fn text_that_is_not_yaml_or_not_a_topology() {
    for (text, code) in [
        ("", "EmptyFile"),
        ("# nothing\n", "EmptyFile"),
        ("name: [a\n", "InvalidYaml"),
        ("name: *nowhere\n", "InvalidYaml"),
        ("behavior:\n\tnoneRoutes: classic\n", "InvalidYaml"),
        ("name: a\n---\nname: b\n", "UnsupportedYaml"),
        ("name: !!str a\n", "UnsupportedYaml"),
        ("? [a]\n: b\n", "UnsupportedYaml"),
        ("name: a\nbehavior: {<<: 3}\n", "UnsupportedYaml"),
        ("just words", "InvalidValue"),
        ("[a, b]", "InvalidValue"),
    ] {
        assert_eq!(codes(text), [code], "{text:?}");
    }
    insta::assert_snapshot!(problems("name: lab\nvirtualNetworks: {a: [}\n"));
}

#[test]
fn a_wrong_value_takes_only_itself_away() {
    let parsed = parse(
        "
name: lab
virtualMachines:
  a: {subnet: v/s, privateIPAddress: 10.0.0.300}
  b: {subnet: v/s}
networkSecurityGroups:
  n: {securityRules: {bad: {priority: x, direction: Inbound, access: Deny, protocol: Tcp}, good: {priority: 1, direction: Inbound, access: Deny, protocol: Tcp}}}
",
    );
    assert_eq!(parsed.diagnostics.len(), 2, "one problem each, and none for what follows from it");
    let paths: Vec<_> = parsed.diagnostics.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        ["virtualMachines.a.privateIPAddress", "networkSecurityGroups.n.securityRules.bad.priority"]
    );
    let topology = parsed.topology.unwrap();
    assert_eq!(topology.virtual_machines.len(), 2);
    assert_eq!(topology.virtual_machines.get("a").unwrap().private_ip_address, None);
    let rules = &topology.network_security_groups.get("n").unwrap().security_rules;
    assert_eq!(rules.names().map(|name| name.value.as_str()).collect::<Vec<_>>(), ["good"]);
    assert!(topology.omitted.iter().any(|name| name == "bad"));
}

#[test]
fn the_schema_is_that_of_the_format() {
    insta::assert_json_snapshot!(json_schema());
}
