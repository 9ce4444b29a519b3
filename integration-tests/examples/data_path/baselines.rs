//! What the kernel gives without vnetlab: a veth pair, a bridge, a VXLAN tunnel.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use linux_net::netlink::{
    Address, FdbEntry, FdbTarget, LinkChange, Neighbour, NewLink, Request, VethEnd, Vxlan,
};
use linux_net::{MacAddr, NetNs, Netlink};

use crate::way::{End, Way};

const INSIDE: u32 = 1500;
/// The fabric's, as a lab's.
const OUTSIDE: u32 = 9000;
const TUNNEL: Vxlan = Vxlan { vni: 1000, local: None, port: 4789, learning: false };

/// Two namespaces with a cable between them.
pub(crate) fn veth() -> Way {
    veth_with("veth pair", INSIDE)
}

/// The same with packets of up to so many bytes.
pub(crate) fn veth_with(name: &'static str, mtu: u32) -> Way {
    let way = ends(name);
    let [client, server] = [&way.client, &way.server].map(|end| cable_end(Some(&end.namespace), "eth0", mtu));
    apply(&way.client.namespace, &[Request::AddLink(NewLink::Veth(client, server))]);
    for end in [&way.client, &way.server] {
        give_address(&end.namespace, "eth0", end.address);
    }
    way
}

/// Two namespaces with a cable each to a bridge in a third one.
pub(crate) fn bridge() -> Way {
    let way = ends("bridge");
    let ends = [&way.client, &way.server].map(|end| (&end.namespace, "eth0", end.address));
    Way { _between: Some(plug_in(ends, INSIDE)), ..way }
}

/// Two hosts on a fabric as a lab's. What sends and receives is in the hosts' own namespaces, at the tunnel's ends.
pub(crate) fn vxlan() -> Way {
    let way = ends("VXLAN pair");
    let hosts = [&way.client, &way.server].map(|end| (&end.namespace, "underlay0", outside(end)));
    let fabric = plug_in(hosts, OUTSIDE);
    tunnel(&way.client, &way.server);
    tunnel(&way.server, &way.client);
    Way { _between: Some(fabric), ..way }
}

fn tunnel(here: &End, there: &End) {
    let device = || "tunnel0".to_owned();
    let link = NewLink::Vxlan {
        name: device(),
        vxlan: Vxlan { local: Some(outside(here)), ..TUNNEL },
        mac: Some(mac(here)),
        mtu: INSIDE,
        up: true,
    };
    let target = FdbTarget::Remote { peer: outside(there), vni: TUNNEL.vni };
    apply(&here.namespace, &[Request::AddLink(link)]);
    give_address(&here.namespace, "tunnel0", here.address);
    apply(
        &here.namespace,
        &[
            Request::PutFdb(FdbEntry { device: device(), mac: mac(there), target }),
            Request::PutNeighbour(Neighbour { device: device(), address: there.address, mac: mac(there) }),
        ],
    );
}

/// A bridge, and devices in other namespaces with an address and a cable to it.
fn plug_in(ends: [(&NetNs, &str, Ipv4Addr); 2], mtu: u32) -> NetNs {
    let switch = NetNs::anonymous().unwrap();
    let bridge = NewLink::Bridge { name: "br0".into(), mac: None, mtu, up: true };
    apply(&switch, &[Request::AddLink(bridge)]);
    for ((namespace, device, address), port) in ends.into_iter().zip(["one", "two"]) {
        let cable = NewLink::Veth(cable_end(Some(namespace), device, mtu), cable_end(None, port, mtu));
        let master = Request::set_link(port, LinkChange::Master("br0".into()));
        apply(&switch, &[Request::AddLink(cable), master]);
        give_address(namespace, device, address);
    }
    switch
}

fn ends(name: &'static str) -> Way {
    let end = |last| End { namespace: NetNs::anonymous().unwrap(), address: Ipv4Addr::new(10, 0, 0, last) };
    Way { name, client: end(4), server: end(5), _between: None }
}

fn outside(end: &End) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, 0, end.address.octets()[3])
}

fn mac(end: &End) -> MacAddr {
    MacAddr([0, 0x0d, 0x3a, 0, 0, end.address.octets()[3]])
}

fn cable_end(namespace: Option<&NetNs>, name: &str, mtu: u32) -> VethEnd {
    VethEnd { namespace: namespace.cloned(), name: name.to_owned(), mac: None, mtu, arp: true, up: true }
}

fn give_address(namespace: &NetNs, device: &str, address: Ipv4Addr) {
    let address = Ipv4Net::new(address, 24).unwrap();
    apply(namespace, &[Request::PutAddress(Address { device: device.to_owned(), address })]);
}

fn apply(namespace: &NetNs, requests: &[Request]) {
    Netlink::open(namespace).unwrap().apply(requests).unwrap();
}
