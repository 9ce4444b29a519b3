//! A long list of rules as decision trees, so that what a new connection costs does not grow with the list.
//!
//! ```text
//! list ─► parts by shape ─► a tree for each part ─► each finds its first match ─► the first of these decides
//! ```
//!
//! A list says "the first rule that matches decides", and to follow it is to try every rule. Here each packet is looked up
//! instead: its protocol, its ports and addresses lead through verdict maps to the few rules that can still match, which
//! are tried in order. Rules that say nothing about what a tree looks up would stand in all its leaves; so rules are parted
//! by what they say ([`parts`]), and each part has a tree of its own ([`tree`]). A tree leaves the number of its first match
//! in the packet's mark, unless a tree before it found a lower one. In the end the mark names the rule: it is counted, and
//! its fate follows ([`emit`]).
//!
//! What does not divide stays a short list in a leaf, and a tree that would grow too large is cut: it is never wrong, only
//! slower.

mod emit;
mod item;
mod parts;
mod pieces;
mod span;
mod tree;

#[cfg(test)]
mod tests;

use super::rule_list::ListedRule;
use crate::ruleset::Chain;

/// Up to so many rules a list is followed as it stands: it is as fast, and a person reads it like Azure's effective rules.
const SHORT: usize = 12;

/// The list's chains, if it is worth it: `name` is the one to jump to, the last. Its packets have the mark `mark` afterwards.
///
/// None for a short list, and for one whose numbers do not rise with its rules.
pub(super) fn chains(name: &str, list: &[ListedRule<'_>], mark: u32) -> Option<Vec<Chain>> {
    let rising = list.windows(2).all(|pair| pair[0].number < pair[1].number);
    (list.len() > SHORT && rising).then(|| tree_chains(name, list, mark))
}

fn tree_chains(name: &str, list: &[ListedRule<'_>], mark: u32) -> Vec<Chain> {
    let parts = parts::parts(item::items(list));
    let trees = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| tree::Tree::of(part, index == 0))
        .collect::<Vec<_>>();
    emit::chains(name, list, &trees, mark)
}
