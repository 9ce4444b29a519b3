//! What Azure itself answers, and what can cut it.

use super::*;

/// A group and a route that let nothing out.
fn closed(rules: &[&str]) -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", rules)
        .subnet_nsg("a/default", "nsg")
        .route_table(
            "rt",
            &["cut 0.0.0.0/0 None", "wire 168.63.129.16/32 None", "imds 169.254.169.254/32 None"],
        )
        .subnet_routes("a/default", "rt")
        .vm("web1", "10.0.0.4")
        .vm("web2", "10.0.0.5")
}

const EVERYTHING: [&str; 2] = ["4000 Outbound Deny * * *", "4000 Inbound Deny * * *"];

fn udp(network: &Network, to: &str, port: u16) -> Explanation {
    ask(network, "web1", to, IpProtocol::UDP, Some(port))
}

#[test]
fn s3_8_neither_rules_nor_routes_cut_the_platform() {
    let network = closed(&EVERYTHING).build();
    let allowed = "Allow web1>platform";
    let dhcp = udp(&network, "168.63.129.16", 67);
    assert_eq!((said(&dhcp).as_str(), dhcp.evidence.not_carried.as_deref()), (allowed, Some("DHCP")));
    assert_eq!(said(&udp(&network, "255.255.255.255", 67)), allowed);
    assert_eq!(said(&udp(&network, "168.63.129.16", 53)), allowed);
    for (to, port) in
        [("168.63.129.16", 53), ("168.63.129.16", 80), ("168.63.129.16", 32526), ("169.254.169.254", 80)]
    {
        let answer = tcp(&network, "web1", to, port);
        assert_eq!(said(&answer), allowed, "{to} {port}");
        assert_eq!(answer.evidence.not_carried, None);
    }
    assert_eq!(said(&tcp(&network, "web1", "168.63.129.16", 22)), "Deny platform at web1 web1");
    assert_eq!(said(&tcp(&network, "web1", "169.254.169.254", 443)), "Deny platform at web1 web1");
    assert_eq!(said(&ping(&network, "web1", "169.254.169.254")), "Deny platform at web1 web1");
}

#[test]
fn s3_8_only_a_deny_of_the_services_own_tag_cuts_it() {
    let by = |tag: &str| {
        let rule = format!("100 Outbound Deny * * {tag}");
        let network = closed(&[&rule]).build();
        let cut = |answer: Explanation| answer.reason.and_then(|reason| reason.rule).is_some();
        [
            cut(udp(&network, "168.63.129.16", 67)),
            cut(udp(&network, "168.63.129.16", 53)),
            cut(tcp(&network, "web1", "168.63.129.16", 53)),
            cut(tcp(&network, "web1", "168.63.129.16", 80)),
            cut(tcp(&network, "web1", "169.254.169.254", 80)),
        ]
    };
    assert_eq!(by("AzurePlatformDNS"), [false, true, true, false, false]);
    assert_eq!(by("AzurePlatformIMDS"), [false, false, false, false, true]);
    assert_eq!(by("AzurePlatformLKM"), [false; 5]);
    assert_eq!(by("*"), [false; 5]);
}

#[test]
fn s3_8_a_rule_about_a_platform_tag_says_nothing_about_other_packets() {
    let network = NetworkBuilder::new()
        .vnet("a", "10.0.0.0/16")
        .nsg("nsg", &["100 Outbound Deny * * AzurePlatformDNS"])
        .subnet_nsg("a/default", "nsg")
        .vm("web1", "10.0.0.4")
        .vm("web2", "10.0.0.5")
        .build();
    assert_eq!(said(&udp(&network, "web2", 53)), "Allow web1>web2");
}

#[test]
fn s3_8_licensing_is_cut_by_its_tag_and_by_a_default_route() {
    let with = |rules: &[&str], routed: bool| {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .nsg("nsg", rules)
            .subnet_nsg("a/default", "nsg")
            .route_table("rt", &["cut 0.0.0.0/0 None"])
            .vm("web1", "10.0.0.4");
        let network = if routed { builder.subnet_routes("a/default", "rt").build() } else { builder.build() };
        said(&tcp(&network, "web1", "20.118.99.224", 1688))
    };
    assert_eq!(with(&EVERYTHING, false), "Allow web1>platform");
    assert_eq!(
        with(&["100 Outbound Deny * * AzurePlatformLKM"], false),
        "Deny networkSecurityGroup nsg/rule-100 at web1 web1"
    );
    assert_eq!(with(&[], true), "Deny route rt/cut at web1 web1");
}

#[test]
fn s3_8_health_probes_are_filtered() {
    let probe = |rules: &[&str]| said(&tcp(&closed(rules).build(), "168.63.129.16", "web1", 80));
    assert_eq!(probe(&[]), "Allow platform>web1", "the tag VirtualNetwork, or the default rule for probes");
    let denied = "Deny networkSecurityGroup nsg/rule-4000 at web1 platform>web1";
    assert_eq!(probe(&EVERYTHING), denied);
    // §5.1: 168.63.129.16 is in VirtualNetwork, so that a Deny of that tag cuts probes.
    assert_eq!(
        probe(&["4000 Inbound Deny * VirtualNetwork *"]),
        "Deny networkSecurityGroup nsg/rule-4000 at web1 platform>web1"
    );
    assert_eq!(probe(&["100 Inbound Allow * AzureLoadBalancer *", EVERYTHING[1]]), "Allow platform>web1");
}

#[test]
fn s3_8_nobody_else_sends_from_the_platforms_address() {
    let network =
        NetworkBuilder::new().vnet("a", "10.0.0.0/16").nva("nva", &["10.0.0.4"]).vm("a1", "10.0.0.5").build();
    let spoofed = Question {
        from: "nva".to_owned(),
        to: "a1".to_owned(),
        protocol: IpProtocol::TCP,
        port: Some(80),
        source_port: None,
        source_ip: Some([168, 63, 129, 16].into()),
    };
    let answer = explain(&Policy::new(&network), &spoofed).unwrap();
    assert_eq!(said(&answer), "Deny sourceAddress at nva nva");
}
