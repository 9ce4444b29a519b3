//! Health probes.
//!
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview>

use crate::topology::{Map, Probe, ProbeProtocol};

use super::super::report::Report;
use super::Balancer;

/// Ports that HTTP probes are refused on.
const REFUSED_PORTS: [u16; 9] = [19, 21, 25, 70, 110, 119, 143, 220, 993];
/// Seconds between two questions, at least.
const LEAST_INTERVAL: u32 = 5;

pub(super) fn check(balancer: &Balancer<'_>, probes: &Map<Probe>, report: &mut Report) {
    for (name, probe) in probes {
        let what = format!("probe `{}/{name}`", balancer.name);
        check_path(&what, probe, report);
        let protocol = probe.protocol.value;
        if protocol == ProbeProtocol::Https {
            balancer.check_standard("an HTTPS probe", probe.protocol.span, report);
        }
        if probe.port.value == 0 {
            report.error(
                "InvalidPort",
                probe.port.span,
                format!("{what} asks port 0"),
                "use a port from 1 to 65535",
            );
        } else if protocol != ProbeProtocol::Tcp && REFUSED_PORTS.contains(&probe.port.value) {
            let message = format!("{what} cannot ask port {} by {protocol}", probe.port);
            let listed: Vec<_> = REFUSED_PORTS.iter().map(ToString::to_string).collect();
            let help = format!("use `protocol: Tcp`, or another port than {}", listed.join(", "));
            report.error("ProbePortRefused", probe.port.span, message, help);
        }
        if let Some(interval) = &probe.interval_in_seconds {
            report.within(
                LEAST_INTERVAL..=i32::MAX.unsigned_abs(),
                interval,
                &format!("intervalInSeconds of {what}"),
            );
        }
        if let Some(number) = &probe.number_of_probes {
            report.within(1..=i32::MAX.unsigned_abs(), number, &format!("numberOfProbes of {what}"));
        }
    }
}

fn check_path(what: &str, probe: &Probe, report: &mut Report) {
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
