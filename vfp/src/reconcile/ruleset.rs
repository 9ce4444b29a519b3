//! A namespace's nftables tables, known by their digest.

use std::borrow::Cow;

use linux_net::NetNs;
use linux_net::nft;
use linux_net::nft::ttl::TtlError;

use super::StepError;
use crate::ruleset::{Action, Chain, Family, Hook, Ruleset, as_nft};

/// Puts `wanted` into the namespace in place of what was there, all tables at once; whether there was something to do.
/// `is_there` knows the devices of the namespace.
pub(super) fn ensure(
    namespace: &NetNs,
    wanted: &[Ruleset],
    is_there: impl Fn(&str) -> bool,
) -> Result<bool, StepError> {
    let present = nft::current_digest(namespace)?;
    if wanted.is_empty() {
        if present.is_some() {
            nft::delete(namespace)?;
        }
        return Ok(present.is_some());
    }
    let wanted = wanted.iter().map(|ruleset| possible(ruleset, &is_there).into_owned()).collect::<Vec<_>>();
    let wanted = as_nft(&wanted)?;
    let differs = present != Some(nft::digest_in(namespace, &wanted)?);
    if differs {
        nft::apply(namespace, &wanted)?;
    }
    Ok(differs)
}

/// The kernel takes no ruleset that holds a device that is not there. Without the device that it comes from there is no frame;
/// and without the one that it was to leave by, it goes nowhere.
fn possible<'a>(wanted: &'a Ruleset, is_there: &impl Fn(&str) -> bool) -> Cow<'a, Ruleset> {
    if wanted.family != Family::Netdev {
        return Cow::Borrowed(wanted);
    }
    let mut possible = wanted.clone();
    possible.chains.retain_mut(|chain| has_devices(chain, is_there));
    let actions =
        possible.chains.iter_mut().flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.actions);
    for action in actions {
        if matches!(action, Action::Forward(device) if !is_there(device)) {
            *action = Action::Drop;
        }
    }
    Cow::Owned(possible)
}

fn has_devices(chain: &mut Chain, is_there: &impl Fn(&str) -> bool) -> bool {
    let Some(Hook::Ingress(devices)) = &mut chain.hook else { return true };
    devices.retain(|device| is_there(device));
    !devices.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::tests::fixture::encrypting;

    #[test]
    fn what_cannot_be_encrypted_is_dropped() {
        let wanted = crate::lower(&encrypting()).switch.rulesets;
        let with =
            |there: &[&str], at: usize| possible(&wanted[at], &|device| there.contains(&device)).into_owned();
        let netdev = |there: &[&str]| with(there, 1);
        let action = |there: &[&str]| netdev(there).chains[0].rules[0].actions.clone();
        assert_eq!(action(&["p000001", "enc1001"]), [Action::Forward("enc1001".into())]);
        assert_eq!(action(&["p000001"]), [Action::Drop]);
        assert_eq!(netdev(&["enc1001"]).chains, []);
        assert_eq!(with(&[], 0), wanted[0]);
    }
}
