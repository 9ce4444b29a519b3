//! Which drops somebody wants to see.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use goal_state::event::DropEvent;
use goal_state::{DropReason, VmName};
use model::network::Network;

use crate::cli::exec::network_of;
use crate::lab::RunningLab;
use crate::question::Endpoint;

#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// Only what was dropped at this VM or NIC (`web1`, `fw/nic1`).
    #[arg(long, value_name = "VM[/NIC]")]
    vm: Option<String>,
    /// Only drops for this reason; several are separated by commas.
    #[arg(long, value_name = "LAYER", value_delimiter = ',', value_parser = reasons())]
    reason: Vec<DropReason>,
    /// Only drops of this last span of time, such as `30s` or `1h 30m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
}

/// What the words mean in a lab.
#[derive(Debug)]
pub(super) struct Filter {
    /// The VM and, if it was named, its NIC.
    at: Option<(VmName, Option<String>)>,
    /// None for all.
    reasons: Vec<DropReason>,
    /// Unix time in microseconds.
    since_us: u64,
}

impl Filter {
    /// # Errors
    /// A refusal when the lab has no such VM or NIC.
    pub(super) fn of(choice: &Choice, lab: &RunningLab) -> Result<Self> {
        let at = match &choice.vm {
            Some(vm) => Some(place(&network_of(lab)?.network, vm)?),
            None => None,
        };
        let since_us =
            choice.since.map_or(0, |since| micros(SystemTime::now()).saturating_sub(length(since)));
        Ok(Self { at, reasons: choice.reason.clone(), since_us })
    }

    /// Whether this one is wanted.
    pub(super) fn wants(&self, drop: &DropEvent) -> bool {
        let at = self.at.as_ref().is_none_or(|(vm, name)| {
            let is_nic = |nic: &goal_state::NicId| {
                nic.vm == *vm && name.as_ref().is_none_or(|name| nic.nic.as_str() == name)
            };
            drop.nic.as_ref().is_some_and(is_nic)
        });
        at && (self.reasons.is_empty() || self.reasons.contains(&drop.reason))
            && drop.time_us >= self.since_us
    }
}

/// The VM and NIC with the names that the network has them by, whatever their case.
fn place(network: &Network, text: &str) -> Result<(VmName, Option<String>)> {
    let endpoint = Endpoint::resolve(network, text)?;
    let vm: VmName = endpoint.vm()?.parse()?;
    let address = endpoint.bound_address();
    let mut nics = network.nics().filter(|(at, _)| network.vm(at.vm).name == vm);
    let named = nics.find(|(_, nic)| address.is_some_and(|address| nic.addresses.contains(&address)));
    Ok((vm, named.map(|(_, nic)| nic.name.to_string())))
}

fn reasons() -> impl TypedValueParser<Value = DropReason> {
    PossibleValuesParser::new(DropReason::ALL.map(DropReason::as_str)).try_map(|word| {
        let mut reasons = DropReason::ALL.into_iter();
        reasons.find(|reason| reason.as_str() == word).ok_or("there is no such reason")
    })
}

fn micros(time: SystemTime) -> u64 {
    length(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn length(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::drops::row::tests::dropped;

    const TOPOLOGY: &str = "
name: filter
virtualNetworks: {red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}, b: {addressPrefix: 10.0.2.0/24}}}}
virtualMachines:
  web1: {subnet: red/a, privateIPAddress: 10.0.1.4}
  fw:
    networkInterfaces:
      outside: {subnet: red/a, privateIPAddress: 10.0.1.5}
      inside: {subnet: red/b, privateIPAddress: 10.0.2.5}
";

    #[test]
    fn a_place_is_found_whatever_its_case() {
        let loaded = crate::topology::from_text(TOPOLOGY, std::path::Path::new("filter.yaml")).unwrap();
        let place = |text| place(&loaded.network, text).map(|(vm, nic)| (vm.to_string(), nic));
        assert_eq!(place("WEB1").unwrap(), ("web1".into(), None));
        assert_eq!(place("fw/Inside").unwrap(), ("fw".into(), Some("inside".into())));
        assert!(place("web2").is_err());
        assert!(place("fw/middle").is_err());
    }

    #[test]
    fn each_filter_narrows() {
        let drop = dropped(DropReason::NetworkSecurityGroup, None);
        let at = |vm: &str, nic: Option<&str>| Some((vm.parse().unwrap(), nic.map(str::to_owned)));
        let all = || Filter { at: None, reasons: Vec::new(), since_us: 0 };
        for (filter, wanted) in [
            (all(), true),
            (Filter { at: at("web1", None), ..all() }, true),
            (Filter { at: at("web1", Some("nic0")), ..all() }, true),
            (Filter { at: at("web1", Some("nic1")), ..all() }, false),
            (Filter { at: at("web2", None), ..all() }, false),
            (Filter { reasons: vec![DropReason::Route, DropReason::NetworkSecurityGroup], ..all() }, true),
            (Filter { reasons: vec![DropReason::Route], ..all() }, false),
            (Filter { since_us: drop.time_us, ..all() }, true),
            (Filter { since_us: drop.time_us + 1, ..all() }, false),
        ] {
            assert_eq!(filter.wants(&drop), wanted, "{filter:?}");
        }
    }
}
