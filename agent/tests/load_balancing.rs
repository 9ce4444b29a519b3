//! An internal load balancer on host2 (10.1.0.100), with a and b of host1 behind it and c as its client.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use common::controller::Controller;
use common::in_sandbox;
use common::network::{goal, group_that_denies, vm};
use common::room::Room;
use goal_state::edge::{
    Backend, BalancingRule, Distribution, Frontend, HealthProbe, Leg, ProbeQuestion, Prober,
};
use goal_state::load_balancing::{BackendStatus, Health};
use goal_state::nsg::Protocol;
use goal_state::overlay::Mapping;
use goal_state::probe::ProbeOutcome;
use goal_state::translation::InboundTranslation;
use goal_state::{Generation, HostGoalState, MacAddr, NicId, Vni};
use linux_net::NetNs;

const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 100);
const PROBER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
const BACKENDS: [(&str, Ipv4Addr); 2] =
    [("a", Ipv4Addr::new(10, 1, 0, 4)), ("b", Ipv4Addr::new(10, 1, 0, 5))];
const PATIENCE: Duration = Duration::from_secs(20);

fn leg(number: u8, address: Ipv4Addr) -> Leg {
    Leg { vni: Vni::new(1001).unwrap(), mac: MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, number]), address }
}

fn rule(name: &str, port: u16) -> BalancingRule {
    BalancingRule {
        name: name.into(),
        protocol: Protocol::Tcp,
        port: Some(port),
        distribution: Distribution::Default,
        backends: backends(),
        probe: Some(name.into()),
        idle_timeout_s: 240,
        tcp_reset: false,
    }
}

fn backends() -> Vec<Backend> {
    let nic = |vm: &str| NicId { vm: vm.parse().unwrap(), nic: "nic0".parse().unwrap() };
    BACKENDS.map(|(vm, address)| Backend { nic: nic(vm), address }).into()
}

fn probe(name: &str, question: ProbeQuestion, port: u16) -> HealthProbe {
    let (balancer, name) = ("lb".to_owned(), name.to_owned());
    HealthProbe { balancer, name, question, port, interval_s: 1, threshold: 2, backends: backends() }
}

/// The goal states of both hosts: port 80 is balanced and asked whether it opens, port 8080 whether it gives 200.
fn goals() -> [HostGoalState; 2] {
    let (inside, prober) = (leg(1, FRONTEND), leg(2, PROBER));
    let mapping = |leg: &Leg| Mapping {
        customer_address: leg.address,
        mac: leg.mac,
        provider_address: common::room::provider_address(2).parse().unwrap(),
        vni: leg.vni,
        encryption: None,
    };
    let mut goals = [goal(1, 1), goal(2, 1)];
    for goal in &mut goals {
        let network = goal.virtual_networks.iter_mut().find(|one| one.vni == inside.vni).unwrap();
        network.mappings.extend([mapping(&inside), mapping(&prober)]);
    }
    for (name, address) in BACKENDS {
        let translation = |rule: &str, port| InboundTranslation {
            resource: "lb".into(),
            rule: rule.into(),
            address: FRONTEND,
            protocol: Protocol::Tcp,
            port: Some(port),
            to_address: address,
            to_port: None,
            floating: false,
            closed: false,
            balanced: true,
        };
        let port = &mut vm(&mut goals[0], name).network_interfaces[0].port;
        port.translation.inbound = vec![translation("tcp", 80), translation("http", 8080)];
    }
    let frontend = Frontend {
        balancer: "lb".into(),
        name: "front".into(),
        address: FRONTEND,
        inside,
        outside: None,
        rules: vec![rule("tcp", 80), rule("http", 8080)],
        leases: vec![],
    };
    let probes = vec![
        probe("http", ProbeQuestion::Http { path: "/health".into() }, 8080),
        probe("tcp", ProbeQuestion::Tcp, 80),
    ];
    goals[1].edge.frontends = vec![frontend];
    goals[1].edge.probers = vec![Prober { leg: prober, probes }];
    goals
}

/// Waits until the backends of a rule are so: a, b.
fn await_health(controller: &mut Controller, rule: &str, wanted: [Health; 2]) -> Vec<BackendStatus> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut backends = controller.load_balancers();
        backends.retain(|backend| backend.rule == rule);
        if backends.iter().map(|backend| backend.health).eq(wanted) {
            return backends;
        }
        assert!(Instant::now() < end, "not {wanted:?} but {backends:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Connections from c to the frontend, of which each may fall to another backend.
fn connect(controller: &mut Controller, port: u16) {
    for _ in 0..12 {
        let outcome = controller.probe("c", "10.1.0.6", "10.1.0.100", Protocol::Tcp, port);
        assert_eq!(outcome, ProbeOutcome::Answered);
    }
}

/// Answers HTTP in a VM, with this status, until the test ends. What it was asked first, without the line with the port.
fn serve(vm: &str, status: &'static str) -> std::sync::mpsc::Receiver<String> {
    let listener =
        NetNs::open(&format!("vm-{vm}")).unwrap().run(|| TcpListener::bind("0.0.0.0:8080").unwrap());
    let listener = listener.unwrap();
    let (heard, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let mut question = [0; 1024];
            let length = stream.read(&mut question).unwrap_or(0);
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
            let line =
                String::from_utf8_lossy(&question[..length]).lines().next().unwrap_or_default().to_owned();
            let _ = heard.send(format!("{} {line}", peer.ip()));
        }
    });
    asked
}

#[test]
fn flows_follow_what_backends_answer() {
    in_sandbox("flows_follow_what_backends_answer", || {
        let mut room = Room::new(2);
        let [mut here, there] = goals();
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        await_health(&mut two, "tcp", [Health::Up; 2]);
        connect(&mut two, 80);

        // A network security group that denies the port denies the probe, too.
        let port = &mut vm(&mut here, "b").network_interfaces[0].port;
        port.filter.inbound.push(group_that_denies(80).into());
        here.generation = Generation(2);
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        let backends = await_health(&mut two, "tcp", [Health::Up, Health::Down]);
        assert_eq!(backends[1].last_failure.as_deref(), Some("no answer within 1 s"));
        connect(&mut two, 80);

        // The agent that asks is gone, and comes back: neither makes a difference.
        room.kill_agent("host2");
        room.start_agent("host2");
        let mut two = room.controller("host2");
        connect(&mut two, 80);
        await_health(&mut two, "tcp", [Health::Up, Health::Down]);

        vm(&mut here, "b").network_interfaces[0].port.filter.inbound.clear();
        here.generation = Generation(3);
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        await_health(&mut two, "tcp", [Health::Up; 2]);
        connect(&mut two, 80);
    });
}

#[test]
fn only_200_is_healthy() {
    in_sandbox("only_200_is_healthy", || {
        let room = Room::new(2);
        let [here, there] = goals();
        let (mut one, mut two) = (room.controller("host1"), room.controller("host2"));
        assert_eq!(one.apply(&here).problems, Vec::<String>::new());
        let asked = serve("a", "200 OK");
        serve("b", "503 Service Unavailable");
        assert_eq!(two.apply(&there).problems, Vec::<String>::new());
        let backends = await_health(&mut two, "http", [Health::Up, Health::Down]);
        assert_eq!(backends[1].last_failure.as_deref(), Some("GET /health gives \"503\", not 200"));
        assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "168.63.129.16 GET /health HTTP/1.1");
        connect(&mut two, 8080);
    });
}
