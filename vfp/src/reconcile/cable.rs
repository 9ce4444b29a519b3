//! Pairs of virtual Ethernet devices, each end in its own namespace.

use linux_net::netlink::{Link, NewLink, Request, VethEnd};
use linux_net::{MacAddr, NetNs, Netlink};

use super::{Host, StepError, namespace};
use crate::lower::MTU;
use crate::network::{Cable, CableEnd, Namespace};

/// A port's or station's namespace, which says what addresses the ends of its cables have.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a Namespace,
}

/// An end of a cable, found.
struct Place<'a> {
    namespace: NetNs,
    end: &'a CableEnd,
    present: Option<Link>,
    mac: Option<MacAddr>,
}

/// Makes the cable unless it is there, both ends down; whether it had to be made.
pub(super) fn ensure(cable: &Cable, host: &Host, owner: Owner<'_>) -> Result<bool, StepError> {
    let [one, other] = &cable.ends;
    let (one, other) = (place(one, host, owner)?, place(other, host, owner)?);
    if are_joined(one.present.as_ref(), other.present.as_ref()) {
        return Ok(false);
    }
    // An end that leads elsewhere is in the way.
    for place in [&one, &other] {
        if place.present.is_some() {
            let delete = Request::DeleteLink(place.end.device.clone());
            Netlink::open(&place.namespace)?.apply(&[delete])?;
        }
    }
    let link = NewLink::Veth(new_end(&one), new_end(&other));
    Netlink::open(&host.namespace)?.apply(&[Request::AddLink(link)])?;
    if cable.hooks {
        for place in [&one, &other] {
            let hooks = Request::PutHooks(place.end.device.clone());
            Netlink::open(&place.namespace)?.apply(&[hooks])?;
        }
    }
    Ok(true)
}

fn place<'a>(end: &'a CableEnd, host: &Host, owner: Owner<'_>) -> Result<Place<'a>, StepError> {
    let mac = mac_of(end, owner);
    let Some(name) = &end.namespace else {
        let present = host.links.get(&end.device).cloned();
        return Ok(Place { namespace: host.namespace.clone(), end, present, mac });
    };
    let (namespace, _) = namespace::ensure(name)?;
    let present = Netlink::open(&namespace)?.link(&end.device)?;
    Ok(Place { namespace, end, present, mac })
}

fn are_joined(one: Option<&Link>, other: Option<&Link>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    one.peer_index == Some(other.index) && other.peer_index == Some(one.index)
}

/// The owner's ends have the addresses that it says; the guest's end is given its own when the guest is settled.
fn mac_of(end: &CableEnd, owner: Owner<'_>) -> Option<MacAddr> {
    let devices = (end.namespace.as_deref() == Some(owner.name)).then_some(&owner.namespace.devices)?;
    devices.get(&end.device)?.mac.map(|mac| MacAddr(mac.0))
}

fn new_end(place: &Place<'_>) -> VethEnd {
    VethEnd {
        namespace: Some(place.namespace.clone()),
        name: place.end.device.clone(),
        mac: place.mac,
        mtu: MTU,
        up: false,
        arp: true,
    }
}
