//! What a good file becomes.

use std::net::Ipv4Addr;

use goal_state::nsg::{Direction, PortRange};
use goal_state::vm::{Listen, Transport};

use super::*;
use crate::network::{AddressPrefix, HostId, Network, NicIndex, NicRef, RulePeer, ServiceTag, VmId, VnetId};

/// A lab with a bit of everything.
pub(super) const LAB: &str = "name: lab
hosts: 2
virtualNetworks:
  hub:
    addressSpace: [10.0.0.0/16]
    subnets:
      AzureFirewallSubnet: {addressPrefix: 10.0.255.0/26}
      nva: {addressPrefix: 10.0.100.0/24}
    peerings:
      to-spoke: {remoteVirtualNetwork: Spoke, allowForwardedTraffic: true}
  spoke:
    addressSpace: [10.1.0.0/16]
    subnets:
      web: {addressPrefix: 10.1.1.0/24, networkSecurityGroup: nsg-web, routeTable: rt}
    peerings:
      to-hub: {remoteVirtualNetwork: hub, allowVirtualNetworkAccess: false}
networkSecurityGroups:
  nsg-web:
    securityRules:
      late: {priority: 300, direction: Inbound, access: Deny, protocol: '*'}
      out: {priority: 100, direction: Outbound, access: Allow, protocol: Udp, sourcePortRange: 53}
      early: {priority: 200, direction: inbound, access: allow, protocol: tcp, sourceAddressPrefix: INTERNET,
        destinationApplicationSecurityGroups: [Web]}
applicationSecurityGroups: [web]
routeTables:
  rt: {routes: {default: {addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.100.4}}}
virtualMachines:
  web1: {subnet: spoke/web, applicationSecurityGroups: [web], listen: [80/tcp, 53/udp], commands: [sleep 1]}
  web2: {subnet: spoke/web, privateIPAddress: 10.1.1.4, host: host1}
  fw:
    guest: {ipForwarding: true, masquerade: true}
    networkInterfaces:
      nic0: {subnet: hub/AzureFirewallSubnet}
      nic1:
        enableIPForwarding: true
        ipConfigurations:
          one: {subnet: hub/nva, privateIPAddress: 10.0.100.6}
          two: {privateIPAddress: 10.0.100.4}
          three: {}
tests:
  - {from: web1, to: fw/nic1, protocol: Icmp, expect: Allow}
  - {from: web1, to: web2, port: 80, expect: deny, rule: late, via: fw}
";

fn network() -> Network {
    assert_eq!(problems(LAB), "");
    load(LAB).network.unwrap()
}

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[test]
fn addresses_of_the_file_come_before_those_that_are_assigned() {
    let network = network();
    let nic = |vm, index| &network.nic(NicRef { vm: VmId(vm), index: NicIndex(index) }).addresses;
    assert_eq!(*nic(0, 0), [address("10.1.1.5")], "10.1.1.4 is what web2 names");
    assert_eq!(*nic(1, 0), [address("10.1.1.4")]);
    assert_eq!(*nic(2, 0), [address("10.0.255.4")]);
    assert_eq!(*nic(2, 1), ["10.0.100.6", "10.0.100.4", "10.0.100.5"].map(address));
}

#[test]
fn machines_are_spread_over_the_hosts() {
    let network = network();
    let hosts: Vec<_> = network.virtual_machines.iter().map(|vm| vm.host).collect();
    assert_eq!(hosts, [HostId(1), HostId(0), HostId(0)], "web2 was on host1 first");
    let described: Vec<_> = network
        .hosts
        .iter()
        .map(|host| format!("{} {} {}", host.name, host.location, host.provider_address))
        .collect();
    assert_eq!(described, ["host1 koreacentral 198.18.0.1", "host2 koreacentral 198.18.0.2"]);
}

#[test]
fn hosts_of_several_regions_carry_the_region_in_their_name() {
    let file = "name: lab\nhosts: 2\nvirtualNetworks: {a: {addressSpace: [10.0.0.0/16]}, \
                b: {addressSpace: [10.1.0.0/16], location: Japan East}}\n";
    let hosts: Vec<_> = load(file).network.unwrap().hosts.iter().map(|host| host.name.to_string()).collect();
    assert_eq!(hosts, ["koreacentral-host1", "koreacentral-host2", "japaneast-host1", "japaneast-host2"]);
}

#[test]
fn hosts_may_have_names_and_regions_of_their_own() {
    let file = format!(
        "name: lab\nhosts: {{left: {{}}, right: {{location: japaneast}}}}\n{HUB}{}",
        machines("a: {subnet: hub/web}")
    );
    let network = load(&file).network.unwrap();
    assert_eq!(network.hosts[1].location, "japaneast");
    assert_eq!(network.hosts[1].provider_address, address("198.18.0.2"));
    assert_eq!(network.virtual_machines[0].host, HostId(0));
}

#[test]
fn rules_are_sorted_by_direction_and_priority() {
    let network = network();
    let rules = &network.network_security_groups[0].rules;
    let order: Vec<_> = rules.iter().map(|rule| (rule.name.as_str(), rule.direction)).collect();
    assert_eq!(
        order,
        [("early", Direction::Inbound), ("late", Direction::Inbound), ("out", Direction::Outbound)]
    );
    assert_eq!(rules[0].source, RulePeer::Prefixes(vec![AddressPrefix::Tag(ServiceTag::Internet)]));
    assert_eq!(rules[0].destination, RulePeer::Asgs(vec![crate::network::AsgId(0)]));
    assert_eq!(rules[1].source, RulePeer::Prefixes(vec![AddressPrefix::Any]));
    assert_eq!(rules[1].destination_ports, [PortRange::ALL]);
    assert_eq!(rules[2].source_ports, [PortRange::new(53, 53).unwrap()]);
}

#[test]
fn links_of_both_sides_make_a_peering() {
    let network = network();
    let to_spoke = network.virtual_networks[0].peering_to(VnetId(1)).unwrap();
    assert!(
        to_spoke.is_connected() && to_spoke.allow_virtual_network_access && to_spoke.allow_forwarded_traffic
    );
    let to_hub = network.virtual_networks[1].peering_to(VnetId(0)).unwrap();
    assert!(to_hub.is_connected() && !to_hub.allow_virtual_network_access && !to_hub.allow_forwarded_traffic);
}

#[test]
fn a_machine_has_what_its_guest_does() {
    let network = network();
    let [web1, _, fw] = &network.virtual_machines[..] else { panic!("three machines") };
    let listen =
        [(80, Transport::Tcp), (53, Transport::Udp)].map(|(port, transport)| Listen { port, transport });
    assert_eq!(web1.listen.as_deref(), Some(&listen[..]));
    assert_eq!(web1.commands, ["sleep 1"]);
    assert!(!web1.guest_ip_forwarding && !web1.nics[0].enable_ip_forwarding);
    assert!(web1.nics[0].enable_accelerated_networking);
    assert!(fw.guest_ip_forwarding && fw.guest_masquerade && fw.listen.is_none());
    assert!(fw.nics[0].enable_ip_forwarding && fw.nics[1].enable_ip_forwarding);
}

#[test]
fn s9_5_a_machine_in_the_firewalls_subnet_is_the_firewall() {
    let machine = |subnet: &str, typed: &str| {
        let file = format!(
            "name: lab\nvirtualNetworks: {{hub: {{addressSpace: [10.0.0.0/16], subnets: {{{subnet}: {{addressPrefix: 10.0.1.0/24}}}}}}}}\nvirtualMachines: {{fw: {{subnet: hub/{subnet}{typed}}}}}\n"
        );
        load(&file).network.unwrap().virtual_machines.remove(0)
    };
    let does = |subnet: &str, typed: &str| {
        let vm = machine(subnet, typed);
        let except = vm.guest_masquerade_except.prefixes().len();
        (vm.nics[0].enable_ip_forwarding, vm.guest_ip_forwarding, vm.guest_masquerade, except)
    };
    assert_eq!(does("web", ""), (false, false, false, 0));
    assert_eq!(does("AzureFirewallSubnet", ""), (true, true, true, 4));
    assert_eq!(does("AzureFirewallSubnet", ", enableIPForwarding: false"), (false, true, true, 4));
    assert_eq!(does("AzureFirewallSubnet", ", guest: {masquerade: true}"), (true, true, true, 0));
    assert_eq!(does("AzureFirewallSubnet", ", guest: {masquerade: false}"), (true, true, false, 0));
    assert_eq!(does("AzureFirewallSubnet", ", guest: {ipForwarding: false}"), (true, false, false, 0));
    let fw = machine("AzureFirewallSubnet", "");
    let keeps = |address: [u8; 4]| fw.guest_masquerade_except.contains(address.into());
    assert!(keeps([10, 2, 1, 4]) && keeps([100, 64, 0, 1]) && !keeps([93, 184, 216, 34]));
}

#[test]
fn tests_keep_their_line_and_have_defaults() {
    let network = network();
    let [ping, denied] = &network.tests[..] else { panic!("two tests") };
    let line = |start: &str| LAB.lines().position(|line| line.trim_start().starts_with(start)).unwrap() + 1;
    assert_eq!(ping.line, line("- {from: web1, to: fw/nic1"));
    assert_eq!((ping.port, ping.rule.as_deref()), (None, None));
    assert_eq!(denied.line, line("- {from: web1, to: web2"));
    assert_eq!((denied.port, denied.rule.as_deref()), (Some(80), Some("late")));
    assert_eq!(denied.via, ["fw"]);
}

#[test]
fn numbers_stay_when_something_is_added_before() {
    let file = |machines: &str| format!("name: lab\n{HUB}virtualMachines: {{{machines}}}\n");
    let mac = |file: &str, vm: &str| {
        let network = load(file).network.unwrap();
        network.vm(network.find_vm(vm).unwrap()).nics[0].mac
    };
    let alone = mac(&file("web1: {subnet: hub/web}"), "web1");
    assert_eq!(mac(&file("a: {subnet: hub/web}, web1: {subnet: hub/db}"), "web1"), alone);
}

#[test]
fn what_cannot_be_read_is_told_together_with_what_breaks_a_rule() {
    let said = problems(
        "name: lab
virtualNetworks:
  hub: {addressSpace: [10.0.0.0/33], subnets: {web: {addressPrefix: 10.0.0.0/24}}}
  bad: {addressSpace: [127.0.0.0/8]}
virtualMachines:
  a: {subnet: hub/web, privateIPAddress: 10.0.0}
  b: {subnet: [], host: nowhere}
",
    );
    let codes: Vec<_> = said.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        codes,
        [
            "error InvalidValue",
            "error AddressSpaceForbidden",
            "error InvalidValue",
            "error InvalidValue",
            "error InvalidResourceReference"
        ],
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_is_not_missed_elsewhere() {
    let said = problems(
        "name: lab
virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.0.0/33}}}
  bad: {addressSpace: 7}
networkSecurityGroups:
  nsg: {securityRules: {r: {priority: x, direction: Inbound, access: Allow, protocol: Tcp}}}
routeTables:
  rt: {routes: {r: {addressPrefix: 10.0.0.0/8, nextHopType: VirtualAppliance, nextHopIpAddress: ten}}}
virtualMachines:
  a: {subnet: hub/web, networkSecurityGroup: nsg}
  b: {subnet: bad/web}
tests:
  - {from: a, to: b, port: eighty, expect: Deny, rule: r}
",
    );
    let wrong: Vec<_> = said.lines().filter(|line| !line.starts_with("error InvalidValue")).collect();
    assert_eq!(wrong, [""; 0], "{said}");
    assert_eq!(said.lines().count(), 5, "{said}");
}

#[test]
fn a_problem_is_told_with_its_place() {
    let file = format!("name: lab\n{HUB}virtualMachines:\n  web1:\n    subnet: hub/wbe\n");
    let loaded = load(&file);
    let located = loaded.errors().next().unwrap().located(&crate::diagnostic::Lines::new(&file));
    assert_eq!((located.line, located.column), (8, 13));
    assert_eq!(located.path, "virtualMachines.web1.subnet");
}

#[test]
fn nonsense_is_an_error_and_no_panic() {
    for text in
        ["", "name: lab\nvirtualNetworks: 7", "[]", "name: [", "\0", "name: lab\nhosts: -1", "name: é"]
    {
        assert!(load(text).network.is_none(), "{text:?}");
    }
}
