//! Load balancers.

use super::*;
use crate::network::{FrontendAddress, IdleFlows, Network};
use goal_state::edge::ProbeQuestion;

/// Machines in two virtual networks, public addresses of each SKU.
const BASE: &str = "virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}, GatewaySubnet: {addressPrefix: 10.0.2.0/24}}}
  spoke: {addressSpace: [10.1.0.0/16], subnets: {app: {addressPrefix: 10.1.1.0/24}}}
publicIPAddresses: {p: {}, q: {}, own: {}}
virtualMachines:
  web1: {subnet: hub/web}
  web2: {networkInterfaces: {nic0: {subnet: hub/web}, nic1: {subnet: hub/web}}}
  app1: {subnet: spoke/app}
  own1: {subnet: hub/web, publicIPAddress: own}
";

fn base(typed: &str) -> String {
    format!("{BASE}loadBalancers: {{{typed}}}")
}

/// A public load balancer with a pool.
fn public(typed: &str) -> String {
    base(&format!(
        "lb: {{frontendIPConfigurations: {{fe: {{publicIPAddress: p}}, fe2: {{publicIPAddress: q}}}}, backendAddressPools: {{pool: [web1, web2/NIC1]}}, {typed}}}"
    ))
}

/// An internal load balancer with a pool.
fn internal(typed: &str) -> String {
    base(&format!(
        "lb: {{frontendIPConfigurations: {{fe: {{subnet: hub/web}}, fe2: {{subnet: hub/web}}}}, backendAddressPools: {{pool: [web1, web2], other: [web2]}}, {typed}}}"
    ))
}

fn network(file: &str) -> Network {
    let file = format!("name: lab\n{file}\n");
    load(&file).network.unwrap_or_else(|| panic!("{}", problems(&file)))
}

/// Warnings that machines and other load balancers are Basic.
fn errors_of(file: &str) -> String {
    let said = problems(&format!("name: lab\n{file}\n"));
    said.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n")
}

#[test]
fn s9_3_a_load_balancer_refers_to_its_parts() {
    let network = network(&internal(
        "probes: {tcp: {protocol: Tcp, port: 80, intervalInSeconds: 5, numberOfProbes: 1}}, loadBalancingRules: {web: {frontendIPConfiguration: FE2, backendAddressPool: pool, probe: tcp, protocol: Tcp, frontendPort: 80, backendPort: 8080, loadDistribution: sourceip, disableOutboundSnat: true}}, inboundNatRules: {ssh: {frontendIPConfiguration: fe, backend: web2/nic1, protocol: Tcp, frontendPort: 2222, backendPort: 22}, all: {frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPortRangeStart: 100, frontendPortRangeEnd: 101, backendPort: 22}}",
    ));
    let balancer = &network.load_balancers[0];
    let rule = &balancer.load_balancing_rules[0];
    assert_eq!((rule.frontend, rule.backend_pool, rule.backend_port), (1, 0, 8080));
    assert_eq!(rule.load_distribution.to_string(), "SourceIP");
    assert!(rule.disable_outbound_snat && !rule.enable_floating_ip);
    assert_eq!((rule.probe, rule.idle), (Some(0), IdleFlows::default()));
    let probe = &balancer.probes[0];
    assert_eq!((probe.question.clone(), probe.port), (ProbeQuestion::Tcp, 80));
    assert_eq!((probe.interval_in_seconds, probe.number_of_probes), (5, 1));
    let [ssh, all] = &balancer.inbound_nat_rules[..] else { panic!("two rules") };
    assert_eq!(ssh.backends[0].0.index.0, 1);
    let pairs: Vec<_> = all.backends.iter().map(|(nic, port)| (nic.vm.0, *port)).collect();
    assert_eq!(pairs, [(0, 100), (1, 101)]);
    assert_eq!(balancer.backend_pools[1].1.len(), 1);
}

#[test]
fn s9_3_private_frontends_have_addresses_that_nobody_else_has() {
    let file = base(
        "lb: {frontendIPConfigurations: {given: {subnet: hub/web, privateIPAddress: 10.0.1.4}, free: {subnet: hub/web}}}",
    );
    let network = network(&file);
    let addresses: Vec<_> = network.load_balancers[0]
        .frontends
        .iter()
        .map(|frontend| match frontend.address {
            FrontendAddress::Private { address, .. } => address.to_string(),
            FrontendAddress::Public(_) => "public".to_owned(),
        })
        .collect();
    assert_eq!(addresses, ["10.0.1.4", "10.0.1.9"]);
    assert_eq!(network.virtual_machines[0].nics[0].addresses[0].to_string(), "10.0.1.5");
}

#[test]
fn s9_3_a_frontend_has_one_address_and_all_are_public_or_none() {
    check(
        &|typed| base(&format!("lb: {{frontendIPConfigurations: {{{typed}}}}}")),
        &[
            ("fe: {publicIPAddress: p}, fe2: {publicIPAddress: q}", ""),
            (
                "fe: {}",
                "error FrontendAddress: frontend `lb/fe` has neither a public address nor a subnet; give it `publicIPAddress`, or `subnet`",
            ),
            (
                "fe: {publicIPAddress: p, subnet: hub/web}",
                "error FrontendAddress: frontend `lb/fe` has a public address and a subnet; give it `publicIPAddress`, or `subnet`",
            ),
            (
                "fe: {publicIPAddress: p}, fe2: {subnet: hub/web}",
                "error LoadBalancerFrontends: load balancer `lb` has a public frontend, `fe`, and a private one, `fe2`; a load balancer is public or internal: make two of it",
            ),
            (
                "fe: {subnet: hub/GatewaySubnet}",
                "error SpecialSubnetOccupied: frontend `lb/fe` is in GatewaySubnet, which takes no frontends; put it into an ordinary subnet",
            ),
            (
                "fe: {publicIPAddress: own}",
                "error PublicIPAddressInUse: public address `own` is for network interface `own1/nic0` already; a public address serves one thing: give load balancer `lb` its own",
            ),
        ],
    );
}

#[test]
fn s9_3_frontend_and_pools_are_in_one_virtual_network() {
    check(
        &base,
        &[
            (
                "lb: {frontendIPConfigurations: {fe: {subnet: hub/web}}, backendAddressPools: {pool: [app1]}}",
                "error LoadBalancerInSeveralVirtualNetworks: load balancer `lb` is in `hub`, `app1` behind it in `spoke`; frontend and backend pools of a load balancer are in one virtual network",
            ),
            (
                "lb: {frontendIPConfigurations: {fe: {publicIPAddress: p}}, backendAddressPools: {a: [web1], b: [app1]}}",
                "error LoadBalancerInSeveralVirtualNetworks: load balancer `lb` is in `hub`, `app1` behind it in `spoke`; frontend and backend pools of a load balancer are in one virtual network",
            ),
            (
                "lb: {backendAddressPools: {a: [web1, WEB1/nic0]}}",
                "error DuplicateBackend: `WEB1/nic0` is in backend pool `lb/a` twice; leave one out",
            ),
            (
                "lb: {backendAddressPools: {a: [web2/nic7]}}",
                "error InvalidResourceReference: there is no network interface `web2/nic7`; there is `nic0`, `nic1`",
            ),
        ],
    );
}

#[test]
fn s9_3_a_retired_load_balancer_is_accepted() {
    check(
        &base,
        &[
            (
                "lb: {sku: Basic}",
                "warning RetiredSku: load balancer `lb` is Basic, which was retired on 30 September 2025; use `sku: Standard`",
            ),
            (
                "lb: {sku: Gateway}",
                "error NotBuiltYet: not built yet: load balancers of the SKU Gateway; leave it out",
            ),
        ],
    );
}

#[test]
fn s9_3_skus_of_load_balancers_and_public_addresses_match() {
    assert_eq!(
        errors_of(&base("lb: {sku: Basic, frontendIPConfigurations: {fe: {publicIPAddress: p}}}")),
        "error PublicIPAndLBSkuDoNotMatch: load balancer `lb` is Basic, its public address `p` Standard; use one with `sku: Basic`"
    );
    assert_eq!(
        errors_of(&base("lb: {sku: Basic, backendAddressPools: {a: own1}}")),
        "error DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed: load balancer `lb` is Basic, the public address of `own1` behind it is not; all public addresses and load balancers of a network interface have one SKU"
    );
    assert_eq!(
        errors_of(&base(
            "one: {backendAddressPools: {a: web1}}, two: {sku: Basic, backendAddressPools: {a: web1}}"
        )),
        "error DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed: `web1` is behind load balancer `two`, which is Basic, and behind `one`, which is not; all public addresses and load balancers of a network interface have one SKU"
    );
}

#[test]
fn s9_2_a_basic_load_balancer_is_not_in_a_subnet_with_a_nat_gateway() {
    let file = |sku: &str| {
        format!(
            "virtualNetworks: {{hub: {{addressSpace: [10.0.0.0/16], subnets: {{web: {{addressPrefix: 10.0.1.0/24, natGateway: n}}}}}}}}\npublicIPAddresses: {{p: {{}}}}\nnatGateways: {{n: {{publicIPAddresses: p}}}}\nvirtualMachines: {{a: {{subnet: hub/web}}}}\nloadBalancers: {{lb: {{sku: {sku}, backendAddressPools: {{pool: a}}}}}}"
        )
    };
    assert_eq!(errors_of(&file("Standard")), "");
    assert_eq!(
        errors_of(&file("Basic")),
        "error SubnetWithNatGatewayAndBasicSkuResourceNotAllowed: subnet `hub/web` cannot have a NAT gateway, for there is load balancer `lb` in it, which is Basic; make it Standard, or leave the NAT gateway out"
    );
}

#[test]
fn s9_3_ha_ports_are_for_internal_standard_load_balancers() {
    const HA: &str = "loadBalancingRules: {ha: {frontendIPConfiguration: fe, backendAddressPool: pool, protocol: All, frontendPort: 0, backendPort: 0}}";
    assert_eq!(errors_of(&internal(HA)), "");
    let refused = "error HighAvailabilityPorts: rule `lb/ha` cannot have HA ports: load balancer `lb` is not internal and Standard; write a rule per port, with `protocol: Tcp` or `Udp`";
    assert_eq!(errors_of(&public(HA)), refused);
    assert_eq!(errors_of(&internal(&format!("sku: Basic, {HA}"))), refused);
    check(
        &|typed| {
            internal(&format!(
                "loadBalancingRules: {{r: {{frontendIPConfiguration: fe, backendAddressPool: pool, {typed}}}}}"
            ))
        },
        &[
            (
                "protocol: All, frontendPort: 80, backendPort: 80",
                "error HighAvailabilityPorts: rule `lb/r` has protocol All and the ports 80 and 80; write `frontendPort: 0` and `backendPort: 0` for HA ports, or `protocol: Tcp`",
            ),
            (
                "protocol: Tcp, frontendPort: 0, backendPort: 80",
                "error InvalidPort: rule `lb/r` has port 0 and protocol Tcp; port 0 is all ports and goes with `protocol: All`: use a port from 1 to 65535",
            ),
        ],
    );
}

#[test]
fn s9_3_a_backend_port_is_not_reused_without_floating_ip() {
    let rules = |typed: &str| {
        let rule = |name: &str, more: &str| {
            format!("{name}: {{frontendIPConfiguration: {more}, frontendPort: 80, backendPort: 8080}}")
        };
        let (one, two) = typed.split_once(" | ").unwrap();
        public(&format!("loadBalancingRules: {{{}, {}}}", rule("a", one), rule("b", two)))
    };
    let refused = "error RulesUseSameBackendPortProtocolAndPool: rules `lb/a` and `lb/b` lead to the same port of one pool without floating IP; use another backendPort or pool, or `enableFloatingIP: true`";
    check(
        &rules,
        &[
            (
                "fe, backendAddressPool: pool, protocol: Tcp | fe2, backendAddressPool: pool, protocol: Tcp",
                refused,
            ),
            (
                "fe, backendAddressPool: pool, protocol: Tcp | fe2, backendAddressPool: pool, protocol: Udp",
                "",
            ),
            (
                "fe, backendAddressPool: pool, protocol: Tcp, enableFloatingIP: true | fe2, backendAddressPool: pool, protocol: Tcp, enableFloatingIP: true",
                "",
            ),
        ],
    );
}

#[test]
fn s9_3_a_frontend_port_leads_to_one_rule() {
    let refused = "error FrontendPortInUse: rules `lb/web` and `lb/nat` take the same port of one frontend; use another port, or another frontend";
    check(
        &|typed| {
            public(&format!(
                "loadBalancingRules: {{web: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPort: 80, backendPort: 80}}}}, inboundNatRules: {{nat: {{{typed}, backendPort: 22}}}}"
            ))
        },
        &[
            ("frontendIPConfiguration: fe, backend: web1, protocol: Tcp, frontendPort: 80", refused),
            ("frontendIPConfiguration: fe, backend: web1, protocol: Udp, frontendPort: 80", ""),
            ("frontendIPConfiguration: fe2, backend: web1, protocol: Tcp, frontendPort: 80", ""),
            (
                "frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPortRangeStart: 79, frontendPortRangeEnd: 81",
                refused,
            ),
        ],
    );
}

#[test]
fn s9_3_an_inbound_nat_rule_has_a_port_for_each_machine() {
    check(
        &|typed| {
            public(&format!(
                "inboundNatRules: {{nat: {{frontendIPConfiguration: fe, protocol: Tcp, backendPort: 22, {typed}}}}}"
            ))
        },
        &[
            (
                "frontendPort: 80",
                "error InboundNatRuleBackend: inbound NAT rule `lb/nat` leads to one machine or to a pool; write `backend` or `backendAddressPool`",
            ),
            (
                "backend: web1, frontendPortRangeStart: 1, frontendPortRangeEnd: 9",
                "error InboundNatRulePorts: inbound NAT rule `lb/nat` leads to one machine; give it a `frontendPort`, and no range of ports",
            ),
            (
                "backendAddressPool: pool, frontendPort: 80",
                "error InboundNatRulePorts: inbound NAT rule `lb/nat` leads to a pool; give it `frontendPortRangeStart` and `frontendPortRangeEnd`, and no `frontendPort`",
            ),
            (
                "backendAddressPool: pool, frontendPortRangeStart: 80, frontendPortRangeEnd: 80",
                "error InboundNatRulePorts: inbound NAT rule `lb/nat` has 1 ports for 2 machines; each machine takes a port: write a larger range, its start before its end",
            ),
        ],
    );
}

#[test]
fn s9_3_http_probes_are_refused_on_nine_ports() {
    for port in [19, 21, 25, 70, 110, 119, 143, 220, 993] {
        let file = |protocol: &str| public(&format!("probes: {{h: {{protocol: {protocol}, port: {port}}}}}"));
        assert_eq!(errors_of(&file("Tcp")), "");
        let refused = format!("error ProbePortRefused: probe `lb/h` cannot ask port {port} by Http;");
        assert!(errors_of(&file("Http, requestPath: /")).starts_with(&refused));
    }
    check(
        &|typed| public(&format!("probes: {{h: {{{typed}}}}}")),
        &[
            ("protocol: Http, port: 80, requestPath: /", ""),
            (
                "protocol: Http, port: 80",
                "error ProbeRequestPath: probe `lb/h` asks by Http and has no requestPath; write one, such as `requestPath: /`",
            ),
            (
                "protocol: Tcp, port: 80, requestPath: /",
                "error ProbeRequestPath: probe `lb/h` has a requestPath, and asks by Tcp; leave it out, or use `protocol: Http`",
            ),
            (
                "protocol: Tcp, port: 80, intervalInSeconds: 4",
                "error ValueOutOfRange: intervalInSeconds of probe `lb/h` is 4; use a number from 5 to 2147483647",
            ),
            (
                "protocol: Tcp, port: 0",
                "error InvalidPort: probe `lb/h` asks port 0; use a port from 1 to 65535",
            ),
            (
                "protocol: Http, port: 80, requestPath: '/a b'",
                "error ProbeRequestPath: the requestPath of probe `lb/h` has a blank or a control character; write blanks as `%20`",
            ),
            (
                "protocol: Https, port: 443, requestPath: /",
                "error NotBuiltYet: not built yet: HTTPS probes; leave it out",
            ),
        ],
    );
}

#[test]
fn s9_3_outbound_ports_come_in_eights_out_of_64000_per_frontend() {
    let rule = |ports: &str| {
        public(&format!(
            "loadBalancingRules: {{web: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPort: 80, backendPort: 80}}}}, outboundRules: {{out: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: All, allocatedOutboundPorts: {ports}}}}}"
        ))
    };
    check(
        &rule,
        &[
            ("0", ""),
            ("31992", ""),
            (
                "32000",
                "error OutboundPorts: outbound rule `lb/out` gives 2 machines 32000 ports each, 64000 together, of 63992; a frontend has 64000, less 8 for each rule on it: give fewer, or add a frontend",
            ),
            (
                "1001",
                "error OutboundPorts: outbound rule `lb/out` gives each machine 1001 ports; ports are given in multiples of 8",
            ),
        ],
    );
}

#[test]
fn s9_3_outbound_rules_are_for_public_standard_load_balancers() {
    const OUT: &str =
        "outboundRules: {out: {frontendIPConfigurations: [fe], backendAddressPool: pool, protocol: All}}";
    assert_eq!(errors_of(&public(OUT)), "");
    assert_eq!(network(&public(OUT)).load_balancers[0].outbound_rules[0].frontends, [0]);
    assert_eq!(
        errors_of(&internal(OUT)),
        "error OutboundRuleFrontend: outbound rule `lb/out` has frontend `fe`, which is private; name a public one"
    );
    assert!(errors_of(&internal(&format!("sku: Basic, {OUT}"))).starts_with(
        "error StandardLoadBalancerNeeded: load balancer `lb` cannot have an outbound rule: it is Basic;"
    ));
}

#[test]
fn s9_3_flows_are_forgotten_after_4_to_100_minutes() {
    let file = |minutes: &str| {
        public(&format!(
            "loadBalancingRules: {{web: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPort: 80, backendPort: 80, idleTimeoutInMinutes: {minutes}}}}}"
        ))
    };
    check(
        &file,
        &[
            ("4", ""),
            ("100", ""),
            (
                "3",
                "error ValueOutOfRange: idleTimeoutInMinutes of rule `lb/web` is 3; use a number from 4 to 100",
            ),
        ],
    );
}

#[test]
fn s9_3_every_kind_of_rule_says_what_becomes_of_idle_flows() {
    let idle = "idleTimeoutInMinutes: 9, enableTcpReset: true";
    let network = network(&public(&format!(
        "loadBalancingRules: {{r: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPort: 80, backendPort: 80, {idle}}}}}, inboundNatRules: {{n: {{frontendIPConfiguration: fe, backend: web1, protocol: Tcp, frontendPort: 50022, backendPort: 22, {idle}}}}}, outboundRules: {{o: {{frontendIPConfiguration: fe2, backendAddressPool: pool, protocol: All, {idle}}}}}"
    )));
    let balancer = &network.load_balancers[0];
    let idle = IdleFlows { timeout_in_minutes: 9, tcp_reset: true };
    assert_eq!(balancer.load_balancing_rules[0].idle, idle);
    assert_eq!(balancer.inbound_nat_rules[0].idle, idle);
    assert_eq!(balancer.outbound_rules[0].idle, idle);
}

#[test]
fn s9_3_a_probe_that_says_nothing_asks_every_5_seconds_and_believes_two_answers() {
    let network = network(&public("probes: {h: {protocol: Http, port: 80, requestPath: /health?x=1}}"));
    let probe = &network.load_balancers[0].probes[0];
    assert_eq!(probe.question, ProbeQuestion::Http { path: "/health?x=1".to_owned() });
    assert_eq!((probe.interval_in_seconds, probe.number_of_probes), (5, 2));
}

#[test]
fn parts_of_a_load_balancer_that_are_not_there_are_told() {
    check(
        &public,
        &[(
            "loadBalancingRules: {web: {frontendIPConfiguration: front, backendAddressPool: pol, probe: http, protocol: Tcp, frontendPort: 80, backendPort: 80}}",
            "error InvalidResourceReference: there is no frontend `lb/front`; there is `fe`, `fe2`\nerror InvalidResourceReference: there is no backend pool `lb/pol`; did you mean `lb/pool`?\nerror InvalidResourceReference: there is no probe `lb/http`; there is no probe at all",
        )],
    );
}

#[test]
fn a_load_balancer_has_up_to_1500_rules() {
    let rules: String = (1..=1501)
        .map(|port| format!("r{port}: {{frontendIPConfiguration: fe, backendAddressPool: pool, protocol: Tcp, frontendPort: {port}, backendPort: {port}}}, "))
        .collect();
    assert_eq!(
        errors_of(&public(&format!("loadBalancingRules: {{{rules}}}"))),
        "error LimitExceeded: there are 1501 rules of load balancer `lb`; at most 1500 are allowed; leave 1 out"
    );
}
