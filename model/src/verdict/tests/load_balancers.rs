//! Load balancers, in front of machines and in front of appliances.

use super::*;
use crate::network::public::{LoadBalancerProtocol, LoadBalancerSku};
use crate::network::{IdleFlows, InboundNatRule, NicIndex, NicRef, PowerState};

fn base() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .public_ip("pip-lb", "20.0.0.4")
        .internet_host("client", "203.0.113.9")
        .vm("web1", "10.0.0.4")
        .vm("web2", "10.0.0.5")
        .vm("client1", "10.0.0.9")
}

fn public() -> NetworkBuilder {
    base().load_balancer("lb", "pip-lb", &["web1", "web2"], &["Tcp 80 8080"])
}

fn internal() -> NetworkBuilder {
    base().load_balancer("lb", "10.0.0.100", &["web1", "web2"], &["Tcp 80 8080"])
}

fn all(network: &Network, from: &str, to: &str, port: u16) -> Vec<String> {
    let question = Question {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol: IpProtocol::TCP,
        port: Some(port),
        source_port: None,
        source_ip: None,
    };
    explain_all(&Policy::new(network), &question).unwrap().iter().map(said).collect()
}

#[test]
fn s3_7_rules_see_the_client_and_the_backend_port() {
    let network = public()
        .nsg("nsg", &["100 Inbound Allow Tcp 203.0.113.9/32 10.0.0.4/32:8080"])
        .subnet_nsg("a/default", "nsg")
        .build();
    let answer = tcp(&network, "internet/client", "20.0.0.4", 80);
    assert_eq!(said(&answer), "Allow internet/client>web1");
    let received = answer.received.unwrap();
    assert_eq!(
        (received.source.as_str(), received.destination.as_str()),
        ("203.0.113.9:49152", "10.0.0.4:8080")
    );
    assert_eq!(answer.reply.unwrap().received.unwrap().source, "20.0.0.4:80");
    // The tag of probes is not the balancer's traffic.
    let by_tag = public()
        .nsg("nsg", &["100 Inbound Allow Tcp AzureLoadBalancer *:8080"])
        .subnet_nsg("a/default", "nsg")
        .build();
    assert_eq!(tcp(&by_tag, "internet/client", "20.0.0.4", 80).verdict, Access::Deny);
}

#[test]
fn s9_3_each_running_backend_may_get_the_flow() {
    let network = internal().build();
    assert_eq!(all(&network, "client1", "10.0.0.100", 80), ["Allow client1>web1", "Allow client1>web2"]);
    let mut one_down = network;
    one_down.virtual_machines[0].power_state = PowerState::Deallocated;
    assert_eq!(all(&one_down, "client1", "10.0.0.100", 80), ["Allow client1>web2"]);
    one_down.virtual_machines[1].power_state = PowerState::Deallocated;
    assert_eq!(
        all(&one_down, "client1", "10.0.0.100", 80),
        ["Deny loadBalancer lb/rule-80 at lb client1>lb"]
    );
}

#[test]
fn s9_3_only_what_a_rule_is_for_is_balanced_and_never_icmp() {
    let network = internal().build();
    assert_eq!(said(&tcp(&network, "client1", "10.0.0.100", 81)), "Deny loadBalancer lb at lb client1>lb");
    assert_eq!(said(&ping(&network, "client1", "10.0.0.100")), "Deny loadBalancer lb at lb client1>lb");
    let udp = ask(&network, "client1", "10.0.0.100", IpProtocol::UDP, Some(80));
    assert_eq!(said(&udp), "Deny loadBalancer lb at lb client1>lb");
}

#[test]
fn s9_3_a_backend_reaches_its_own_frontend_only_by_another_backend() {
    let network = internal().build();
    assert_eq!(
        all(&network, "web1", "10.0.0.100", 80),
        ["Deny loadBalancer lb/rule-80 at web1 web1>web1", "Allow web1>web2"]
    );
}

#[test]
fn s3_3_a_standard_public_frontend_is_closed_without_a_group() {
    let network = public().build();
    assert_eq!(
        said(&tcp(&network, "internet/client", "20.0.0.4", 80)),
        "Deny publicAddress lb at web1 internet/client>web1"
    );
    let mut basic = network;
    basic.load_balancers[0].sku = LoadBalancerSku::Basic;
    assert_eq!(said(&tcp(&basic, "internet/client", "20.0.0.4", 80)), "Allow internet/client>web1");
}

#[test]
fn s9_3_an_inbound_nat_rule_leads_a_port_to_one_machine() {
    let mut network =
        public().nsg("nsg", &["100 Inbound Allow Tcp Internet *:22"]).subnet_nsg("a/default", "nsg").build();
    let web2 = NicRef { vm: network.find_vm("web2").unwrap(), index: NicIndex(0) };
    network.load_balancers[0].inbound_nat_rules.push(InboundNatRule {
        name: "ssh".to_owned(),
        frontend: 0,
        backends: vec![(web2, 50022)],
        protocol: LoadBalancerProtocol::Tcp,
        backend_port: 22,
        enable_floating_ip: false,
        idle: IdleFlows::default(),
    });
    let answer = tcp(&network, "internet/client", "20.0.0.4", 50022);
    assert_eq!(said(&answer), "Allow internet/client>web2");
    assert_eq!(answer.received.unwrap().destination, "10.0.0.5:22");
}

/// The built-in listeners answer a TCP probe and no HTTP one; what a command listens on, no file says; and rules may drop the probe.
#[test]
fn s9_3_only_healthy_backends_get_flows() {
    use crate::network::public::Probe;
    use goal_state::edge::ProbeQuestion;

    let mut network = internal().build();
    let question = ProbeQuestion::Tcp;
    network.load_balancers[0].probes =
        vec![Probe { name: "p".into(), question, port: 8080, interval_in_seconds: 5, number_of_probes: 1 }];
    network.load_balancers[0].load_balancing_rules[0].probe = Some(0);
    let unknown = tcp(&network, "client1", "10.0.0.100", 80);
    assert_eq!(said(&unknown), "Allow client1>web1");
    assert!(unknown.evidence.not_carried.is_some());
    let listens = |port| Some(vec![Listen { port, transport: Transport::Tcp }]);
    network.virtual_machines[0].listen = listens(80);
    network.virtual_machines[1].listen = listens(8080);
    let carried = tcp(&network, "client1", "10.0.0.100", 80);
    assert_eq!((said(&carried).as_str(), carried.evidence.not_carried), ("Allow client1>web2", None));
    network.virtual_machines[1].listen = listens(80);
    assert_eq!(
        said(&tcp(&network, "client1", "10.0.0.100", 80)),
        "Deny loadBalancer lb/rule-80 at lb client1>lb"
    );
    network.virtual_machines[0].commands = vec!["serve".into()];
    network.load_balancers[0].probes[0].question = ProbeQuestion::Http { path: "/".into() };
    network.virtual_machines[0].listen = listens(8080);
    assert_eq!(said(&tcp(&network, "client1", "10.0.0.100", 80)), "Allow client1>web1");
}

#[test]
fn s9_3_with_floating_ip_the_frontends_address_stays() {
    let network = internal().build();
    let mut floating = network;
    floating.load_balancers[0].load_balancing_rules[0].enable_floating_ip = true;
    let answer = tcp(&floating, "client1", "10.0.0.100", 80);
    assert_eq!(said(&answer), "Allow client1>web1");
    assert_eq!(answer.received.unwrap().destination, "10.0.0.100:80");
    // The backend has that address itself.
    assert_eq!(said(&tcp(&floating, "web2", "10.0.0.100", 80)), "Allow web2");
}

/// Appliances behind a balancer: the route names the frontend, and the reply goes through the same one.
#[test]
fn s6_3_a_route_may_lead_to_a_frontend_with_ha_ports() {
    let with = |rule: &str| {
        hub_and_spokes()
            .nva("nva1", &["10.0.0.8"])
            .nva("nva2", &["10.0.0.9"])
            .load_balancer("lb", "10.0.0.4", &["nva1", "nva2"], &[rule])
            .build()
    };
    let ha_ports = with("All 0 0");
    assert_eq!(all(&ha_ports, "web1", "db1", 80), ["Allow web1>nva1>db1", "Allow web1>nva2>db1"]);
    let answer = tcp(&ha_ports, "web1", "db1", 80);
    assert_eq!(answer.reply.unwrap().path, ["db1", "nva1", "web1"]);
    assert_eq!(said(&ping(&ha_ports, "web1", "db1")), "Deny loadBalancer lb/rule-0 at lb web1>lb");
    assert_eq!(all(&with("Tcp 80 80"), "web1", "db1", 80), ["Deny loadBalancer lb at lb web1>lb"]);
}

#[test]
fn s7_3_a_basic_frontend_is_not_reached_by_global_peering() {
    let mut network = internal().vnet("b", "10.1.0.0/16").peer("a", "b").vm("far1", "10.1.0.4").build();
    network.load_balancers[0].sku = LoadBalancerSku::Basic;
    assert_eq!(said(&tcp(&network, "far1", "10.0.0.100", 80)), "Allow far1>web1");
    network.virtual_networks[1].location = "westeurope".to_owned();
    assert_eq!(said(&tcp(&network, "far1", "10.0.0.100", 80)), "Deny loadBalancer lb at lb far1>lb");
    assert_eq!(said(&tcp(&network, "far1", "web1", 8080)), "Allow far1>web1", "the backend itself is");
    network.load_balancers[0].sku = LoadBalancerSku::Standard;
    assert_eq!(said(&tcp(&network, "far1", "10.0.0.100", 80)), "Allow far1>web1");
}
