//! Hosts in the internet.

use goal_state::vm::Listen;

use crate::network::InternetHost;
use crate::topology::{self, ListenPort, OneOrMany, Spanned, Topology};

use super::guest::check_guest;
use super::public_address::Owner;
use super::report::Report;

/// Every host of the internet, in the order of the file.
pub(super) fn internet_hosts(topology: &Topology) -> Vec<InternetHost> {
    let host = |(name, raw): &(Spanned<String>, Spanned<topology::InternetHost>)| {
        let described = raw.described();
        InternetHost {
            name: name.value.clone(),
            address: raw.address().value.0,
            listen: described.and_then(|host| listens(host.listen.as_ref())),
            commands: described.map_or_else(Vec::new, |host| texts(&host.commands)),
        }
    };
    typed_hosts(topology).map(host).collect()
}

/// What runs on each of them is right.
pub(super) fn check(topology: &Topology, report: &mut Report) {
    for (name, raw) in typed_hosts(topology) {
        if let Some(host) = raw.described() {
            let what = format!("internet host `{name}`");
            check_guest(&what, name.span, host.listen.as_ref(), &host.commands, report);
        }
    }
}

/// The public numbers of hosts.
pub(super) fn numbers(topology: &Topology) -> impl Iterator<Item = Owner> {
    typed_hosts(topology).map(|(name, raw)| {
        let address = raw.address();
        (address.value.0, address.span, format!("internet host `{name}`"))
    })
}

fn typed_hosts(
    topology: &Topology,
) -> impl Iterator<Item = &(Spanned<String>, Spanned<topology::InternetHost>)> {
    topology.internet.iter().flat_map(|internet| internet.hosts.iter())
}

/// The ports of a list that may be left out.
pub(super) fn listens(typed: Option<&OneOrMany<ListenPort>>) -> Option<Vec<Listen>> {
    typed.map(|listen| listen.iter().map(|port| port.value.0).collect())
}

/// What was written, without where.
pub(super) fn texts(typed: &[Spanned<String>]) -> Vec<String> {
    typed.iter().map(|text| text.value.clone()).collect()
}
