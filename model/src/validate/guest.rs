//! What answers on ports: the responders of virtual machines and services.

use std::collections::HashSet;

use goal_state::vm::{Listen, Transport};

use crate::topology::{ListenPort, OneOrMany, Span};

use super::limits;
use super::report::Report;

/// Nobody listens on one port twice, and not on too many.
pub(super) fn check_listen(owner: &str, at: Span, listen: &OneOrMany<ListenPort>, report: &mut Report) {
    report.at_most(limits::LISTENERS_PER_VM, listen.len(), at, format_args!("listeners of {owner}"));
    let mut taken: HashSet<Listen> = HashSet::new();
    for port in listen {
        if !taken.insert(port.value.0) {
            let message = format!("{owner} listens on {} twice", text(port.value.0));
            report.error("DuplicateListen", port.span, message, "leave one out");
        }
    }
}

fn text(listen: Listen) -> String {
    let transport = match listen.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    format!("{}/{transport}", listen.port)
}
