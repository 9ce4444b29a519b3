//! Hosts.

use super::*;

#[test]
fn there_is_a_host() {
    check(
        &|inner| format!("{HUB}{}", lab(inner)),
        &[
            ("hosts: 0", "error HostCount: the lab has 0 hosts; a lab has 1 to 250"),
            ("hosts: {}", "error HostCount: the lab has 0 hosts; a lab has 1 to 250"),
            ("hosts: 251", "error HostCount: the lab has 251 hosts; a lab has 1 to 250"),
            ("hosts: 4294967295", "error HostCount: the lab has 4294967295 hosts; a lab has 1 to 250"),
        ],
    );
}

#[test]
fn a_machine_runs_in_the_region_of_its_network() {
    const FILE: &str = "virtualNetworks:
  kr: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}}}
  jp: {location: japaneast, addressSpace: [10.1.0.0/16], subnets: {web: {addressPrefix: 10.1.1.0/24}}}";
    check(
        &|inner| format!("{FILE}\n{}", lab(inner)),
        &[
            (
                "virtualMachines: {a: {subnet: kr/web, host: koreacentral-host1}, b: {subnet: jp/web, host: japaneast-host1}}",
                "",
            ),
            (
                "virtualMachines: {a: {subnet: jp/web, host: koreacentral-host1}}",
                "error HostInOtherRegion: host `koreacentral-host1` is in koreacentral, virtual network `jp` in japaneast; use a host in japaneast",
            ),
            (
                "hosts: {one: {}}
virtualMachines: {a: {subnet: jp/web}}",
                "error NoHostInRegion: there is no host in japaneast for virtual machine `a`; add one to hosts with `location: japaneast`",
            ),
        ],
    );
}

#[test]
fn a_region_is_a_word() {
    check(
        &lab,
        &[
            ("virtualNetworks: {hub: {addressSpace: [10.0.0.0/16], location: korea!central}}", "error InvalidLocation: `korea!central` is not a region; write a region such as `koreacentral`"),
            ("location: ''
virtualNetworks:
  hub: {addressSpace: [10.0.0.0/16], subnets: {web: {addressPrefix: 10.0.1.0/24}, db: {addressPrefix: 10.0.2.0/24}}}
", "error InvalidLocation: `` is not a region; write a region such as `koreacentral`"),
        ],
    );
}
