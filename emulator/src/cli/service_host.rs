//! `vnetlab service-host HOST`: host servicing, as Azure does it. The VFs of the host's VMs are taken away and returned; packets
//! go the synthetic way meanwhile.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use goal_state::{HostName, NicId};
use indicatif::ProgressBar;
use model::network::Network;
use serde::Serialize;

use super::exec::network_of;
use super::lab_choice::LabChoice;
use super::lasting_link::{Answer, LastingLink};
use crate::controller::protocol::{Request, Response};
use crate::output::{self, Format, Show};
use crate::refusal::refuse;

/// The longest servicing that can be asked for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The host. Its VFs come back in time also when this command is interrupted; a second call meanwhile sets a new time.
    host: String,
    /// How long, such as `30s` or `2m`.
    #[arg(long = "for", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    duration: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (Duration::from_millis(1)..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err("a servicing takes from 1ms to 1day".to_owned())
    }
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let host = host_to_service(&network_of(&lab)?.network, &args.host)?;
    let mut link = LastingLink::open(&lab)?;
    let milliseconds = u64::try_from(args.duration.as_millis())?;
    let began = Instant::now();
    let nics = take_away(&mut link, &host, milliseconds)?;
    let mut countdown = Countdown::begin(&host, &nics, args.duration);
    let problems = await_return(&mut link, &host, &mut countdown);
    countdown.end();
    let network_interfaces = nics.iter().map(ToString::to_string).collect();
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let result = Serviced { host: host.to_string(), network_interfaces, milliseconds, problems: problems? };
    output::show(&result, format)?;
    Ok(if result.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The host that is meant, whatever its case.
///
/// # Errors
/// A refusal when there is none of that name, or no VF on it.
fn host_to_service(network: &Network, text: &str) -> Result<HostName> {
    let Some(position) = network.hosts.iter().position(|host| host.name.as_str().eq_ignore_ascii_case(text))
    else {
        let names: Vec<_> = network.hosts.iter().map(|host| host.name.as_str()).collect();
        return Err(refuse(format!("there is no host {text}; the hosts are {}", names.join(", "))));
    };
    let host = &network.hosts[position].name;
    let mut vms = network.virtual_machines.iter().filter(|vm| vm.host.0 == position);
    if vms.any(|vm| vm.nics.iter().any(|nic| nic.enable_accelerated_networking)) {
        Ok(host.clone())
    } else {
        Err(refuse(format!("{host} has no NIC with accelerated networking, so there is no VF to take away")))
    }
}

/// Begins the servicing; the NICs whose VFs are away.
fn take_away(link: &mut LastingLink, host: &HostName, milliseconds: u64) -> Result<Vec<NicId>> {
    loop {
        match link.ask(Request::Service { host: host.clone(), milliseconds })? {
            Answer::Response(Response::Servicing { nics }) => return Ok(nics),
            Answer::Response(other) => bail!("the controller answers {other:?}"),
            // Nobody knows whether it had begun. Asked a second time, it begins anew.
            Answer::NewController => output::tell("the lab's controller was started again"),
            Answer::LabEnded => bail!("the lab has ended"),
        }
    }
}

/// Waits for the VFs; what could not be returned, as sentences.
fn await_return(link: &mut LastingLink, host: &HostName, countdown: &mut Countdown) -> Result<Vec<String>> {
    loop {
        match link.ask_patiently(Request::AwaitService { host: host.clone() }, &mut || countdown.tick())? {
            Answer::Response(Response::Serviced { problems }) => return Ok(problems),
            Answer::Response(other) => bail!("the controller answers {other:?}"),
            Answer::NewController => output::tell("the lab's controller was started again"),
            Answer::LabEnded => bail!("the lab has ended"),
        }
    }
}

/// How much is left, on standard error: a line that changes on a terminal, a few lines otherwise.
struct Countdown {
    host: HostName,
    ends: Instant,
    length: Duration,
    bar: Option<ProgressBar>,
    /// Quarters that are left, as far as they were told.
    quarters: u32,
}

impl Countdown {
    fn begin(host: &HostName, nics: &[NicId], length: Duration) -> Self {
        output::tell(format_args!("{host}: {}", describe_removal(nics, length)));
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        Self { host: host.clone(), ends: Instant::now() + length, length, bar, quarters: 4 }
    }

    /// Says how much is left, if that is news.
    fn tick(&mut self) {
        let left = self.ends.saturating_duration_since(Instant::now());
        let text = match left.as_millis().div_ceil(1000) {
            0 => format!("{}: waiting for the VFs", self.host),
            seconds => format!("{}: {seconds} s left", self.host),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            bar.tick();
            return;
        }
        let quarters = quarters(left, self.length);
        if quarters < self.quarters {
            self.quarters = quarters;
            output::tell(text);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Quarters that are left, each of them begun: 4 at the beginning, 0 at the end.
fn quarters(left: Duration, length: Duration) -> u32 {
    let quarters = (left.as_millis() * 4).div_ceil(length.as_millis().max(1));
    u32::try_from(quarters).unwrap_or(4)
}

fn describe_removal(nics: &[NicId], length: Duration) -> String {
    let length = humantime::format_duration(length);
    match nics {
        [] => format!("no VF was there to be taken away; servicing for {length}"),
        [nic] => format!("the VF of {nic} is away for {length}"),
        nics => format!("{} VFs are away for {length}: {}", nics.len(), names(nics)),
    }
}

fn names(nics: &[impl ToString]) -> String {
    nics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What came of a servicing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Serviced {
    host: String,
    /// `vm/nic` of each that had a VF.
    network_interfaces: Vec<String>,
    /// From the call until the VFs were back.
    milliseconds: u64,
    /// VFs that could not be returned, as sentences.
    problems: Vec<String>,
}

impl Show for Serviced {
    fn table(&self) -> String {
        let Self { host, network_interfaces, milliseconds, problems } = self;
        let seconds = format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10);
        let what = match (network_interfaces.as_slice(), problems.is_empty()) {
            ([], _) => "it had no VF".to_owned(),
            ([nic], true) => format!("the VF of {nic} is back"),
            (nics, true) => format!("{} VFs are back: {}", nics.len(), names(nics)),
            (nics, false) => format!("VFs were taken from {}", names(nics)),
        };
        let problems: String = problems.iter().map(|problem| format!("problem: {problem}\n")).collect();
        format!("{host} was serviced for {seconds}; {what}\n{problems}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::lasting_link::tests::FakeLab;
    use crate::refusal::Refusal;

    const TOPOLOGY: &str = "
name: servicing
hosts: 3
virtualNetworks: {red: {addressSpace: [10.0.0.0/16], subnets: {a: {addressPrefix: 10.0.1.0/24}}}}
virtualMachines:
  web1: {subnet: red/a, host: host1}
  old: {subnet: red/a, host: host2, enableAcceleratedNetworking: false}
";

    #[test]
    fn a_host_with_a_vf_can_be_serviced_and_no_other() {
        let network = crate::topology::from_text(TOPOLOGY, Path::new("servicing.yaml")).unwrap().network;
        assert_eq!(host_to_service(&network, "HOST1").unwrap().as_str(), "host1");
        for (host, said) in [
            ("host2", "host2 has no NIC with accelerated networking, so there is no VF to take away"),
            ("host3", "host3 has no NIC with accelerated networking, so there is no VF to take away"),
            ("web1", "there is no host web1; the hosts are host1, host2, host3"),
        ] {
            let error = host_to_service(&network, host).unwrap_err();
            assert!(error.downcast_ref::<Refusal>().is_some());
            assert_eq!(error.to_string(), said);
        }
    }

    /// Nobody knows whether the controller that was killed had begun it, so it is begun again; and it is waited for at the next one.
    #[test]
    fn a_servicing_goes_on_past_its_controller() {
        let lab = FakeLab::new();
        let nics = vec![NicId { vm: "web1".parse().unwrap(), nic: "nic0".parse().unwrap() }];
        let problems = vec!["web1/nic0 has no VF".to_owned()];
        let (servicing, serviced) =
            (Response::Servicing { nics: nics.clone() }, Response::Serviced { problems: problems.clone() });
        let controllers = lab.controllers(vec![None, Some(servicing), None, Some(serviced)]);
        let (mut link, host) = (lab.link(), HostName::new("host1").unwrap());
        assert_eq!(take_away(&mut link, &host, 7).unwrap(), nics);
        let mut countdown = Countdown::begin(&host, &nics, Duration::from_millis(7));
        assert_eq!(await_return(&mut link, &host, &mut countdown).unwrap(), problems);
        let begin = Request::Service { host: host.clone(), milliseconds: 7 };
        let wait = Request::AwaitService { host };
        let mut asked = controllers.join().unwrap();
        // The controller that answered the first question was gone before it heard the second.
        asked.dedup();
        assert_eq!(asked, [begin, wait]);
    }

    #[test]
    fn a_servicing_has_a_length() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for text in ["0s", "2days", "soon", "-1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_quarter_is_told_once() {
        let of = |left| quarters(Duration::from_secs(left), Duration::from_secs(40));
        assert_eq!([40, 31, 30, 20, 10, 1, 0].map(of), [4, 4, 3, 2, 1, 1, 0]);
    }

    #[test]
    fn a_servicing_reads_like_this() {
        let serviced = |nics: &[&str], problems: &[&str]| Serviced {
            host: "host1".into(),
            network_interfaces: nics.iter().map(|&nic| nic.to_owned()).collect(),
            milliseconds: 30_125,
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
        };
        let done = serviced(&["nva/nic0", "web1/nic0"], &[]);
        assert_eq!(done.table(), "host1 was serviced for 30.12 s; 2 VFs are back: nva/nic0, web1/nic0\n");
        insta::assert_json_snapshot!(done, @r#"
        {
          "host": "host1",
          "networkInterfaces": [
            "nva/nic0",
            "web1/nic0"
          ],
          "milliseconds": 30125,
          "problems": []
        }
        "#);
        assert_eq!(serviced(&[], &[]).table(), "host1 was serviced for 30.12 s; it had no VF\n");
        let failed = serviced(&["web1/nic0"], &["web1/nic0 has no VF"]);
        assert_eq!(
            failed.table(),
            "host1 was serviced for 30.12 s; VFs were taken from web1/nic0\nproblem: web1/nic0 has no VF\n"
        );
    }
}
