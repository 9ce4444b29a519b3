//! What names stand for: in each virtual network, and in public.
//!
//! A virtual network has a domain of its own with its machines, their names by address, and the private zones that are linked to it. The public
//! DNS has the hosts of the internet and services; the name of a service with a private endpoint is an alias there, which a private zone may
//! answer otherwise.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances>,
//! <https://learn.microsoft.com/azure/dns/private-dns-autoregistration>,
//! <https://learn.microsoft.com/azure/private-link/private-endpoint-dns>

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use goal_state::platform::{NetworkNames, Record, RecordData, Zone};
use ipnet::Ipv4Net;

use crate::network::{
    Network, NicIndex, PrivateDnsZone, PrivateEndpoint, PrivateLinkServiceConnectionState, VirtualMachine,
    VnetId,
};
use crate::validate::fnv::hash_of_names;

/// The domain that DHCP gives where a virtual network has DNS servers of its own. Nothing is there.
pub(super) const PLACEHOLDER: &str = "reddog.microsoft.com";

/// The domain of a virtual network, `0yqhvdbfnkeexmmnlhnq2vwbga.ax.internal.cloudapp.net`: the same in every run.
pub(super) fn suffix(network: &Network, vnet: VnetId) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let vnet = network.vnet(vnet);
    let digit = |number: u64| char::from(DIGITS[usize::try_from(number % 32).unwrap_or_default()]);
    let half = |half| {
        let hash = hash_of_names(&[&network.name, &vnet.name, half]);
        (0..13).map(move |place| digit(hash >> (5 * place)))
    };
    let id: String = half("1").chain(half("2")).collect();
    let region = char::from(b'a' + u8::try_from(hash_of_names(&[&vnet.location]) % 26).unwrap_or_default());
    format!("{id}.{region}x.internal.cloudapp.net")
}

/// What every virtual network resolves, in the order of the network.
pub(super) fn networks(network: &Network) -> Vec<NetworkNames> {
    let private: Vec<_> =
        network.private_dns_zones.iter().map(|zone| Arc::new(private_zone(network, zone))).collect();
    (0..network.virtual_networks.len()).map(VnetId).map(|vnet| names_of(network, vnet, &private)).collect()
}

fn names_of(network: &Network, vnet: VnetId, private: &[Arc<Zone>]) -> NetworkNames {
    let domain = suffix(network, vnet);
    let linked =
        || network.private_dns_zones.iter().zip(private).filter(|(zone, _)| link(zone, vnet).is_some());
    let registering = linked().find(|(zone, _)| link(zone, vnet) == Some(true)).map(|(zone, _)| &zone.name);
    let mut own = Vec::new();
    let mut reverse: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for range in &network.vnet(vnet).address_space {
        reverse.entry(reverse_zone(*range)).or_default();
    }
    for (machine, address, is_primary) in machines(network, vnet) {
        let name = format!("{}.{domain}", label(machine));
        let registered = registering.filter(|_| is_primary).map(|zone| format!("{}.{zone}", label(machine)));
        for target in registered.into_iter().chain([name.clone()]) {
            let record = Record { name: reverse_name(address), data: RecordData::Pointer(target) };
            let zone = reverse.iter_mut().find(|(zone, _)| is_below(&record.name, zone));
            if let Some((_, records)) = zone {
                records.push(record);
            }
        }
        own.push(Record { name, data: RecordData::Address(address) });
    }
    let mut zones: BTreeMap<String, Arc<Zone>> =
        reverse.into_iter().map(|(name, records)| (name.clone(), Arc::new(zone(name, records)))).collect();
    zones.insert(domain.clone(), Arc::new(zone(domain, own)));
    zones.extend(linked().map(|(zone, records)| (zone.name.clone(), Arc::clone(records))));
    NetworkNames { vni: network.vnet(vnet).vni, zones: zones.into_values().collect() }
}

/// Whether the virtual network is linked, and then whether its machines are registered.
fn link(zone: &PrivateDnsZone, vnet: VnetId) -> Option<bool> {
    zone.links.iter().find(|(linked, _)| *linked == vnet).map(|(_, registers)| *registers)
}

/// The machines of a virtual network that run, with their first address there, and whether that is the primary interface's.
fn machines(network: &Network, vnet: VnetId) -> impl Iterator<Item = (&VirtualMachine, Ipv4Addr, bool)> {
    let running = network.virtual_machines.iter().filter(|machine| machine.runs());
    running.filter_map(move |machine| {
        let (index, nic) = machine.nics.iter().enumerate().find(|(_, nic)| nic.subnet.vnet == vnet)?;
        Some((machine, *nic.addresses.first()?, NicIndex(index) == NicIndex(0)))
    })
}

/// A private zone has the machines of virtual networks that it registers, by their primary interfaces, and the private endpoints whose
/// services' names belong there, as a DNS zone group would write them.
fn private_zone(network: &Network, raw: &PrivateDnsZone) -> Zone {
    let registering = raw.links.iter().filter(|(_, registers)| *registers);
    let registered =
        registering.flat_map(|(vnet, _)| machines(network, *vnet)).filter(|(.., is_primary)| *is_primary);
    let mut records: Vec<_> = registered
        .map(|(machine, address, _)| Record {
            name: format!("{}.{}", label(machine), raw.name),
            data: RecordData::Address(address),
        })
        .collect();
    records.extend(network.private_endpoints.iter().filter_map(|endpoint| {
        let name = link_name(network.service(endpoint.service).fqdn.as_ref()?);
        let here = is_approved(endpoint) && name.split_once('.').is_some_and(|(_, zone)| zone == raw.name);
        here.then_some(Record { name, data: RecordData::Address(endpoint.address) })
    }));
    zone(raw.name.clone(), records)
}

fn is_approved(endpoint: &PrivateEndpoint) -> bool {
    endpoint.state == PrivateLinkServiceConnectionState::Approved
}

/// What the public DNS of the lab has.
pub(super) fn public(network: &Network) -> Vec<Record> {
    let hosts = network
        .internet_hosts
        .iter()
        .map(|host| Record { name: canonical(&host.name), data: RecordData::Address(host.address) });
    let mut records: Vec<_> = hosts.collect();
    for (index, service) in network.services.iter().enumerate() {
        let Some(name) = service.fqdn.as_ref().map(|fqdn| canonical(fqdn)) else { continue };
        let mut endpoints = network.private_endpoints.iter();
        let has_endpoint = endpoints.any(|endpoint| endpoint.service.0 == index && is_approved(endpoint));
        let address = RecordData::Address(service.address);
        if has_endpoint {
            let link = link_name(&name);
            records.push(Record { name, data: RecordData::Alias(link.clone()) });
            records.push(Record { name: link, data: address });
        } else {
            records.push(Record { name, data: address });
        }
    }
    sorted(records)
}

/// The alias of a service with a private endpoint: `sql1.privatelink.database.windows.net` for `sql1.database.windows.net`.
fn link_name(fqdn: &str) -> String {
    let name = canonical(fqdn);
    let Some((first, rest)) = name.split_once('.') else { return name };
    match rest {
        "vault.azure.net" => format!("{first}.privatelink.vaultcore.azure.net"),
        _ => format!("{first}.privatelink.{rest}"),
    }
}

fn zone(name: String, records: Vec<Record>) -> Zone {
    Zone { name, records: sorted(records) }
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort();
    records.dedup();
    records
}

fn label(machine: &VirtualMachine) -> String {
    canonical(machine.name.as_str())
}

fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// `4.1.0.10.in-addr.arpa` (RFC 1035).
fn reverse_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

/// The zone of a range's addresses, by whole octets: that of 10.1.0.0/20 is `1.10.in-addr.arpa`.
fn reverse_zone(range: Ipv4Net) -> String {
    let whole = usize::from(range.prefix_len() / 8).clamp(1, 3);
    let octets = range.network().octets();
    let labels = octets[..whole].iter().rev().map(|octet| format!("{octet}.")).collect::<String>();
    format!("{labels}in-addr.arpa")
}

fn is_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use goal_state::platform::RecordData;

    use super::*;
    use crate::network::build::NetworkBuilder;

    fn shown(records: &[Record]) -> Vec<String> {
        let data = |record: &Record| match &record.data {
            RecordData::Address(address) => address.to_string(),
            RecordData::Alias(name) | RecordData::Pointer(name) => name.clone(),
        };
        records.iter().map(|record| format!("{} {}", record.name, data(record))).collect()
    }

    fn zone_of<'a>(names: &'a NetworkNames, name: &str) -> Option<&'a Zone> {
        names.zones.iter().find(|zone| zone.name == name).map(AsRef::as_ref)
    }

    #[test]
    fn s10_3_a_virtual_network_has_its_machines_by_name_and_by_address() {
        let network = NetworkBuilder::new()
            .vnet("hub", "10.0.0.0/16")
            .vnet("spoke", "10.1.0.0/20")
            .vm("Web1", "10.0.0.4")
            .vm("web2", "10.1.0.4")
            .build();
        let names = networks(&network);
        let domain = suffix(&network, VnetId(0));
        assert_eq!(domain.len(), "0yqhvdbfnkeexmmnlhnq2vwbga.ax.internal.cloudapp.net".len());
        assert_ne!(domain, suffix(&network, VnetId(1)));
        assert_eq!(shown(&zone_of(&names[0], &domain).unwrap().records), [format!("web1.{domain} 10.0.0.4")]);
        assert_eq!(
            shown(&zone_of(&names[0], "0.10.in-addr.arpa").unwrap().records),
            [format!("4.0.0.10.in-addr.arpa web1.{domain}")]
        );
        assert!(zone_of(&names[1], "1.10.in-addr.arpa").is_some() && zone_of(&names[1], &domain).is_none());
    }

    #[test]
    fn s10_3_a_zone_registers_the_primary_interfaces_of_linked_virtual_networks() {
        let mut network = NetworkBuilder::new()
            .vnet("hub", "10.0.0.0/16")
            .vnet("spoke", "10.1.0.0/16")
            .vnet("other", "10.2.0.0/16")
            .vm("web1", "10.0.0.4")
            .vm("web2", "10.1.0.4")
            .vm("two", "10.2.0.5")
            .nva("nva", &["10.2.0.4", "10.0.0.5"])
            .build();
        network.private_dns_zones = vec![PrivateDnsZone {
            name: "corp.internal".into(),
            links: vec![(VnetId(0), true), (VnetId(1), false)],
        }];
        let names = networks(&network);
        let corp = |vnet: usize| zone_of(&names[vnet], "corp.internal").map(|zone| shown(&zone.records));
        // The second interface of the appliance is not its primary one.
        assert_eq!(corp(0), Some(vec!["web1.corp.internal 10.0.0.4".to_owned()]));
        assert_eq!(corp(1), corp(0));
        assert_eq!(corp(2), None);
        let reverse = shown(&zone_of(&names[0], "0.10.in-addr.arpa").unwrap().records);
        assert!(reverse.contains(&"4.0.0.10.in-addr.arpa web1.corp.internal".to_owned()), "{reverse:?}");
    }

    #[test]
    fn s10_2_the_name_of_a_service_with_a_private_endpoint_is_an_alias() {
        assert_eq!(link_name("sql1.database.windows.net"), "sql1.privatelink.database.windows.net");
        assert_eq!(link_name("Store.blob.core.windows.net"), "store.privatelink.blob.core.windows.net");
        assert_eq!(link_name("keys.vault.azure.net"), "keys.privatelink.vaultcore.azure.net");
    }
}
