//! TAP devices, which netlink cannot make.

use linux_net::netlink::{Link, LinkKind, Request};
use linux_net::{Netlink, tap};

use super::{Host, StepError};
use crate::network::{DeviceKind, Namespace};

/// Makes the TAP devices of the host that are not there, down; returns how many, and the failures. Another device of such a name
/// is in the way.
pub(super) fn ensure(host: &Host, switch: &Namespace) -> Result<(usize, Vec<StepError>), StepError> {
    let wanted = switch.devices.iter().filter(|(_, device)| device.kind == DeviceKind::Tap);
    let missing = wanted.map(|(name, _)| name).filter(|name| !host.links.get(*name).is_some_and(is_tap));
    let missing = missing.collect::<Vec<_>>();
    let mut failures = Vec::new();
    for name in &missing {
        if host.links.contains_key(*name) {
            Netlink::open(&host.namespace)?.apply(&[Request::DeleteLink((*name).clone())])?;
        }
        let made = host.namespace.run(|| tap::create(name));
        let made = made.map_err(|source| StepError::Namespace { name: "of the host".into(), source })?;
        failures.extend(made.err().map(|source| StepError::Tap { name: (*name).clone(), source }));
    }
    Ok((missing.len() - failures.len(), failures))
}

/// A TUN is the same to the kernel, without an Ethernet address.
fn is_tap(link: &Link) -> bool {
    link.kind == LinkKind::Other("tun".into()) && link.mac.is_some()
}
