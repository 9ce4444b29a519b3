//! `vnetlab iperf FROM TO`: throughput between two VMs. The server is started and stopped for you.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use serde_json::Value;

use super::exec::network_of;
use super::lab_choice::LabChoice;
use crate::lab::LabName;
use crate::output::{self, Format, Show};
use crate::question::Endpoint;
use crate::refusal::refuse;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Who sends: a VM, a NIC, a host of the internet (`internet/client`), a service, or the address of one of them.
    from: String,
    /// Who receives: the same. From outside, a VM is its public address.
    to: String,
    /// Arguments for iperf3's client, such as `-t 5`, `-u`, `-R`, `-P 4`. Options of vnetlab, but for `-o`, stand before FROM.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// iperf3's own.
const DEFAULT_PORT: &str = "5201";

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let (format, arguments) = take_output(&args.args, format)?;
    let lab = args.lab.choose()?;
    let network = network_of(&lab)?.network;
    let from = Endpoint::resolve(&network, &args.from)?;
    let to = Endpoint::resolve(&network, &args.to)?;
    let port = port(&arguments);
    // Both have to be somebody before anything is started.
    from.vm()?;
    to.vm()?;
    let address = to.address_from(&network, &from)?;
    let server = Server::start(&lab.name, &args.to, &port)?;
    let report = client(&lab.name, (&args.from, &from), address, &port, &arguments)?;
    drop(server);
    if let Some(error) = report["error"].as_str() {
        let ask = format!("vnetlab explain --from {} --to {} --port {port} --protocol", args.from, args.to);
        bail!("iperf3: {error}\nis it allowed? `{ask} Tcp` says so (and `Udp` for -u, which uses both)");
    }
    output::show(&Throughput { from: args.from.clone(), to: args.to.clone(), iperf3: report }, format)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes `-o FORMAT` out of what is meant for iperf3, which has no such option; the format, and the rest.
fn take_output(args: &[String], mut format: Format) -> Result<(Format, Vec<String>)> {
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--output").or_else(|| arg.strip_prefix("-o")) {
            None => {
                rest.push(arg.clone());
                continue;
            }
            Some("") => args.next().map(String::as_str).unwrap_or_default(),
            Some(attached) => attached.trim_start_matches('='),
        };
        format = Format::from_str(value, true)
            .map_err(|_| refuse(format!("{arg} takes table, json or yaml, not `{value}`")))?;
    }
    Ok((format, rest))
}

/// The port that the client is told to use.
fn port(args: &[String]) -> String {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = match arg.as_str() {
            "-p" | "--port" => args.next().map(String::as_str),
            other => other.strip_prefix("--port=").or_else(|| other.strip_prefix("-p")),
        };
        if let Some(value) = value {
            return value.to_owned();
        }
    }
    DEFAULT_PORT.to_owned()
}

/// `vnetlab exec`, since a process can be in one VM only.
fn in_vm(lab: &LabName, vm: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["exec", "-l", lab.as_ref(), vm, "--"]).stdin(Stdio::null());
    command
}

/// iperf3 listening in a VM. Ends when dropped.
struct Server(Child);

impl Server {
    /// Returns when it listens.
    fn start(lab: &LabName, vm: &str, port: &str) -> Result<Self> {
        let mut command = in_vm(lab, vm);
        command.args(["iperf3", "--server", "--one-off", "--forceflush", "--port", port]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("starting iperf3's server")?;
        let stdout = child.stdout.take().context("reading what iperf3's server says")?;
        let server = Self(child);
        let mut lines = BufReader::new(stdout).lines();
        let mut said = String::new();
        loop {
            let Some(line) = lines.next().transpose()? else {
                bail!("iperf3's server in {vm} ended: {said}")
            };
            if line.contains("listening") {
                break;
            }
            said = line;
        }
        // It goes on talking, and must not be held up by nobody reading.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `vnetlab exec` hands this on to iperf3.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn client(
    lab: &LabName,
    (name, from): (&str, &Endpoint),
    to: Ipv4Addr,
    port: &str,
    args: &[String],
) -> Result<Value> {
    let mut command = in_vm(lab, name);
    command.args(["iperf3", "--json", "--connect-timeout", "5000", "--client", &to.to_string()]);
    if let Some(source) = from.bound_address() {
        command.args(["--bind", &source.to_string()]);
    }
    command.args(["--port", port]).args(args.iter().map(OsString::from));
    let output = command.stderr(Stdio::inherit()).output().context("starting iperf3's client")?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("iperf3 says no JSON: {}", String::from_utf8_lossy(&output.stdout).trim()))
}

#[derive(Debug, Serialize)]
struct Throughput {
    from: String,
    to: String,
    /// What iperf3 says itself.
    iperf3: Value,
}

impl Show for Throughput {
    fn table(&self) -> String {
        let Self { from, to, iperf3 } = self;
        let end = &iperf3["end"];
        let protocol = iperf3["start"]["test_start"]["protocol"].as_str().unwrap_or("TCP");
        let mut text = format!("{from} to {to}, {protocol}\n");
        for (name, sum) in
            [("sent", &end["sum_sent"]), ("received", &end["sum_received"]), ("both", &end["sum"])]
        {
            // UDP of some versions has the one, TCP the others.
            if sum.is_object() && (name != "both" || !end["sum_sent"].is_object()) {
                text += &format!("  {name:<9}{}\n", describe(sum));
            }
        }
        text
    }
}

/// `1.25 Gbit/s, 312.5 MB in 2.0 s, 3 retransmitted`.
fn describe(sum: &Value) -> String {
    let number = |name: &str| sum[name].as_f64().unwrap_or(0.0);
    let mut text = format!(
        "{}, {:.1} MB in {:.1} s",
        rate(number("bits_per_second")),
        number("bytes") / 1e6,
        number("seconds")
    );
    if let Some(count) = sum["retransmits"].as_u64() {
        text += &format!(", {count} retransmitted");
    }
    if let Some(percent) = sum["lost_percent"].as_f64() {
        text += &format!(", {percent:.2} % lost, jitter {:.3} ms", number("jitter_ms"));
    }
    text
}

fn rate(bits_per_second: f64) -> String {
    let (divisor, unit) = match bits_per_second {
        1e9.. => (1e9, "Gbit/s"),
        1e6.. => (1e6, "Mbit/s"),
        _ => (1e3, "kbit/s"),
    };
    format!("{:.2} {unit}", bits_per_second / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_output_format_may_stand_last() {
        let take = |line: &str| take_output(&args(line), Format::Table);
        assert_eq!(take("-t 1 -O 2").unwrap(), (Format::Table, args("-t 1 -O 2")));
        assert_eq!(take("-t 1 -o json -u").unwrap(), (Format::Json, args("-t 1 -u")));
        for line in ["-oyaml", "-o=yaml", "--output yaml", "--output=yaml"] {
            assert_eq!(take(line).unwrap(), (Format::Yaml, vec![]), "{line}");
        }
        assert!(take("-o xml").unwrap_err().to_string().contains("`xml`"));
        assert!(take("-o").is_err());
    }

    #[test]
    fn the_servers_port_is_the_clients() {
        assert_eq!(port(&args("-t 2 -u")), "5201");
        assert_eq!(port(&args("-t 2 -p 80")), "80");
        assert_eq!(port(&args("--port=81")), "81");
        assert_eq!(port(&args("-p82")), "82");
    }

    #[test]
    fn throughput_reads_like_this() {
        let iperf3 = serde_json::json!({
            "start": {"test_start": {"protocol": "TCP"}},
            "end": {
                "sum_sent": {"seconds": 2.0, "bytes": 312_500_000_u64, "bits_per_second": 1.25e9, "retransmits": 3},
                "sum_received": {"seconds": 2.04, "bytes": 312_000_000_u64, "bits_per_second": 1.2235e9}
            }
        });
        let throughput = Throughput { from: "web1".into(), to: "app1".into(), iperf3 };
        insta::assert_snapshot!(throughput.table());
    }
}
