//! The underlay: one switch, and on it the hosts, each in a network namespace of its own.
//!
//! ```text
//! namespace fabric: bridge fabric0 ── h-1 ══ underlay0 (PA) : namespace host-<first>
//!                                  ── h-2 ══ underlay0 (PA) : namespace host-<second>
//! ```
//!
//! Every device has an MTU of 9000 bytes, so that VXLAN's 50 bytes fit around a VM's 1500. Where BPF is to be had, frames
//! between hosts go past the switch, see [`shortcut`].

mod shortcut;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use goal_state::HostName;
use ipnet::Ipv4Net;
use linux_net::netlink::{Address, LinkChange, NewLink, Request, VethEnd};
use linux_net::{MacAddr, NetNs, Netlink, sysctl};

pub(crate) use shortcut::shorten;

const FABRIC: &str = "fabric";
/// What the name of a host's namespace begins with.
const HOST: &str = "host-";
const SWITCH: &str = "fabric0";
/// A host's device on the underlay.
pub(crate) const UNDERLAY: &str = "underlay0";
const MTU: u32 = 9000;
/// RFC 2544's range for benchmarks: routed nowhere, and the same in every lab.
const FIRST_PROVIDER_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const PROVIDER_PREFIX_LENGTH: u8 = 15;

/// A host and its provider address (PA).
pub(crate) type FabricHost = (HostName, Ipv4Addr);

/// Makes sure that the fabric and these hosts are there; does nothing for those that are.
///
/// # Errors
/// When the kernel refuses, or a host is there with another provider address.
pub(crate) fn ensure(hosts: &[FabricHost]) -> Result<()> {
    let fabric = NetNs::ensure(FABRIC)?;
    let mut switch = Netlink::open(&fabric)?;
    if switch.link(SWITCH)?.is_none() {
        without_ipv6(&fabric)?;
        let bridge = NewLink::Bridge { name: SWITCH.to_owned(), mac: None, mtu: MTU, up: true };
        switch.apply(&[Request::AddLink(bridge)])?;
    }
    let plugged: BTreeSet<_> = switch.links()?.into_iter().map(|link| link.name).collect();
    for host in hosts {
        ensure_host(&mut switch, &plugged, host).with_context(|| format!("host {}", host.0))?;
    }
    Ok(())
}

fn ensure_host(switch: &mut Netlink, plugged: &BTreeSet<String>, (host, address): &FabricHost) -> Result<()> {
    let namespace = NetNs::ensure(&namespace_of(host))?;
    let mut inside = Netlink::open(&namespace)?;
    let address = Ipv4Net::new(*address, PROVIDER_PREFIX_LENGTH)?;
    if inside.link(UNDERLAY)?.is_none() {
        without_ipv6(&namespace)?;
        let port = port_of(address.addr());
        if plugged.contains(&port) {
            bail!("{port} of the fabric is another host's");
        }
        switch.apply(&[
            Request::AddLink(NewLink::Veth(
                VethEnd {
                    namespace: Some(namespace),
                    name: UNDERLAY.to_owned(),
                    mac: Some(mac_of(address.addr())),
                    mtu: MTU,
                    up: true,
                    arp: true,
                },
                VethEnd { namespace: None, name: port.clone(), mac: None, mtu: MTU, up: true, arp: true },
            )),
            // Now, since there is nothing yet that could be lost.
            Request::PutHooks(port.clone()),
            Request::set_link(&port, LinkChange::Master(SWITCH.to_owned())),
        ])?;
        inside.apply(&[Request::PutHooks(UNDERLAY.to_owned())])?;
    }
    inside.apply(&[Request::PutAddress(Address { device: UNDERLAY.to_owned(), address })])?;
    Ok(())
}

/// Removes a host. What is in its namespace goes with it, and with the veth its port on the switch.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn remove(host: &HostName) -> Result<()> {
    let name = namespace_of(host);
    let Ok(namespace) = NetNs::open(&name) else { return Ok(()) };
    // At once, since the namespace itself may end later.
    Netlink::open(&namespace)?.apply(&[Request::DeleteLink(UNDERLAY.to_owned())])?;
    NetNs::delete(&name)?;
    Ok(())
}

/// The hosts that are there.
///
/// # Errors
/// When the names of namespaces cannot be read.
pub(crate) fn hosts() -> Result<Vec<HostName>> {
    let names = NetNs::list()?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(HOST)?.parse().ok()).collect())
}

/// The network namespace of a host.
///
/// # Errors
/// When it is not there.
pub(crate) fn host_namespace(host: &HostName) -> Result<NetNs> {
    let name = namespace_of(host);
    NetNs::open(&name).with_context(|| format!("opening network namespace {name}"))
}

/// The network namespace that all hosts are plugged into.
///
/// # Errors
/// When it is not there.
pub(crate) fn namespace() -> Result<NetNs> {
    NetNs::open(FABRIC).with_context(|| format!("opening network namespace {FABRIC}"))
}

fn namespace_of(host: &HostName) -> String {
    format!("{HOST}{host}")
}

/// The fabric's side of a host's cable. A device name has 15 characters, a host name up to 80, so it counts addresses.
fn port_of(address: Ipv4Addr) -> String {
    format!("h-{}", u32::from(address).wrapping_sub(u32::from(FIRST_PROVIDER_ADDRESS)))
}

/// The provider address of the host behind a device of the fabric, if it is a port.
fn provider_of(device: &str) -> Option<Ipv4Addr> {
    let number: u32 = device.strip_prefix("h-")?.parse().ok()?;
    Some(u32::from(FIRST_PROVIDER_ADDRESS).wrapping_add(number).into())
}

/// A host's Ethernet address on the underlay: locally administered, and made of its provider address.
fn mac_of(address: Ipv4Addr) -> MacAddr {
    let [a, b, c, d] = address.octets();
    MacAddr([2, 0, a, b, c, d])
}

/// The underlay carries IPv4 only; neighbour discovery would be noise in captures.
fn without_ipv6(namespace: &NetNs) -> Result<()> {
    let off = [("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv6.conf.default.disable_ipv6", "1")];
    match sysctl::get(namespace, off[0].0) {
        Ok(_) => Ok(sysctl::set_all(namespace, &off)?),
        // A kernel without IPv6.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_count_provider_addresses_and_fit_a_device_name() {
        assert_eq!(port_of([198, 18, 0, 1].into()), "h-1");
        assert_eq!(port_of([198, 19, 255, 254].into()), "h-131070");
        for address in [[198, 18, 0, 1], [198, 19, 255, 254]].map(Ipv4Addr::from) {
            assert_eq!(provider_of(&port_of(address)), Some(address));
        }
        assert_eq!(provider_of(SWITCH), None);
    }

    #[test]
    fn a_host_has_an_address_that_no_vendor_gives() {
        assert_eq!(mac_of([198, 18, 0, 1].into()), MacAddr([0x02, 0, 198, 18, 0, 1]));
    }
}
