//! `vnetlab capture`: packets as they pass, on the underlay or at a VM, by tcpdump.

use std::ffi::OsString;
use std::fs::File;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use goal_state::{Generation, HostName};
use model::network::Network;

use super::exec::{enter_vm, wanted_of};
use super::lab_choice::LabChoice;
use crate::fabric;
use crate::lab::{RunningLab, Wanted};
use crate::output;
use crate::question::{GuestNic, Place};
use crate::refusal::refuse;
use crate::sandbox::{self, Stdin};
use crate::topology;

/// What `-w` calls standard output.
const STANDARD_OUTPUT: &str = "-";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Between the hosts, where packets are encapsulated and some encrypted: on the device of this host, or in the fabric, where
    /// those of all hosts pass.
    #[arg(long, value_name = "HOST", num_args = 0..=1, default_missing_value = "")]
    underlay: Option<String>,
    /// Write packets to this file, as pcap, instead of printing them; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// End after so many packets.
    #[arg(short, long)]
    count: Option<NonZeroU32>,
    /// Without --underlay first the VM (`web1`) or the network interface (`fw/nic1`). Then which packets, as tcpdump's filters
    /// are written (pcap-filter(7)); all when there is none.
    #[arg(value_name = "VM[/NIC] | FILTER")]
    words: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let wanted = wanted_of(&lab)?;
    let network = topology::from_wanted(&wanted)?.network;
    let place = Spot::choose(args.underlay.as_deref(), &args.words, &network)?;
    if let Spot::Underlay { .. } = place {
        tell_what_is_cut(&wanted)?;
    }
    // Before this process is in the lab, where another /run is.
    args.write.as_deref().map_or(Ok(()), write_to)?;
    place.watch(&lab, How { write: args.write.is_some(), count: args.count })
}

/// Where packets pass, and which of them are meant.
#[derive(Debug, PartialEq, Eq)]
enum Spot<'w> {
    Underlay { host: Option<HostName>, filter: &'w [String] },
    Nic { vm: String, nic: GuestNic, filter: &'w [String] },
}

impl<'w> Spot<'w> {
    fn choose(underlay: Option<&str>, words: &'w [String], network: &Network) -> Result<Self> {
        match (underlay, words) {
            (Some(host), filter) => {
                let host = (!host.is_empty()).then(|| named(network, host)).transpose()?;
                Ok(Self::Underlay { host, filter })
            }
            (None, [place, filter @ ..]) => {
                let place = Place::resolve(network, place)?;
                Ok(Self::Nic { vm: place.vm.to_string(), nic: place.guest_nic(network), filter })
            }
            (None, []) => Err(refuse("say where: --underlay, or a VM or its network interface")),
        }
    }

    /// Runs tcpdump there until it ends; its exit status.
    fn watch(&self, lab: &RunningLab, how: How) -> Result<ExitCode> {
        match self {
            Self::Underlay { host: Some(host), filter } => {
                sandbox::enter(lab)?;
                let command = how.tcpdump(&[fabric::UNDERLAY], filter);
                sandbox::run_in(&fabric::host_namespace(host)?, &command, Stdin::Null)
            }
            Self::Underlay { host: None, filter } => {
                sandbox::enter(lab)?;
                // Each frame once, as it comes in from a host, whether the fabric's bridge carries it on or BPF past that.
                let command = how.tcpdump(&["any", "-Q", "in"], filter);
                sandbox::run_in(&fabric::namespace()?, &command, Stdin::Null)
            }
            Self::Nic { vm, nic, filter } => {
                let inside = enter_vm(lab, vm)?;
                let command = match nic.accelerated {
                    false => how.tcpdump(&[&nic.device()], filter),
                    true => {
                        let filter = nic.each_packet_once(&devices()?, filter)?;
                        how.tcpdump(&["any"], &[filter])
                    }
                };
                inside.run(&command, Stdin::Null)
            }
        }
    }
}

/// The devices of the namespace that this process is in, by index.
fn devices() -> Result<Vec<(u32, String)>> {
    let devices = nix::net::if_::if_nameindex().context("listing the VM's devices")?;
    Ok(devices.iter().map(|device| (device.index(), device.name().to_string_lossy().into_owned())).collect())
}

impl GuestNic {
    /// A filter that sees what goes by the VF or the synthetic device once each. What comes in by the VF is seen at the synthetic device
    /// as well, and what goes out is not, as it was handed to the VF before.
    ///
    /// # Errors
    /// When the VM has no such device.
    fn each_packet_once(&self, devices: &[(u32, String)], filter: &[String]) -> Result<String> {
        let name = self.device();
        let own = devices.iter().find(|(_, device)| *device == name).map(|(index, _)| index);
        let own = own.with_context(|| format!("the VM has no device {name}"))?;
        // The VF is not named: it may come only later.
        let others: String = devices
            .iter()
            .filter(|(index, device)| index != own && !device.starts_with(&self.vf_prefix()))
            .map(|(index, _)| format!(" and not ifindex {index}"))
            .collect();
        let there = format!("(ifindex {own} or (outbound{others}))");
        Ok(if filter.is_empty() { there } else { format!("{there} and ({})", filter.join(" ")) })
    }
}

/// What becomes of the packets.
#[derive(Debug, Clone, Copy)]
struct How {
    write: bool,
    count: Option<NonZeroU32>,
}

impl How {
    fn tcpdump(self, device: &[&str], filter: &[String]) -> Vec<OsString> {
        let mut command = vec!["tcpdump", "-Z", "root", "-n", "-i"];
        command.extend(device);
        // Each packet at once: whoever reads may wait for just this one.
        command.extend(if self.write { &["-U", "-w", STANDARD_OUTPUT][..] } else { &["-l"] });
        let count = self.count.map(|count| count.to_string());
        command.extend(count.iter().flat_map(|count| ["-c", count]));
        command.push("--");
        command.extend(filter.iter().map(String::as_str));
        command.into_iter().map(OsString::from).collect()
    }
}

fn named(network: &Network, text: &str) -> Result<HostName> {
    let mut hosts = network.hosts.iter();
    let host = hosts.find(|host| host.name.as_str().eq_ignore_ascii_case(text));
    host.map(|host| host.name.clone())
        .ok_or_else(|| refuse(format!("there is no host {text}; a filter comes after `--`")))
}

/// From now on standard output is that file.
fn write_to(file: &Path) -> Result<()> {
    if file == Path::new(STANDARD_OUTPUT) {
        return Ok(());
    }
    let describe = || format!("writing {}", file.display());
    let file = File::create(file).with_context(describe)?;
    nix::unistd::dup2_stdout(&file).with_context(describe)
}

fn tell_what_is_cut(wanted: &Wanted) -> Result<()> {
    let goals = topology::from_wanted(wanted)?.goals(Generation(0), wanted.carriage());
    let mut nics = goals.iter().flat_map(|goal| &goal.virtual_machines).flat_map(|vm| &vm.network_interfaces);
    if !wanted.honest_packets && nics.any(|nic| nic.encryption_port.is_some()) {
        output::tell(
            "encrypted packets travel many at a time: a large datagram here is as many records as a wire would carry. \
             `vnetlab up FILE --honest-packets` sends them one by one",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = "
name: places
virtualNetworks: {red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines:
  web1: {subnet: red/a}
";

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn tcpdump_is_told_where_and_how() {
        let line = |how: How, device: &[&str], filter: &[&str]| {
            how.tcpdump(device, &words(filter)).join(" ".as_ref()).into_string().unwrap()
        };
        assert_eq!(
            line(How { write: false, count: None }, &["any", "-Q", "in"], &[]),
            "tcpdump -Z root -n -i any -Q in -l --"
        );
        assert_eq!(
            line(How { write: true, count: NonZeroU32::new(3) }, &["eth0"], &["tcp", "port", "80"]),
            "tcpdump -Z root -n -i eth0 -U -w - -c 3 -- tcp port 80"
        );
    }

    #[test]
    fn at_an_accelerated_nic_both_ways_are_watched_and_other_nics_are_not() {
        let devices: Vec<_> = ["lo", "eth0", "eth1", "enP1s1np0", "enP2s1np0"].map(str::to_owned).into();
        let devices: Vec<_> = (1..).zip(devices).collect();
        let filter = |index, filter: &[&str]| {
            GuestNic { index, accelerated: true }.each_packet_once(&devices, &words(filter))
        };
        assert_eq!(
            filter(0, &[]).unwrap(),
            "(ifindex 2 or (outbound and not ifindex 1 and not ifindex 3 and not ifindex 5))"
        );
        assert_eq!(
            filter(1, &["icmp", "or", "arp"]).unwrap(),
            "(ifindex 3 or (outbound and not ifindex 1 and not ifindex 2 and not ifindex 4)) and (icmp or arp)"
        );
        assert!(filter(2, &[]).is_err());
    }

    #[test]
    fn a_place_is_an_underlay_or_a_nic() {
        let loaded = topology::from_text(TOPOLOGY, Path::new("places.yaml")).unwrap();
        let (udp, icmp) = (words(&["udp"]), words(&["web1", "icmp"]));
        let spot = |underlay, words| Spot::choose(underlay, words, &loaded.network);
        assert_eq!(spot(Some(""), &udp).unwrap(), Spot::Underlay { host: None, filter: &udp });
        let host = loaded.network.hosts[0].name.clone();
        let upper = host.as_str().to_uppercase();
        assert_eq!(spot(Some(&upper), &[]).unwrap(), Spot::Underlay { host: Some(host), filter: &[] });
        let nic = GuestNic { index: 0, accelerated: true };
        assert_eq!(spot(None, &icmp).unwrap(), Spot::Nic { vm: "web1".into(), nic, filter: &icmp[1..] });
        assert!(spot(Some("udp"), &[]).is_err(), "there is no host udp");
        assert!(spot(None, &udp).is_err(), "there is no VM udp");
        assert!(spot(None, &[]).is_err());
    }
}
