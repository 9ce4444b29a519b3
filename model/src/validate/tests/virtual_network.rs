//! Address spaces.

use super::*;

#[test]
fn s1_1_an_address_space_has_a_prefix() {
    check(
        &networks,
        &[(
            "hub: {addressSpace: []}",
            "error AddressSpaceMissing: virtual network `hub` has no address prefix; give it one, such as `addressSpace: [10.0.0.0/16]`",
        )],
    );
}

#[test]
fn s1_1_some_ranges_are_forbidden() {
    check(
        &networks,
        &[
            (
                "hub: {addressSpace: [224.0.0.0/24]}",
                "error AddressSpaceForbidden: address prefix 224.0.0.0/24 overlaps 224.0.0.0/4, which is for multicast; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
            (
                "hub: {addressSpace: [255.255.255.255/32]}",
                "error AddressSpaceForbidden: address prefix 255.255.255.255/32 overlaps 255.255.255.255/32, which is for broadcast; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
            (
                "hub: {addressSpace: [127.0.0.0/16]}",
                "error AddressSpaceForbidden: address prefix 127.0.0.0/16 overlaps 127.0.0.0/8, which is for loopback; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
            (
                "hub: {addressSpace: [169.254.0.0/16]}",
                "error AddressSpaceForbidden: address prefix 169.254.0.0/16 overlaps 169.254.0.0/16, which is for link-local; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
            (
                "hub: {addressSpace: [168.63.0.0/16]}",
                "error AddressSpaceForbidden: address prefix 168.63.0.0/16 overlaps 168.63.129.16/32, which is for Azure's own services; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
            (
                "hub: {addressSpace: [0.0.0.0/0]}",
                "error AddressSpaceForbidden: address prefix 0.0.0.0/0 overlaps 224.0.0.0/4, which is for multicast; use a prefix inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
            ),
        ],
    );
}

#[test]
fn s1_1_private_shared_and_public_ranges_are_allowed() {
    check(
        &networks,
        &[(
            "hub: {addressSpace: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 20.0.0.0/16]}",
            "",
        )],
    );
}

#[test]
fn s1_1_prefixes_of_one_network_do_not_overlap() {
    check(
        &networks,
        &[
            (
                "hub: {addressSpace: [10.0.0.0/16, 10.0.128.0/17]}",
                "error AddressSpaceOverlap: address prefix 10.0.128.0/17 of `hub` overlaps 10.0.0.0/16; the prefixes of a virtual network may not overlap: leave one out",
            ),
            (
                "hub: {addressSpace: [10.0.128.0/17, 10.0.0.0/16, 10.0.128.0/17]}",
                concat!(
                    "error AddressSpaceOverlap: address prefix 10.0.0.0/16 of `hub` overlaps 10.0.128.0/17; the prefixes of a virtual network may not overlap: leave one out\n",
                    "error AddressSpaceOverlap: address prefix 10.0.128.0/17 of `hub` overlaps 10.0.128.0/17; the prefixes of a virtual network may not overlap: leave one out"
                ),
            ),
        ],
    );
}

#[test]
fn unrelated_networks_may_overlap() {
    check(&networks, &[("a: {addressSpace: [10.0.0.0/16]}, b: {addressSpace: [10.0.0.0/16]}", "")]);
}
