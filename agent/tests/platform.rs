//! The platform's services, as VMs meet them: real clients, real packets.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::in_sandbox;
use common::network::{goal, rule, vm};
use common::room::{Room, in_namespace, shell, shell_in_vm};
use goal_state::event::Event;
use goal_state::nsg::{Association, Direction, PortRange, Protocol, RuleAccess, RuleGroup};
use goal_state::platform::{Instance, NetworkNames, PlatformRule, PlatformService, Record, RecordData, Zone};
use goal_state::probe::ProbeOutcome;
use goal_state::route::{NextHop, Route, RouteSource};
use goal_state::{DropReason, HostGoalState, Vni};
use linux_net::NetNs;

const SUFFIX: &str = "k.ax.internal.cloudapp.net";
const WIRE_SERVER: &str = "168.63.129.16";

/// a and b (spoke1) and the nva (hub) have names; spoke1 is linked to a private zone, and the hub is not.
fn named_goal(generation: u64) -> HostGoalState {
    let mut goal = goal(1, generation);
    let address = |name: &str, last: u8| Record {
        name: name.into(),
        data: RecordData::Address([10, 1, 0, last].into()),
    };
    let zone = |name: &str, records| Arc::new(Zone { name: name.into(), records });
    let own = vec![address(&format!("a.{SUFFIX}"), 4), address(&format!("b.{SUFFIX}"), 5)];
    let zones = vec![zone("corp.internal", vec![address("db.corp.internal", 9)]), zone(SUFFIX, own)];
    goal.platform.names.networks = vec![NetworkNames { vni: Vni::new(1001).unwrap(), zones }];
    goal.platform.names.public =
        vec![Record { name: "example.com".into(), data: RecordData::Address([93, 184, 216, 34].into()) }];
    for vm in &mut goal.virtual_machines {
        vm.guest.hosts.clear();
        vm.guest.dns_servers = vec![WIRE_SERVER.parse().unwrap()];
        vm.guest.dns_suffix = Some(SUFFIX.into());
    }
    let instance = |name: &str| Instance {
        vm: name.parse().unwrap(),
        vm_id: format!("id-of-{name}"),
        location: "koreacentral".into(),
        vm_size: "Standard_D2s_v5".into(),
        resource_group: "lab".into(),
        public_addresses: Vec::new(),
    };
    goal.platform.instances = ["a", "b", "nva"].map(instance).to_vec();
    goal
}

/// Asks by HTTP from a VM; the whole answer.
fn http(vm: &str, address: &str, request: &str) -> std::io::Result<String> {
    let address: SocketAddr = address.parse().unwrap();
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    NetNs::open(&format!("vm-{vm}")).unwrap().run(ask).unwrap()
}

fn versions(vm: &str) -> bool {
    let answer = http(vm, "168.63.129.16:80", "GET /?comp=versions HTTP/1.1\r\nHost: x\r\n\r\n");
    answer.is_ok_and(|answer| answer.contains("<Version>2015-04-05</Version>"))
}

fn metadata(vm: &str) -> std::io::Result<String> {
    let request = "GET /metadata/instance/compute/name?api-version=2021-02-01&format=text HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n";
    http(vm, "169.254.169.254:80", request)
}

/// A question for an address (RFC 1035), with its number in front.
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Looks a name up from a VM by its own resolver.
fn address_of(vm: &str, name: &str) -> Option<String> {
    let found = shell_in_vm(vm, &format!("getent ahostsv4 {name} || true"));
    found.split_whitespace().next().map(str::to_owned)
}

/// Neither an NSG that lets nothing out nor a route that leads nowhere stands between, and all services know who asks.
#[test]
fn s3_8_every_port_has_the_platforms_services() {
    in_sandbox("s3_8_every_port_has_the_platforms_services", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = named_goal(1);
        let port = &mut vm(&mut goal, "a").network_interfaces[0].port;
        let everything = rule("nothing", 100, RuleAccess::Deny, Protocol::Any, PortRange::ALL);
        let closed =
            RuleGroup { name: "nsg".into(), association: Association::Subnet, rules: vec![everything] };
        port.filter.inbound = vec![closed.clone().into()];
        port.filter.outbound = vec![closed.into()];
        let nowhere = NextHop::Drop { reason: DropReason::Route };
        port.routes = vec![Route {
            prefix: "0.0.0.0/0".parse().unwrap(),
            next_hop: nowhere,
            source: RouteSource::User,
            name: "rt/cut".into(),
        }]
        .into();
        vm(&mut goal, "b").network_interfaces[0].accelerated = true;
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        for vm in ["a", "b", "nva"] {
            assert!(
                versions(vm),
                "{vm} {}",
                shell(&format!("ip netns exec port-{vm}-nic0 nft list ruleset; ip -n port-{vm}-nic0 rule"))
            );
            assert!(metadata(vm).unwrap().ends_with(&format!("\r\n\r\n{vm}")), "{vm}");
            let plugin = http(vm, "168.63.129.16:32526", "GET /versions HTTP/1.1\r\n\r\n").unwrap();
            assert!(plugin.ends_with("[\"2015-09-01\"]"), "{plugin}");
            assert_eq!(address_of(vm, "example.com").as_deref(), Some("93.184.216.34"), "{vm}");
        }
        for (protocol, port) in [(Protocol::Tcp, 80), (Protocol::Tcp, 53), (Protocol::Udp, 53)] {
            let outcome = one.probe("a", "10.1.0.4", WIRE_SERVER, protocol, port);
            assert_eq!(outcome, ProbeOutcome::Answered, "{protocol} {port}");
        }
        // An agent that dies is asked for nothing; the next one answers.
        let mut room = room;
        room.kill_agent("host1");
        assert!(!versions("a"));
        room.start_agent("host1");
        let end = Instant::now() + Duration::from_secs(20);
        while !versions("a") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(metadata("b").unwrap().ends_with("\r\n\r\nb"));
        let mut one = room.controller("host1");
        goal.generation.0 = 2;
        assert_eq!(one.apply(&goal).changes, 0);
    });
}

/// Nothing else of these addresses answers, and only the platform sends from them.
#[test]
fn s3_8_what_the_platform_does_not_answer_is_dropped() {
    in_sandbox("s3_8_what_the_platform_does_not_answer_is_dropped", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&named_goal(1)).problems, Vec::<String>::new());
        one.follow_events();
        assert!(!in_namespace("vm-a", "ping -n -c 1 -W 1 169.254.169.254").status.success());
        for (address, port) in [(WIRE_SERVER, 22), ("169.254.169.254", 443)] {
            assert_eq!(one.probe("a", "10.1.0.4", address, Protocol::Tcp, port), ProbeOutcome::Silent);
            one.event(|event| match event {
                Event::Drop(drop) => (drop.reason == DropReason::Platform
                    && drop.packet.destination_port == port)
                    .then_some(()),
                _ => None,
            });
        }
        // The appliance may send packets of others, but not the platform's.
        shell("ip -n vm-nva addr add 168.63.129.16/32 dev lo");
        assert!(!in_namespace("vm-nva", "ping -n -c 1 -W 1 -I 168.63.129.16 10.1.0.4").status.success());
        one.event(|event| match event {
            Event::Drop(drop) => (drop.reason == DropReason::SourceAddress).then_some(()),
            _ => None,
        });
    });
}

/// A rule about a service's own tag cuts that service and no other, and is named.
#[test]
fn s3_8_a_rule_about_a_services_tag_cuts_that_service() {
    in_sandbox("s3_8_a_rule_about_a_services_tag_cuts_that_service", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = named_goal(1);
        for (name, service) in [("a", PlatformService::Dns), ("b", PlatformService::InstanceMetadata)] {
            let filter = &mut vm(&mut goal, name).network_interfaces[0].port.filter;
            let deny = rule("no-platform", 200, RuleAccess::Deny, Protocol::Any, PortRange::ALL);
            let allow = rule("all", 300, RuleAccess::Allow, Protocol::Any, PortRange::ALL);
            let group =
                RuleGroup { name: "nsg".into(), association: Association::Subnet, rules: vec![deny, allow] };
            filter.outbound = vec![group.into()];
            filter.platform = vec![PlatformRule { service, association: Association::Subnet, priority: 200 }];
        }
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        one.follow_events();
        assert!(versions("a") && versions("b"));
        assert!(metadata("a").is_ok() && metadata("b").is_err());
        assert_eq!(address_of("b", "example.com").as_deref(), Some("93.184.216.34"));
        let ask = || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.send_to(&question(1, "example.com"), "168.63.129.16:53").unwrap();
        };
        NetNs::open("vm-a").unwrap().run(ask).unwrap();
        let drop = one.event(|event| match event {
            Event::Drop(drop) if drop.packet.destination_port == 53 => Some(drop.clone()),
            _ => None,
        });
        assert_eq!((drop.reason, drop.direction), (DropReason::NetworkSecurityGroup, Direction::Outbound));
        assert_eq!(drop.by.unwrap().rule, "no-platform");
    });
}

/// Names with and without a suffix, of the own virtual network, of a private zone, public ones; and what a new goal state says, the next
/// question is told.
#[test]
fn s10_3_names_are_those_of_the_virtual_network() {
    in_sandbox("s10_3_names_are_those_of_the_virtual_network", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        let mut goal = named_goal(1);
        assert_eq!(one.apply(&goal).problems, Vec::<String>::new());
        assert_eq!(address_of("a", "b").as_deref(), Some("10.1.0.5"));
        assert_eq!(address_of("a", &format!("B.{SUFFIX}")).as_deref(), Some("10.1.0.5"));
        assert_eq!(address_of("a", "db.corp.internal").as_deref(), Some("10.1.0.9"));
        assert_eq!(address_of("nva", "db.corp.internal"), None);
        assert_eq!(address_of("nva", &format!("b.{SUFFIX}")), None);
        // By TCP as well.
        assert!(
            shell_in_vm("a", "RES_OPTIONS=use-vc getent ahostsv4 db.corp.internal").starts_with("10.1.0.9")
        );
        goal.generation.0 = 2;
        goal.platform.names.networks.clear();
        assert_eq!(one.apply(&goal).changes, 0);
        assert_eq!(address_of("a", "db.corp.internal"), None);
        assert_eq!(address_of("a", "example.com").as_deref(), Some("93.184.216.34"));
    });
}

/// 600 questions at once: some are answered at once, 200 wait, the others are lost. Another VM does not notice.
#[test]
fn s10_3_a_vm_has_a_thousand_questions_a_second() {
    in_sandbox("s10_3_a_vm_has_a_thousand_questions_a_second", || {
        let room = Room::new(1);
        let mut one = room.controller("host1");
        assert_eq!(one.apply(&named_goal(1)).problems, Vec::<String>::new());
        let flood = || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect("168.63.129.16:53").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let begin = Instant::now();
            for id in 0..600 {
                socket.send(&question(id, "example.com")).unwrap();
            }
            let mut buffer = [0; 512];
            let (mut answers, mut last) = (0_u128, begin);
            while socket.recv(&mut buffer).is_ok() {
                (answers, last) = (answers + 1, Instant::now());
            }
            (answers, last - begin)
        };
        let (answers, took) = NetNs::open("vm-a").unwrap().run(flood).unwrap();
        assert!(answers >= 300, "{answers} answers");
        // One more for each millisecond that it took.
        assert!(answers <= 301 + took.as_millis(), "{answers} answers in {took:?}");
        assert_eq!(address_of("b", "example.com").as_deref(), Some("93.184.216.34"));
    });
}
