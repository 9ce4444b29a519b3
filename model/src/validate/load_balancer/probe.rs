//! Health probes.
//!
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview>

use goal_state::edge::ProbeQuestion;

use crate::network::Probe;
use crate::topology::{self, Map, ProbeProtocol, Spanned};

use super::super::report::Report;
use super::Balancer;

/// Ports that HTTP probes are refused on.
const REFUSED_PORTS: [u16; 9] = [19, 21, 25, 70, 110, 119, 143, 220, 993];
/// Seconds between two questions, at least.
const LEAST_INTERVAL: u32 = 5;

/// Seconds between two questions of a probe that does not say.
const DEFAULT_INTERVAL: u32 = 5;
/// Answers in a row that count, of a probe that does not say.
const DEFAULT_NUMBER: u32 = 2;

/// The probes of a load balancer; none for one that has something wrong.
pub(super) fn probes(
    balancer: &Balancer<'_>,
    typed: &Map<topology::Probe>,
    report: &mut Report,
) -> Vec<Option<Probe>> {
    typed.iter().map(|(name, typed)| probe(balancer, name, typed, report)).collect()
}

fn probe(
    balancer: &Balancer<'_>,
    name: &Spanned<String>,
    typed: &topology::Probe,
    report: &mut Report,
) -> Option<Probe> {
    let what = format!("probe `{}/{name}`", balancer.name);
    check_path(&what, typed, report);
    check_port(&what, typed, report);
    let interval = typed.interval_in_seconds.as_ref();
    if let Some(interval) = interval {
        let allowed = LEAST_INTERVAL..=i32::MAX.unsigned_abs();
        report.within(allowed, interval, &format!("intervalInSeconds of {what}"));
    }
    let number = typed.number_of_probes.as_ref();
    if let Some(number) = number {
        report.within(1..=i32::MAX.unsigned_abs(), number, &format!("numberOfProbes of {what}"));
    }
    let question = match typed.protocol.value {
        ProbeProtocol::Tcp => ProbeQuestion::Tcp,
        ProbeProtocol::Http => ProbeQuestion::Http { path: typed.request_path.as_ref()?.value.clone() },
        ProbeProtocol::Https => {
            balancer.check_standard("an HTTPS probe", typed.protocol.span, report);
            report.not_built(typed.protocol.span, "HTTPS probes");
            return None;
        }
    };
    Some(Probe {
        name: name.value.clone(),
        question,
        port: typed.port.value,
        interval_in_seconds: interval.map_or(DEFAULT_INTERVAL, |interval| interval.value),
        number_of_probes: number.map_or(DEFAULT_NUMBER, |number| number.value),
    })
}

fn check_port(what: &str, typed: &topology::Probe, report: &mut Report) {
    let (port, protocol) = (&typed.port, typed.protocol.value);
    if port.value == 0 {
        let message = format!("{what} asks port 0");
        report.error("InvalidPort", port.span, message, "use a port from 1 to 65535");
    } else if protocol != ProbeProtocol::Tcp && REFUSED_PORTS.contains(&port.value) {
        let message = format!("{what} cannot ask port {port} by {protocol}");
        let listed: Vec<_> = REFUSED_PORTS.iter().map(ToString::to_string).collect();
        let help = format!("use `protocol: Tcp`, or another port than {}", listed.join(", "));
        report.error("ProbePortRefused", port.span, message, help);
    }
}

fn check_path(what: &str, probe: &topology::Probe, report: &mut Report) {
    let protocol = probe.protocol.value;
    match (&probe.request_path, protocol) {
        (Some(path), ProbeProtocol::Tcp) => {
            let message = format!("{what} has a requestPath, and asks by Tcp");
            report.error("ProbeRequestPath", path.span, message, "leave it out, or use `protocol: Http`");
        }
        (Some(path), _) if !path.value.starts_with('/') => {
            let message = format!("the requestPath of {what} is `{path}`");
            report.error("ProbeRequestPath", path.span, message, "begin it with `/`");
        }
        (Some(path), _) if path.value.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            let message = format!("the requestPath of {what} has a blank or a control character");
            report.error("ProbeRequestPath", path.span, message, "write blanks as `%20`");
        }
        (None, ProbeProtocol::Http | ProbeProtocol::Https) if !report.is_omitted("requestPath") => {
            let message = format!("{what} asks by {protocol} and has no requestPath");
            report.error(
                "ProbeRequestPath",
                probe.protocol.span,
                message,
                "write one, such as `requestPath: /`",
            );
        }
        _ => {}
    }
}
