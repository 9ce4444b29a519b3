//! The design review: what Azure accepts, and a colleague would ask about. Warnings about a network without errors, each with
//! a code, the reason, and how to mend it.
//!
//! | module | what it asks |
//! |---|---|
//! | `subnets` | is every subnet with machines filtered? do virtual networks overlap each other, or what is on premises? |
//! | `shadowed_rules` | can every rule of a network security group match something? |
//! | `exposure` | is a rule wider than it has to be towards the internet? |
//! | `next_hop` | does somebody forward at every next hop, and does the packet not come back to it? |
//! | `asymmetry` | does a stateful appliance see both directions of a flow? |
//! | `propagation` | are a gateway's routes kept from a subnet that needs them? |
//! | `encryption` | can everything in an encrypted virtual network be encrypted? |
//!
//! What is wrong with one resource by itself (a peering with one link, a special subnet in another spelling) is told where that
//! resource is read, in [`crate::validate`].

mod asymmetry;
mod encryption;
mod exposure;
mod next_hop;
mod place;
mod propagation;
mod shadowed_rules;
mod subnets;
#[cfg(test)]
mod tests;

use crate::diagnostic::Diagnostic;
use crate::effective::Policy;
use crate::network::Network;
use crate::topology::{Span, Topology};

use place::Places;

/// What a review of `network`, which `topology` means, would ask about, in the order of the file.
#[must_use]
pub(crate) fn review(topology: &Topology, network: &Network) -> Vec<Diagnostic> {
    let policy = Policy::new(network);
    let places = Places::new(topology, network);
    let mut review = Review { network, policy: &policy, places: &places, found: Vec::new() };
    subnets::ask(&mut review);
    shadowed_rules::ask(&mut review);
    exposure::ask(&mut review);
    next_hop::ask(&mut review);
    asymmetry::ask(&mut review);
    propagation::ask(&mut review);
    encryption::ask(&mut review);
    let mut found = review.found;
    found.sort_by_key(|warning| warning.span);
    found
}

/// A review under way.
struct Review<'a> {
    network: &'a Network,
    policy: &'a Policy<'a>,
    places: &'a Places<'a>,
    found: Vec<Diagnostic>,
}

impl Review<'_> {
    fn warn(&mut self, code: &'static str, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic::warning(code, at, message).help(help));
    }
}
