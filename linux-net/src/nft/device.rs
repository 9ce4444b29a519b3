//! Devices that the kernel keeps in a ruleset instead of their names: those that chains of the family netdev stand at, and those
//! that frames are forwarded to.
//!
//! When such a device goes and another of its name comes, the ruleset reads as before and means another thing. So what tells
//! a ruleset in a namespace from others has the devices' indexes in it.

use std::collections::{BTreeMap, BTreeSet};

use nix::net::if_::if_nametoindex;

use super::apply::NftError;
use super::statement::Statement;
use super::table::{Chain, Ruleset};
use super::text::Name;
use crate::netns::NetNs;

/// Indexes by name; 0, which is no device's, where there is none.
pub(super) type Indexes = BTreeMap<Name, u32>;

/// The devices that the kernel keeps.
fn kept(ruleset: &Ruleset) -> BTreeSet<&Name> {
    let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
    chains.flat_map(|chain| hooked(chain).chain(targets(chain))).collect()
}

fn hooked(chain: &Chain) -> impl Iterator<Item = &Name> {
    chain.hook.iter().flat_map(|hook| &hook.devices)
}

fn targets(chain: &Chain) -> impl Iterator<Item = &Name> {
    chain.rules.iter().flat_map(|rule| &rule.statements).filter_map(|statement| match statement {
        Statement::Forward(device) => Some(device),
        _ => None,
    })
}

/// The devices that the kernel keeps, as they are in the namespace now.
pub(super) fn indexes(namespace: &NetNs, ruleset: &Ruleset) -> Result<Indexes, NftError> {
    let kept = kept(ruleset);
    if kept.is_empty() {
        return Ok(Indexes::new());
    }
    let index = |name: &Name| (name.clone(), if_nametoindex(name.as_str()).unwrap_or(0));
    Ok(namespace.run(|| kept.into_iter().map(index).collect())?)
}

/// What [`current_digest`](super::current_digest) says when `ruleset` is in force in the namespace, with the devices that are
/// there now. For a ruleset without such devices it is its [`Ruleset::digest`].
///
/// # Errors
/// When the namespace cannot be visited.
pub fn digest_in(namespace: &NetNs, ruleset: &Ruleset) -> Result<String, NftError> {
    Ok(ruleset.digest_with(&indexes(namespace, ruleset)?))
}
