//! Policy changes under a flood of new flows: once `vnetlab up` has returned, none of them takes a decision that is out of date,
//! neither way, whatever carries it; flows that were open before keep what Azure lets them keep.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::traffic::{End, Fate, Flood, OpenFlows};
use integration_tests::{Lab, User};

/// How often each policy is changed there and back.
const TIMES: usize = 4;

/// What becomes of flows that are open when the policy changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Rules decide about a flow once.
    GoesOn,
    /// Routes and peerings are asked for every packet.
    IsCut,
}

/// Changes between two topologies, of which the first allows what the second denies: from `client` to `server`.
fn flip(allowing: &str, denying: &str, open: Open) {
    assert_ne!(allowing, denying);
    let lab = std::cell::RefCell::new(Lab::up(User::Root, allowing));
    let (flood, flows) = {
        let lab = lab.borrow();
        let client = End::of(&lab, "client", "10.0.1.4");
        let server = End::of(&lab, "server", "10.0.2.4");
        let flood = Flood::start(client, server, End::of(&lab, "witness", "10.0.1.5"));
        (flood, OpenFlows::open(client, server))
    };
    let change = |topology: &str| drop(lab.borrow_mut().change(topology).ok());
    flood.await_flows();
    for _ in 0..TIMES {
        flood.change(Fate::Denied, || change(denying));
        match open {
            Open::GoesOn => flows.go_on(),
            Open::IsCut => flows.are_cut(),
        }
        flood.change(Fate::Allowed, || change(allowing));
        if open == Open::GoesOn {
            flows.go_on();
        }
    }
    flood.finish();
}

/// `rules` are those of the client's subnet and of the server's, `admin` the network manager's, `routes` the client's subnet's.
#[derive(Debug, Clone, Copy, Default)]
struct Policy {
    client: &'static str,
    server: &'static str,
    admin: &'static str,
    routes: &'static str,
    server_on: usize,
}

impl Policy {
    fn topology(self) -> String {
        let Self { client, server, admin, routes, server_on } = self;
        let admin = if admin.is_empty() {
            String::new()
        } else {
            format!(
                "securityAdminConfigurations: {{manager: {{virtualNetworks: \"*\", rules: {{{admin}}}}}}}\n"
            )
        };
        format!(
            "
name: policy
hosts: 2
virtualNetworks:
  net:
    addressSpace: [10.0.0.0/16]
    subnets:
      client: {{addressPrefix: 10.0.1.0/24, networkSecurityGroup: client, routeTable: client}}
      server: {{addressPrefix: 10.0.2.0/24, networkSecurityGroup: server}}
networkSecurityGroups:
  client: {{securityRules: {{{client}}}}}
  server: {{securityRules: {{{server}}}}}
routeTables:
  client: {{routes: {{{routes}}}}}
{admin}virtualMachines:
  client: {{subnet: net/client, privateIPAddress: 10.0.1.4, host: host1}}
  witness: {{subnet: net/client, privateIPAddress: 10.0.1.5, host: host2}}
  server: {{subnet: net/server, privateIPAddress: 10.0.2.4, listen: [7000/tcp], host: host{}}}
  appliance: {{subnet: net/client, privateIPAddress: 10.0.1.6, enableIPForwarding: true, host: host1}}
",
            server_on.max(1)
        )
    }
}

const INBOUND: &str =
    "tested: {priority: 100, direction: Inbound, access: Deny, protocol: \"*\", destinationPortRange: 7000}";
const OUTBOUND: &str =
    "tested: {priority: 100, direction: Outbound, access: Deny, protocol: \"*\", destinationPortRange: 7000}";

#[test]
fn s3_4_new_flows_meet_the_receivers_new_rules_as_root() {
    let open = Policy { server_on: 2, ..Policy::default() };
    flip(&open.topology(), &Policy { server: INBOUND, ..open }.topology(), Open::GoesOn);
}

#[test]
fn s3_4_new_flows_meet_the_senders_new_rules_as_root() {
    let open = Policy::default();
    flip(&open.topology(), &Policy { client: OUTBOUND, ..open }.topology(), Open::GoesOn);
}

#[test]
fn new_flows_meet_new_security_admin_rules_as_root() {
    let open = Policy { server_on: 2, ..Policy::default() };
    flip(&open.topology(), &Policy { admin: INBOUND, ..open }.topology(), Open::GoesOn);
}

/// A route concerns every packet.
#[test]
fn packets_take_a_new_route_as_root() {
    let none = "server: {addressPrefix: 10.0.2.0/24, nextHopType: None}";
    let open = Policy { server_on: 2, ..Policy::default() };
    flip(&open.topology(), &Policy { routes: none, ..open }.topology(), Open::IsCut);
}

/// The appliance's guest does not forward: what is led to it ends there.
#[test]
fn packets_take_a_new_next_hop_as_root() {
    let appliance =
        "server: {addressPrefix: 10.0.2.0/24, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.6}";
    let open = Policy::default();
    flip(&open.topology(), &Policy { routes: appliance, ..open }.topology(), Open::IsCut);
}

#[test]
fn packets_do_not_cross_a_peering_that_is_gone_as_root() {
    let with = |peered: bool| {
        let link = |to: &str| {
            if peered {
                format!(", peerings: {{to-{to}: {{remoteVirtualNetwork: {to}}}}}")
            } else {
                String::new()
            }
        };
        format!(
            "
name: policy
hosts: 2
virtualNetworks:
  one: {{addressSpace: [10.0.1.0/24], subnets: {{a: {{addressPrefix: 10.0.1.0/24}}}}{}}}
  other: {{addressSpace: [10.0.2.0/24], subnets: {{a: {{addressPrefix: 10.0.2.0/24}}}}{}}}
virtualMachines:
  client: {{subnet: one/a, privateIPAddress: 10.0.1.4, host: host1}}
  witness: {{subnet: one/a, privateIPAddress: 10.0.1.5, host: host2}}
  server: {{subnet: other/a, privateIPAddress: 10.0.2.4, listen: [7000/tcp], host: host1}}
",
            link("other"),
            link("one")
        )
    };
    flip(&with(true), &with(false), Open::IsCut);
}
