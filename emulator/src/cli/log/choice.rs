//! Which of what was told somebody wants to see.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::Told;
use crate::cli::exec::network_of;
use crate::lab::RunningLab;
use crate::question::Place;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Choice {
    /// Only what happened at this VM or NIC (`web1`, `fw/nic1`).
    #[arg(long, value_name = "VM[/NIC]")]
    vm: Option<String>,
    /// Only this last span of time, such as `30s` or `1h 30m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
}

/// What the words mean in a lab.
#[derive(Debug)]
pub(super) struct Filter {
    at: Option<Place>,
    /// Unix time in microseconds.
    since_us: u64,
}

impl Filter {
    /// # Errors
    /// A refusal when the lab has no such VM or NIC.
    pub(super) fn of(choice: &Choice, lab: &RunningLab) -> Result<Self> {
        let at = match &choice.vm {
            Some(vm) => Some(Place::resolve(&network_of(lab)?.network, vm)?),
            None => None,
        };
        let since_us =
            choice.since.map_or(0, |since| micros(SystemTime::now()).saturating_sub(length(since)));
        Ok(Self { at, since_us })
    }

    /// Whether this one is wanted.
    pub(super) fn wants(&self, told: &impl Told) -> bool {
        let at = self.at.as_ref().is_none_or(|place| told.nic().is_some_and(|nic| place.has(nic)));
        at && told.time_us() >= self.since_us
    }
}

fn micros(time: SystemTime) -> u64 {
    length(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn length(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::events::tests::switched;

    const TOPOLOGY: &str = "
name: filter
virtualNetworks: {red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines: {web1: {subnet: red/a}, web2: {subnet: red/a}}
";

    #[test]
    fn each_filter_narrows() {
        let network = crate::topology::from_text(TOPOLOGY, Path::new("filter.yaml")).unwrap().network;
        let event = switched();
        let at = |text| Some(Place::resolve(&network, text).unwrap());
        for (at, since_us, wanted) in [
            (None, 0, true),
            (at("web1"), 0, true),
            (at("web1/nic0"), 0, true),
            (at("web2"), 0, false),
            (None, event.time_us, true),
            (None, event.time_us + 1, false),
            (at("web1"), event.time_us + 1, false),
        ] {
            let filter = Filter { at, since_us };
            assert_eq!(filter.wants(&event), wanted, "{filter:?}");
        }
    }
}
