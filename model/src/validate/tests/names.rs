//! Names: of every kind, and references to them.

use super::*;

#[test]
fn s3_1_names_have_letters_digits_dots_underscores_and_hyphens() {
    check(
        &lab,
        &[
            (
                "virtualNetworks: {'-hub': {addressSpace: [10.0.0.0/16]}}",
                "error InvalidResourceName: virtual network name `-hub` starts with '-'; start with a letter or digit",
            ),
            (
                "virtualNetworks: {hub-: {addressSpace: [10.0.0.0/16]}}",
                "error InvalidResourceName: virtual network name `hub-` ends with '-'; end with a letter, a digit or an underscore",
            ),
            (
                "virtualNetworks: {'hub/1': {addressSpace: [10.0.0.0/16]}}",
                "error InvalidResourceName: virtual network name `hub/1` has '/'; use letters, digits, '.', '_' and '-' only",
            ),
            (
                "virtualNetworks: {vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv: {addressSpace: [10.0.0.0/16]}}",
                "error InvalidResourceName: virtual network name `vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv` has 65 characters; use at most 64",
            ),
            (
                "virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {'we b': {addressPrefix: 10.0.1.0/24}}}}",
                "error InvalidResourceName: subnet name `we b` has ' '; use letters, digits, '.', '_' and '-' only",
            ),
            (
                "networkSecurityGroups: {nsg: {securityRules: {rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp}}}}",
                "error InvalidResourceName: security rule name `rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr` has 81 characters; use at most 80",
            ),
            (
                "applicationSecurityGroups: [web servers]",
                "error InvalidResourceName: application security group name `web servers` has ' '; use letters, digits, '.', '_' and '-' only",
            ),
        ],
    );
}

#[test]
fn case_does_not_tell_names_apart() {
    check(
        &lab,
        &[
            (
                "virtualNetworks: {hub: {addressSpace: [10.0.0.0/16]}, Hub: {addressSpace: [10.1.0.0/16]}}",
                "error DuplicateResourceName: there are two virtual networks of one name: `hub` and `Hub`; case does not tell names apart: give one of them another name",
            ),
            (
                "virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}, WEB: {addressPrefix: 10.0.2.0/24}}}}",
                "error DuplicateResourceName: there are two subnets of one name: `web` and `WEB`; case does not tell names apart: give one of them another name",
            ),
            (
                "applicationSecurityGroups: [web, db, Web]",
                "error DuplicateResourceName: there are two application security groups of one name: `web` and `Web`; case does not tell names apart: give one of them another name",
            ),
            (
                "networkSecurityGroups: {nsg: {securityRules: {a: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp}, A: {priority: 101, direction: Inbound, access: Allow, protocol: Tcp}}}}",
                "error DuplicateResourceName: there are two security rules of one name: `a` and `A`; case does not tell names apart: give one of them another name",
            ),
            (
                "routeTables: {rt: {routes: {a: {addressPrefix: 0.0.0.0/0, nextHopType: None}, A: {addressPrefix: 10.0.0.0/8, nextHopType: None}}}}",
                "error DuplicateResourceName: there are two routes of one name: `a` and `A`; case does not tell names apart: give one of them another name",
            ),
            (
                "routeTables: {rt: {}, RT: {}}",
                "error DuplicateResourceName: there are two route tables of one name: `rt` and `RT`; case does not tell names apart: give one of them another name",
            ),
            (
                "networkSecurityGroups: {nsg: {}, NSG: {}}",
                "error DuplicateResourceName: there are two network security groups of one name: `nsg` and `NSG`; case does not tell names apart: give one of them another name",
            ),
            (
                "hosts: {one: {}, One: {}}",
                "error DuplicateResourceName: there are two hosts of one name: `one` and `One`; case does not tell names apart: give one of them another name",
            ),
        ],
    );
}

#[test]
fn problems_are_told_at_once() {
    check(
        &lab,
        &[
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16, 10.0.1.0/24], subnets: {web: {addressPrefix: 10.0.1.0/30, routeTable: rt}}}}
virtualMachines: {web1: {subnet: hub/wbe}}", concat!("error AddressSpaceOverlap: address prefix 10.0.1.0/24 of `hub` overlaps 10.0.0.0/16; the prefixes of a virtual network may not overlap: leave one out\n", "error SubnetSize: subnet `hub/web` is a /30; subnets are /2 to /29: Azure keeps five addresses of each\n", "error InvalidResourceReference: there is no route table `rt`; there is no route table at all\n", "error InvalidResourceReference: there is no subnet `hub/wbe`; there is `web`")),
        ],
    );
}

#[test]
fn references_ignore_case() {
    check(
        &|inner| format!("{HUB}{}", lab(inner)),
        &[(
            "networkSecurityGroups: {NSG-web: {}}
virtualMachines: {web1: {subnet: HUB/Web, networkSecurityGroup: nsg-WEB}}",
            "",
        )],
    );
}

#[test]
fn a_reference_to_nothing_says_what_was_probably_meant() {
    const FILE: &str = "networkSecurityGroups: {nsg-web: {}}
applicationSecurityGroups: [web-servers]";
    check(
        &|inner| format!("{HUB}{FILE}\n{}", machines(inner)),
        &[
            (
                "web1: {subnet: hbu/web}",
                "error InvalidResourceReference: there is no virtual network `hbu`; there is `hub`",
            ),
            (
                "web1: {subnet: hub/webb}",
                "error InvalidResourceReference: there is no subnet `hub/webb`; did you mean `hub/web`?",
            ),
            (
                "web1: {subnet: Hub/xyz}",
                "error InvalidResourceReference: there is no subnet `Hub/xyz`; there is `web`, `db`",
            ),
            (
                "web1: {subnet: hub/web, networkSecurityGroup: nsg-wbe}",
                "error InvalidResourceReference: there is no network security group `nsg-wbe`; did you mean `nsg-web`?",
            ),
            (
                "web1: {subnet: hub/web, networkSecurityGroup: production}",
                "error InvalidResourceReference: there is no network security group `production`; there is `nsg-web`",
            ),
            (
                "web1: {subnet: hub/web, applicationSecurityGroups: [web-server]}",
                "error InvalidResourceReference: there is no application security group `web-server`; did you mean `web-servers`?",
            ),
            (
                "web1: {subnet: hub/web, host: host2}",
                "error InvalidResourceReference: there is no host `host2`; did you mean `host1`?",
            ),
        ],
    );
}

#[test]
fn a_network_refers_to_nothing() {
    check(
        &subnets,
        &[
            (
                "web: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg}",
                "error InvalidResourceReference: there is no network security group `nsg`; there is no network security group at all",
            ),
            (
                "web: {addressPrefix: 10.0.1.0/24, routeTable: rt}",
                "error InvalidResourceReference: there is no route table `rt`; there is no route table at all",
            ),
        ],
    );
}

#[test]
fn a_rule_refers_to_nothing() {
    const FILE: &str = "applicationSecurityGroups: [web-servers]";
    check(
        &|inner| format!("{FILE}\n{}", rule(inner)),
        &[
            (
                "sourceApplicationSecurityGroups: [wbe-servers]",
                "error InvalidResourceReference: there is no application security group `wbe-servers`; did you mean `web-servers`?",
            ),
            (
                "destinationApplicationSecurityGroups: [x]",
                "error InvalidResourceReference: there is no application security group `x`; there is `web-servers`",
            ),
        ],
    );
}
