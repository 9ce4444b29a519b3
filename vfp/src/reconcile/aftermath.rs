//! What the kernel would come to by itself some time after a change, hastened.
//!
//! Nothing here decides about packets, and a namespace that cannot be asked has been told of before; so failures are of no
//! interest.

use std::net::Ipv4Addr;

use linux_net::netlink::{Neighbour, NetlinkError, Request};
use linux_net::{MacAddr, NetNs, Netlink};

use crate::names::{INSIDE, OUTSIDE, UPLINK};
use crate::network::{HostNetwork, Namespace};

/// Makes ports and stations forget who had `outdated`, and ports who has what they are not to be told; they would remember for half a
/// minute.
pub(super) fn forget(host: &HostNetwork, outdated: &[Ipv4Addr]) {
    for port in &host.ports {
        forget_in(&port.name, UPLINK, outdated.iter().chain(&port.untold));
    }
    for station in &host.stations {
        for leg in [INSIDE, OUTSIDE].into_iter().filter(|leg| station.namespace.devices.contains_key(*leg)) {
            forget_in(&station.name, leg, outdated.iter());
        }
    }
}

fn forget_in<'a>(namespace: &str, device: &str, addresses: impl Iterator<Item = &'a Ipv4Addr>) {
    let forget = |address: &Ipv4Addr| {
        // An entry goes by device and address.
        let mac = MacAddr([0; 6]);
        Request::DeleteNeighbour(Neighbour { device: device.into(), address: *address, mac })
    };
    let requests = addresses.map(forget).collect::<Vec<_>>();
    if !requests.is_empty() {
        ask(NetNs::open(namespace).ok(), &requests);
    }
}

/// Makes the kernel note that devices carry packets since their other ends came up.
///
/// It would within a second; until then a bridge's port is closed. To be asked for a single link makes it note at once
/// (since Linux 6.8), and a second "up" asks.
pub(super) fn await_carriers(host: &HostNetwork) {
    let up = |namespace: &Namespace| {
        namespace.devices.keys().map(|device| Request::set_up(device)).collect::<Vec<_>>()
    };
    ask(NetNs::current().ok(), &up(&host.switch));
    for port in &host.ports {
        ask(NetNs::open(&port.name).ok(), &up(&port.namespace));
    }
    for station in &host.stations {
        ask(NetNs::open(&station.name).ok(), &up(&station.namespace));
    }
    for machine in &host.machines {
        ask(NetNs::open(&machine.name).ok(), &up(&machine.namespace));
    }
}

fn ask(namespace: Option<NetNs>, requests: &[Request]) {
    let Some(namespace) = namespace else { return };
    let asked = Netlink::open(&namespace).and_then(|mut netlink| netlink.apply(requests));
    if let Err(error @ NetlinkError::Refused(_)) = asked {
        tracing::debug!(%namespace, %error, "refused");
    }
}
