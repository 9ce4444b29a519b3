//! A namespace's nftables table, known by its digest.

use linux_net::NetNs;
use linux_net::nft;
use linux_net::nft::ttl::TtlError;

use super::StepError;
use crate::ruleset::Ruleset;

/// Puts `wanted` into the namespace, or removes what was there; whether there was something to do.
pub(super) fn ensure(namespace: &NetNs, wanted: Option<&Ruleset>) -> Result<bool, StepError> {
    let present = nft::current_digest(namespace)?;
    let Some(wanted) = wanted else {
        if present.is_some() {
            nft::delete(namespace)?;
        }
        return Ok(present.is_some());
    };
    let wanted = nft::Ruleset::try_from(wanted)?;
    let differs = present != Some(wanted.digest());
    if differs {
        nft::apply(namespace, &wanted)?;
    }
    Ok(differs)
}

/// A guest sees one hop to any peer: a port takes nothing from the time to live. A kernel that cannot do this forwards all
/// the same, and each port shows as a hop.
pub(super) fn keep_ttl(namespace: &NetNs) -> Result<(), StepError> {
    match nft::ttl::keep(namespace) {
        Err(TtlError::Unsupported) => {
            tracing::debug!(%namespace, "this kernel cannot keep the time to live");
            Ok(())
        }
        other => Ok(other?),
    }
}
