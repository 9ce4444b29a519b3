//! The VM's own side: its devices, and the routes that DHCP and cloud-init would have given it.
//!
//! The first NIC has the default route; every further one answers from its own address by a table of its own.
//! <https://learn.microsoft.com/azure/virtual-machines/linux/multiple-nics>

use std::net::Ipv4Addr;

use goal_state::nsg::AddressSet;
use goal_state::vm::{ANSWERING_PORT, NetworkInterface, VirtualMachine};
use ipnet::Ipv4Net;
use linux_net::netlink::{self, Address, MAIN_TABLE, Route, RouteTarget};

use super::{MTU, translation};
use crate::names;
use crate::network::{Device, DeviceKind, MachineNetwork, Namespace, Sysctl};
use crate::ruleset::{Action, Chain, Family, Hook, Match, Rule, Ruleset};

/// The NIC with index 1 has table 101 and rules of that priority, and so on.
const FIRST_TABLE: u32 = 100;
const LOOPBACK: &str = "lo";
const TCP_AND_UDP: [u8; 2] = [6, 17];

/// The namespace of a VM.
pub(super) fn lower(vm: &VirtualMachine) -> MachineNetwork {
    let mut namespace = Namespace { sysctls: sysctls(vm), rulesets: rulesets(vm), ..Namespace::default() };
    for (index, nic) in vm.network_interfaces.iter().enumerate() {
        add_interface(&mut namespace, index, nic);
    }
    add_floating(&mut namespace, vm);
    MachineNetwork { vm: vm.name.clone(), name: names::vm_namespace(&vm.name), namespace }
}

fn sysctls(vm: &VirtualMachine) -> Vec<Sysctl> {
    let forwarding = if vm.guest.ip_forwarding { "1" } else { "0" };
    let loose = if vm.guest.masquerade { "0" } else { "1" };
    let mut sysctls = vec![
        Sysctl::new("net/ipv4/ip_forward", forwarding),
        // A closed port says so every time: a proof counts on it.
        Sysctl::new("net/ipv4/icmp_ratelimit", "0"),
        // Echo requests need no raw socket.
        Sysctl::new("net/ipv4/ping_group_range", "0\t0"),
        Sysctl::optional("net/ipv6/conf/all/disable_ipv6", "1"),
        Sysctl::optional("net/ipv6/conf/default/disable_ipv6", "1"),
    ];
    // Who sees only the replies of a connection translates none of them: neither the first, nor those behind it.
    sysctls.push(Sysctl::optional("net/netfilter/nf_conntrack_tcp_loose", loose));
    let devices = (0..vm.network_interfaces.len()).map(names::guest_device);
    for device in ["all".to_owned()].into_iter().chain(devices) {
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/rp_filter"), "0"));
        // An appliance forwards out of the device that it received on, and is meant to.
        sysctls.push(Sysctl::new(format!("net/ipv4/conf/{device}/send_redirects"), "0"));
    }
    sysctls
}

fn add_interface(namespace: &mut Namespace, index: usize, nic: &NetworkInterface) {
    let device = names::guest_device(index);
    let gateway = RouteTarget::Gateway { device: device.clone(), gateway: nic.gateway(), onlink: true };
    let table = match u32::try_from(index) {
        Ok(0) | Err(_) => MAIN_TABLE,
        Ok(index) => FIRST_TABLE + index,
    };
    namespace.devices.insert(
        device.clone(),
        Device { kind: DeviceKind::CableEnd, mac: Some(nic.mac), mtu: MTU, bridge: None },
    );
    namespace.routes.push(Route::new(Ipv4Net::default(), gateway).in_table(table));
    for address in &nic.addresses {
        let on_link =
            Ipv4Net::new(*address, nic.subnet.prefix_len()).unwrap_or_else(|_| Ipv4Net::from(*address));
        namespace.addresses.push(Address { device: device.clone(), address: on_link });
        if table != MAIN_TABLE {
            namespace.rules.push(netlink::Rule::new(table, table).from(Ipv4Net::from(*address)));
        }
    }
}

fn rulesets(vm: &VirtualMachine) -> Vec<Ruleset> {
    let masquerade = vm.guest.masquerade.then(|| masquerade(vm));
    let answering = vm.guest.answers_everything.then(|| answering(vm));
    let firewall = (!vm.guest.admits.is_empty()).then(|| firewall(vm));
    let chains = masquerade.into_iter().chain(answering).chain(firewall).collect::<Vec<_>>();
    let ruleset = Ruleset { chains, ..Ruleset::new(Family::Ip) };
    Some(ruleset).filter(|ruleset| !ruleset.chains.is_empty()).into_iter().collect()
}

/// What nobody listens for is answered where the guest answers everything. Connections keep to it.
fn answering(vm: &VirtualMachine) -> Chain {
    let to_responder = |nic: &NetworkInterface| {
        let of = |address: Ipv4Addr| {
            TCP_AND_UDP.map(|protocol| {
                let own = AddressSet::new([address.into()]);
                let asked = vec![Match::Destination(own), Match::Protocol(vec![protocol])];
                Rule::new(asked, vec![Action::DestinationNat(address, Some(ANSWERING_PORT))])
            })
        };
        nic.addresses.iter().copied().flat_map(of).collect::<Vec<_>>()
    };
    let mut rules = vec![Rule::new(vec![Match::HasSocket], vec![Action::Accept])];
    rules.extend(vm.network_interfaces.iter().flat_map(to_responder));
    Chain { name: "answer_everything".into(), hook: Some(Hook::DestinationNat), rules }
}

/// Frontends whose packets come as they are: the guest has their addresses on its loopback device, and answers from there by the NIC
/// that they come in by.
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-floating-ip>
fn add_floating(namespace: &mut Namespace, vm: &VirtualMachine) {
    for address in vm.guest.floating.iter().copied().map(Ipv4Net::from) {
        namespace.addresses.push(Address { device: LOOPBACK.into(), address });
    }
    for (index, nic) in vm.network_interfaces.iter().enumerate().skip(1) {
        let Ok(table) = u32::try_from(index).map(|index| FIRST_TABLE + index) else { continue };
        let frontends = translation::floating(nic);
        let rule = |address: &Ipv4Net| netlink::Rule::new(table, table).from(*address);
        namespace.rules.extend(frontends.prefixes().iter().map(rule));
    }
}

/// What came in through a device was not made here: it leaves with this VM's own address.
fn masquerade(vm: &VirtualMachine) -> Chain {
    let devices = (0..vm.network_interfaces.len()).map(names::guest_device).collect();
    let mut from_outside = vec![Match::InDevice(devices)];
    if !vm.guest.masquerade_except.is_empty() {
        from_outside.push(Match::DestinationNot(vm.guest.masquerade_except.clone()));
    }
    let forwarded = Rule::new(from_outside, vec![Action::Masquerade]);
    Chain { name: "masquerade_forwarded".into(), hook: Some(Hook::SourceNat), rules: vec![forwarded] }
}

/// What others begin is taken from some sources only. Replies to what this VM began are.
fn firewall(vm: &VirtualMachine) -> Chain {
    let mut rules = vec![Rule::new(vec![Match::Established], vec![Action::Accept])];
    for (address, sources) in &vm.guest.admits {
        let address = AddressSet::new([Ipv4Net::from(*address)]);
        let mut foreign = vec![Match::Destination(address)];
        if !sources.is_empty() {
            foreign.push(Match::SourceNot(sources.clone()));
        }
        rules.push(Rule::new(foreign, vec![Action::Drop]));
    }
    Chain { name: "firewall".into(), hook: Some(Hook::Prerouting { drop: false }), rules }
}
