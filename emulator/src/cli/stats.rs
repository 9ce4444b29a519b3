//! `vnetlab stats VM`: what a VM's NICs have carried by either way, with the names that `ethtool -S` has for hv_netvsc.

use std::process::ExitCode;

use anyhow::{Result, bail};
use goal_state::data_path::NicCounters;
use serde::Serialize;

use super::exec::network_of;
use super::lab_choice::LabChoice;
use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response};
use crate::output::{self, Format, Show};
use crate::question::Place;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The VM (`web1`), or one of its network interfaces (`fw/nic1`).
    #[arg(value_name = "VM[/NIC]")]
    vm: String,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let place = Place::resolve(&network_of(&lab)?.network, &args.vm)?;
    match Client::connect(&lab.folder)?.ask(Request::DeviceCounters { vm: place.vm.clone() })? {
        Response::DeviceCounters { counters } => {
            let there = counters.iter().filter(|counters| place.has(&counters.nic));
            let stats = Stats { value: there.map(NicStatistics::of).collect() };
            output::show(&stats, format).map(|()| ExitCode::SUCCESS)
        }
        other => bail!("the controller answers {other:?}"),
    }
}

#[derive(Debug, Serialize)]
struct Stats {
    value: Vec<NicStatistics>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NicStatistics {
    /// `vm/nic`.
    network_interface: String,
    /// The synthetic device in the guest, to which applications are bound.
    device: String,
    /// The VF's device; null for a NIC without accelerated networking.
    vf_device: Option<String>,
    statistics: Statistics,
}

/// The counters by the names that the driver gives them. What the VF carried does not count for the synthetic device.
#[derive(Debug, Serialize)]
struct Statistics {
    rx_packets: u64,
    rx_bytes: u64,
    rx_dropped: u64,
    tx_packets: u64,
    tx_bytes: u64,
    tx_dropped: u64,
    vf_rx_packets: u64,
    vf_rx_bytes: u64,
    vf_rx_dropped: u64,
    vf_tx_packets: u64,
    vf_tx_bytes: u64,
    vf_tx_dropped: u64,
}

impl NicStatistics {
    fn of(NicCounters { nic, device, synthetic, vf_device, vf }: &NicCounters) -> Self {
        let statistics = Statistics {
            rx_packets: synthetic.rx_packets,
            rx_bytes: synthetic.rx_bytes,
            rx_dropped: synthetic.rx_dropped,
            tx_packets: synthetic.tx_packets,
            tx_bytes: synthetic.tx_bytes,
            tx_dropped: synthetic.tx_dropped,
            vf_rx_packets: vf.rx_packets,
            vf_rx_bytes: vf.rx_bytes,
            vf_rx_dropped: vf.rx_dropped,
            vf_tx_packets: vf.tx_packets,
            vf_tx_bytes: vf.tx_bytes,
            vf_tx_dropped: vf.tx_dropped,
        };
        let (device, vf_device) = (device.clone(), vf_device.clone());
        Self { network_interface: nic.to_string(), device, vf_device, statistics }
    }
}

impl Statistics {
    fn lines(&self) -> [(&'static str, u64); 12] {
        [
            ("rx_packets", self.rx_packets),
            ("rx_bytes", self.rx_bytes),
            ("rx_dropped", self.rx_dropped),
            ("tx_packets", self.tx_packets),
            ("tx_bytes", self.tx_bytes),
            ("tx_dropped", self.tx_dropped),
            ("vf_rx_packets", self.vf_rx_packets),
            ("vf_rx_bytes", self.vf_rx_bytes),
            ("vf_rx_dropped", self.vf_rx_dropped),
            ("vf_tx_packets", self.vf_tx_packets),
            ("vf_tx_bytes", self.vf_tx_bytes),
            ("vf_tx_dropped", self.vf_tx_dropped),
        ]
    }
}

impl Show for Stats {
    /// As `ethtool -S eth0` prints it, with the NIC's name.
    fn table(&self) -> String {
        let mut text = String::new();
        for NicStatistics { network_interface, device, vf_device, statistics } in &self.value {
            let vf = vf_device.as_deref().map_or_else(|| "no VF".to_owned(), |vf| format!("VF {vf}"));
            text += &format!("NIC statistics of {network_interface} ({device}, {vf}):\n");
            for (name, count) in statistics.lines() {
                text += &format!("     {name}: {count}\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use goal_state::NicId;
    use goal_state::data_path::DeviceCounters;

    use super::*;

    fn stats() -> Stats {
        let nic = |name: &str| NicId { vm: "web1".parse().unwrap(), nic: name.parse().unwrap() };
        let counters = |from: u64| DeviceCounters {
            rx_packets: from,
            rx_bytes: from + 1,
            rx_dropped: from + 2,
            tx_packets: from + 3,
            tx_bytes: from + 4,
            tx_dropped: from + 5,
        };
        let accelerated = NicCounters {
            nic: nic("nic0"),
            device: "eth0".into(),
            synthetic: counters(10),
            vf_device: Some("enP1s1np0".into()),
            vf: counters(20),
        };
        let plain = NicCounters {
            nic: nic("nic1"),
            device: "eth1".into(),
            synthetic: counters(30),
            vf_device: None,
            vf: DeviceCounters::default(),
        };
        Stats { value: [accelerated, plain].iter().map(NicStatistics::of).collect() }
    }

    #[test]
    fn statistics_read_like_this() {
        insta::assert_snapshot!(stats().table());
        insta::assert_json_snapshot!(stats());
    }

    /// Both lists of names are the driver's.
    #[test]
    fn the_table_has_the_names_of_the_json() {
        for nic in stats().value {
            let json = serde_json::to_value(&nic.statistics).unwrap();
            let lines = nic.statistics.lines();
            assert_eq!(json.as_object().unwrap().len(), lines.len());
            for (name, count) in lines {
                assert_eq!(json[name], count, "{name}");
            }
        }
    }
}
