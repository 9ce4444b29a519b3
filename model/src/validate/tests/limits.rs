//! How many of everything there may be.

use super::*;

/// `count` items, made of their numbers and joined.
fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// Checks that `count` things are allowed and that one more is refused with `said`.
fn check_limit(limit: usize, file: impl Fn(usize) -> String, said: &str) {
    assert_eq!(problems(&format!("name: lab\n{}\n", file(limit))), "", "{limit} are allowed");
    let wanted = format!("error LimitExceeded: {said}; leave 1 out");
    assert_eq!(problems(&format!("name: lab\n{}\n", file(limit + 1))), wanted);
}

#[test]
fn s1_4_subnets_of_a_virtual_network() {
    let subnet = |n: usize| format!("s{n}: {{addressPrefix: 10.0.{}.{}/29}}", n / 32, n % 32 * 8);
    check_limit(
        3000,
        |count| subnets(&many(count, subnet)),
        "there are 3001 subnets of `hub`; at most 3000 are allowed",
    );
}

#[test]
fn s7_5_peerings_of_a_virtual_network() {
    let file = |count: usize| {
        let links = many(count, |n| format!("p{n}: {{remoteVirtualNetwork: s{n}}}"));
        let spoke = |n: usize| {
            let space = format!("10.{}.{}.0/24", 1 + n / 256, n % 256);
            format!("s{n}: {{addressSpace: [{space}], peerings: {{p: {{remoteVirtualNetwork: hub}}}}}}")
        };
        networks(&format!(
            "hub: {{addressSpace: [10.0.0.0/24], peerings: {{{links}}}}}, {}",
            many(count, spoke)
        ))
    };
    check_limit(500, file, "there are 501 peerings of `hub`; at most 500 are allowed");
}

#[test]
fn s1_4_virtual_networks_of_a_region() {
    check_limit(
        1000,
        |count| networks(&many(count, |n| format!("v{n}: {{addressSpace: [10.0.0.0/24]}}"))),
        "there are 1001 virtual networks in koreacentral; at most 1000 are allowed",
    );
}

#[test]
fn s3_11_rules_of_a_network_security_group() {
    let rule = |n: usize| {
        format!("r{n}: {{priority: {}, direction: Inbound, access: Deny, protocol: Tcp}}", 100 + n)
    };
    check_limit(
        1000,
        |count| rules(&many(count, rule)),
        "there are 1001 rules of `nsg`; at most 1000 are allowed",
    );
}

#[test]
fn s3_11_addresses_and_ports_of_a_rule() {
    let address = |n: usize| format!("10.0.{}.{}", n / 256, n % 256);
    check_limit(
        4000,
        |count| rule(&format!("sourceAddressPrefix: [{}]", many(count, address))),
        "there are 4001 source addresses of rule `r`; at most 4000 are allowed",
    );
    check_limit(
        4000,
        |count| rule(&format!("destinationPortRange: [{}]", many(count, |n| n.to_string()))),
        "there are 4001 destination port ranges of rule `r`; at most 4000 are allowed",
    );
}

/// `count` application security groups, all of them with the members `a` and `b`, ten or fewer at a time.
fn groups(count: usize) -> String {
    let members = |first: usize| {
        let names = many(20.min(count.saturating_sub(first)), |n| format!("g{}", first + n));
        format!("m{first}: {{subnet: hub/web, applicationSecurityGroups: [{names}]}}")
    };
    let machines = machines(&many(count.div_ceil(20), |n| members(n * 20)));
    format!("{HUB}applicationSecurityGroups: [{}]\n{machines}\n", many(count, |n| format!("g{n}")))
}

#[test]
fn s3_1_application_security_groups_on_a_side_of_a_rule() {
    let file = |count: usize| {
        let names = many(count, |n| format!("g{n}"));
        format!("{}{}", groups(count), rule(&format!("sourceApplicationSecurityGroups: [{names}]")))
    };
    let said = "there are 11 source application security groups of rule `r`; at most 10 are allowed";
    check_limit(10, file, said);
}

#[test]
fn s3_11_application_security_groups_of_a_network_security_group() {
    let rule = |n: usize| {
        format!(
            "r{n}: {{priority: {}, direction: Inbound, access: Allow, protocol: Tcp, \
             sourceApplicationSecurityGroups: [g{n}]}}",
            100 + n
        )
    };
    let file = |count: usize| format!("{}{}", groups(count), rules(&many(count, rule)));
    let said = "there are 101 application security groups in the rules of `nsg`; at most 100 are allowed";
    check_limit(100, file, said);
}

#[test]
fn s3_5_application_security_groups_of_a_network_interface() {
    let file = |count: usize| {
        let names = many(count, |n| format!("g{n}"));
        let machine = machines(&format!("m: {{subnet: hub/web, applicationSecurityGroups: [{names}]}}"));
        format!("{HUB}applicationSecurityGroups: [{names}]\n{machine}")
    };
    check_limit(20, file, "there are 21 application security groups of `m/nic0`; at most 20 are allowed");
}

#[test]
fn s3_11_members_of_an_application_security_group() {
    let file = |count: usize| {
        let machine = |n: usize| {
            let addresses = many(256.min(count - n * 256), |n| format!("i{n}: {{}}"));
            format!(
                "m{n}: {{subnet: hub/web, applicationSecurityGroups: [g], ipConfigurations: {{{addresses}}}}}"
            )
        };
        let network =
            networks("hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.0.0/16}}}");
        let machines = machines(&many(count.div_ceil(256), machine));
        format!("{network}\napplicationSecurityGroups: [g]\n{machines}")
    };
    check_limit(4000, file, "there are 4001 members of `g`; at most 4000 are allowed");
}

#[test]
fn addresses_of_a_network_interface() {
    let file = |count: usize| {
        let addresses = many(count, |n| format!("i{n}: {{}}"));
        let network =
            networks("hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.0.0/16}}}");
        format!(
            "{network}\n{}",
            machines(&format!("m: {{subnet: hub/web, ipConfigurations: {{{addresses}}}}}"))
        )
    };
    check_limit(256, file, "there are 257 addresses of `m/nic0`; at most 256 are allowed");
}

#[test]
fn s6_3_routes_of_a_table() {
    let route =
        |n: usize| format!("r{n}: {{addressPrefix: 10.{}.{}.0/24, nextHopType: None}}", n / 256, n % 256);
    check_limit(
        400,
        |count| routes(&many(count, route)),
        "there are 401 routes of `rt`; at most 400 are allowed",
    );
}

#[test]
fn s6_3_route_tables() {
    let file = |count: usize| format!("routeTables: {{{}}}", many(count, |n| format!("rt{n}: {{}}")));
    check_limit(600, file, "there are 601 route tables; at most 600 are allowed");
}

#[test]
fn s3_11_groups_of_a_lab() {
    let file =
        |count: usize| format!("networkSecurityGroups: {{{}}}", many(count, |n| format!("g{n}: {{}}")));
    check_limit(5000, file, "there are 5001 network security groups; at most 5000 are allowed");
    let file = |count: usize| format!("applicationSecurityGroups: [{}]", many(count, |n| format!("g{n}")));
    check_limit(3000, file, "there are 3001 application security groups; at most 3000 are allowed");
}

#[test]
fn listeners_of_a_virtual_machine() {
    let file = |count: usize| {
        let ports = many(count, |n| format!("{}/tcp", n + 1));
        format!("{HUB}{}", machines(&format!("m: {{subnet: hub/web, listen: [{ports}]}}")))
    };
    check_limit(1000, file, "there are 1001 listeners of virtual machine `m`; at most 1000 are allowed");
}

#[test]
fn only_the_first_thousand_errors_are_told() {
    let machines = machines(&many(1005, |n| format!("m{n}: {{subnet: hub/nowhere}}")));
    let said = problems(&format!("name: lab\n{HUB}{machines}\n"));
    assert_eq!(said.lines().count(), 1001);
    assert!(said.ends_with("error TooManyErrors: there are 5 more errors; mend the first ones"), "{said}");
}
