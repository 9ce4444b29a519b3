//! Namespaces come and go.

use linux_net::netlink::Request;
use linux_net::netns::NetNsError;
use linux_net::{NetNs, Netlink};

use super::StepError;
use crate::names::{GUEST, INSIDE, OUTSIDE, UPLINK, is_station};

/// The namespace of that name, and whether it had to be made.
pub(super) fn ensure(name: &str) -> Result<(NetNs, bool), StepError> {
    let failed = |source| StepError::Namespace { name: name.to_owned(), source };
    match NetNs::open(name) {
        Ok(namespace) => Ok((namespace, false)),
        Err(NetNsError::NotFound(_) | NetNsError::NotANamespace(_)) => {
            NetNs::ensure(name).map(|namespace| (namespace, true)).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Removes a namespace and the cables that end in it; whether there was one.
///
/// The kernel would remove the cables by itself, but some time later. That of a VF is left to it: nobody else sees it, and to
/// remove a cable takes long.
pub(super) fn remove(name: &str) -> Result<bool, StepError> {
    let Ok(namespace) = NetNs::open(name) else { return Ok(false) };
    if let Some(cables) = cables(name) {
        let cables = cables.map(|device| Request::DeleteLink(device.to_owned()));
        Netlink::open(&namespace)?.apply(&cables)?;
    }
    drop(namespace);
    NetNs::delete(name).map_err(|source| StepError::Namespace { name: name.to_owned(), source })?;
    Ok(true)
}

/// The ends of cables that a namespace may have.
fn cables(name: &str) -> Option<[&'static str; 2]> {
    if name.starts_with("port-") {
        Some([GUEST, UPLINK])
    } else {
        is_station(name).then_some([INSIDE, OUTSIDE])
    }
}
