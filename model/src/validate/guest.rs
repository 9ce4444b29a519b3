//! What runs in virtual machines, services and hosts of the internet: responders and commands.

use std::collections::HashSet;

use goal_state::vm::{Listen, Transport};

use crate::topology::{ListenPort, OneOrMany, Span, Spanned};

use super::limits;
use super::report::Report;

/// Checks what runs in `owner`.
pub(super) fn check_guest(
    owner: &str,
    at: Span,
    listen: Option<&OneOrMany<ListenPort>>,
    commands: &[Spanned<String>],
    report: &mut Report,
) {
    for command in commands {
        if command.value.trim().is_empty() || command.value.contains('\0') {
            let message = format!("{owner} has an empty command");
            let help = "write what a shell shall run, or leave it out";
            report.error("InvalidCommand", command.span, message, help);
        }
    }
    if let Some(listen) = listen {
        check_listen(owner, at, listen, report);
    }
}

/// Nobody listens on one port twice, and not on too many.
fn check_listen(owner: &str, at: Span, listen: &OneOrMany<ListenPort>, report: &mut Report) {
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
