//! The command line: what can be typed, one file per command.

mod agent_choice;
mod agent_identity;
mod bgp;
mod capture;
mod carriage_choice;
mod check;
mod completions;
mod doctor;
mod down;
mod drops;
mod enter;
mod events;
mod exec;
mod explain;
mod flow_words;
mod flows;
mod iperf;
mod lab_choice;
mod lasting_link;
mod list;
mod list_effective_nsg;
mod list_effective_security_admin_rules;
mod list_peerings;
mod log;
mod network_choice;
mod ping;
mod progress;
mod run_nsg_diagnostics;
mod schema;
mod service_host;
mod shell;
mod show_effective_routes;
mod show_next_hop;
mod stats;
mod status;
mod test;
mod test_ip_flow;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::output::{self, Format};
use crate::refusal::Refusal;

/// Real Azure networks on one Linux machine, from one YAML file.
#[derive(Debug, Parser)]
#[command(
    name = "vnetlab",
    version,
    max_term_width = 100,
    after_help = "Begin with `vnetlab doctor`, then `vnetlab up FILE`."
)]
struct Cli {
    /// How to print the result.
    #[arg(short, long, global = true, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a topology file: every error and warning, without running anything.
    Check(check::Args),
    /// Create a lab, or make a running one what its file says now.
    Up(up::Args),
    /// Remove a lab, and everything that belongs to it.
    Down(down::Args),
    /// List running labs.
    List,
    /// Show a lab's hosts, agents, VMs and NICs, and which way each NIC's packets go.
    Status(status::Args),
    /// Show what a VM's NICs have carried by the VF and by the synthetic way, as `ethtool -S` does.
    Stats(stats::Args),
    /// List the unified flows of a VM: known flows that skip the virtual switch's software layers.
    Flows(flows::Args),
    /// Service a host: take the VFs of its VMs away and return them, while packets go the synthetic way.
    ServiceHost(service_host::Args),
    /// Run a command in a VM. Its exit status is the command's.
    Exec(exec::Args),
    /// Open a shell in a VM.
    Shell(shell::Args),
    /// Open a shell (or run a command) in the lab's root, where `ip netns list` shows every namespace.
    Enter(enter::Args),
    /// Capture packets on the underlay or at a VM, printed or as pcap.
    Capture(capture::Args),
    /// Ping one endpoint from another.
    Ping(ping::Args),
    /// Measure throughput between two VMs with iperf3.
    Iperf(iperf::Args),
    /// Say what becomes of a packet, step by step, and with --prove send it.
    Explain(explain::Args),
    /// May this packet in or out of a VM, and which rule says so? (IP flow verify)
    TestIpFlow(test_ip_flow::Args),
    /// Show where a packet of a VM goes next.
    ShowNextHop(show_next_hop::Args),
    /// Show every route of a network interface, those that lost included.
    ShowEffectiveRoutes(show_effective_routes::Args),
    /// List every security rule that holds for a network interface, with service tags as addresses.
    ListEffectiveNsg(list_effective_nsg::Args),
    /// Evaluate every group that looks at some traffic, rule by rule. (NSG diagnostics)
    RunNsgDiagnostics(run_nsg_diagnostics::Args),
    /// List peering links and their state.
    ListPeerings(list_peerings::Args),
    /// List the rules of Azure Virtual Network Manager that hold for a virtual network or a subnet.
    ListEffectiveSecurityAdminRules(list_effective_security_admin_rules::Args),
    /// List the routes that a gateway or route server knows.
    ListLearnedRoutes(bgp::Args),
    /// List the routes that a gateway or route server announces to a peer.
    ListAdvertisedRoutes(bgp::AdvertisedArgs),
    /// List whom a gateway or route server speaks BGP with, and the state of each.
    ListBgpPeerStatus(bgp::Args),
    /// Run a topology's tests with real packets, each also against the model.
    Test(test::Args),
    /// Show the packets that a lab dropped, and why; with --follow, each new one.
    Drops(drops::Args),
    /// Show what guests' kernels logged about their data paths; with --follow, each new line.
    Events(log::Args),
    /// Say what this machine can do, what is missing, and how to mend it.
    Doctor,
    /// Make an identity for the agent of a host on another machine.
    AgentIdentity(agent_identity::Args),
    /// Print the JSON Schema of the topology file.
    Schema,
    /// Print shell completions.
    Completions(completions::Args),
    /// Makes the sandbox's namespaces and starts its init in them.
    #[command(name = "__launch", hide = true)]
    Launch(SandboxArgs),
    /// The sandbox's first process.
    #[command(name = "__init", hide = true)]
    Init(SandboxArgs),
    /// Tries kernel features.
    #[command(name = "__probe", hide = true)]
    Probe,
    /// The lab's controller.
    #[command(name = "__controller", hide = true)]
    Controller(SandboxArgs),
}

/// What the sandbox's own processes are told.
#[derive(Debug, clap::Args)]
struct SandboxArgs {
    /// The lab's name.
    lab: crate::lab::LabName,
    /// The lab's state folder.
    folder: PathBuf,
    /// The agent's executable.
    agent: PathBuf,
}

/// Runs the command that was typed.
pub(crate) fn main() -> ExitCode {
    // clap leaves with status 2 for what it does not understand, and 0 for --help.
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::tell(format_args!("{}error:{} {error:#}", ERROR.render(), ERROR.render_reset()));
            if error.downcast_ref::<Refusal>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

fn run(Cli { output, command }: Cli) -> Result<ExitCode> {
    match command {
        Command::Check(args) => check::run(&args, output),
        Command::Up(args) => up::run(&args, output),
        Command::Down(args) => down::run(&args),
        Command::List => list::run(output),
        Command::Status(args) => status::run(&args, output),
        Command::Stats(args) => stats::run(&args, output),
        Command::Flows(args) => flows::run(&args, output),
        Command::ServiceHost(args) => service_host::run(&args, output),
        Command::Exec(args) => exec::run(args),
        Command::Shell(args) => shell::run(&args),
        Command::Enter(args) => enter::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Ping(args) => ping::run(args),
        Command::Iperf(args) => iperf::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::TestIpFlow(args) => test_ip_flow::run(&args, output),
        Command::ShowNextHop(args) => show_next_hop::run(&args, output),
        Command::ShowEffectiveRoutes(args) => show_effective_routes::run(&args, output),
        Command::ListEffectiveNsg(args) => list_effective_nsg::run(&args, output),
        Command::RunNsgDiagnostics(args) => run_nsg_diagnostics::run(&args, output),
        Command::ListPeerings(args) => list_peerings::run(&args, output),
        Command::ListEffectiveSecurityAdminRules(args) => {
            list_effective_security_admin_rules::run(&args, output)
        }
        Command::ListLearnedRoutes(args) => bgp::learned(&args, output),
        Command::ListAdvertisedRoutes(args) => bgp::advertised(&args, output),
        Command::ListBgpPeerStatus(args) => bgp::peers(&args, output),
        Command::Test(args) => test::run(&args, output),
        Command::Drops(args) => drops::run(&args, output),
        Command::Events(args) => events::run(&args, output),
        Command::Doctor => doctor::run(output),
        Command::AgentIdentity(args) => agent_identity::run(&args, output),
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(&args),
        Command::Probe => crate::doctor::probe(),
        Command::Launch(args) => crate::sandbox::launch(&args.lab, &args.folder, &args.agent),
        Command::Init(args) => crate::sandbox::init(&args.lab, &args.folder, &args.agent),
        Command::Controller(args) => {
            log_to_stderr();
            crate::controller::run(crate::lab::Folder::at(args.folder), args.agent)
                .map(|()| ExitCode::SUCCESS)
        }
    }
}

fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("VNETLAB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}

/// The command line's description, for shell completions.
fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn what_the_documentation_shows_can_be_typed() {
        for line in [
            "vnetlab check a.yaml -o json",
            "vnetlab up a.yaml --dry-run",
            "vnetlab up a.yaml --restart-vms",
            "vnetlab up a.yaml --no-offload",
            "vnetlab up a.yaml --honest-packets",
            "vnetlab down lab",
            "vnetlab down --all",
            "vnetlab list",
            "vnetlab status -l lab",
            "vnetlab status --encryption -o json",
            "vnetlab stats web1",
            "vnetlab stats -l lab fw/nic1 -o json",
            "vnetlab flows web1 -o json",
            "vnetlab service-host host1",
            "vnetlab service-host host1 --for 30s -l lab -o json",
            "vnetlab events --vm web1",
            "vnetlab events -l lab --follow --since 5m -n 20 -o json",
            "vnetlab exec -l lab web1 -- ping -c 1 10.0.0.4",
            "vnetlab exec web1 -i -- cat",
            "vnetlab exec web1 ping -c 1 10.0.0.4",
            "vnetlab shell web1",
            "vnetlab enter",
            "vnetlab enter -- ip netns list",
            "vnetlab capture --underlay",
            "vnetlab capture -l lab --underlay host1 -c 10 udp port 4789",
            "vnetlab capture --underlay -w - -- udp port 4789",
            "vnetlab capture web1 -w web1.pcap icmp or arp",
            "vnetlab capture fw/nic1 -- ip[8] < 5",
            "vnetlab ping web1 db1 -c 3",
            "vnetlab ping -l lab web1 db1 -c 3",
            "vnetlab iperf web1 db1 -t 2 -u",
            "vnetlab -o json iperf web1 db1",
            "vnetlab explain --from web1 --to db1 --protocol Tcp --port 1433 --prove",
            "vnetlab explain -f a.yaml --from web1 --to db1 --protocol 47 --source-ip 10.0.0.4 --source-port 1",
            "vnetlab test-ip-flow web1 -f a.yaml --direction Inbound --protocol TCP --local 10.1.1.4:80 --remote 8.8.8.8:50000",
            "vnetlab test-ip-flow fw/nic1 -l lab --direction outbound --protocol udp --local 10.1.1.4:80 --remote 8.8.8.8:53",
            "vnetlab show-next-hop web1 --dest-ip 8.8.8.8 --source-ip 10.1.1.4",
            "vnetlab show-effective-routes hub/GatewaySubnet -f a.yaml -o json",
            "vnetlab list-effective-nsg -l lab web1/nic0 -o yaml",
            "vnetlab run-nsg-diagnostics web1 --direction Inbound --protocol Any --source Internet --destination * --port *",
            "vnetlab run-nsg-diagnostics web1 --direction Inbound --protocol icmp --source 10.0.0.0/8 --destination 10.1.1.4",
            "vnetlab list-peerings",
            "vnetlab list-peerings hub -f a.yaml",
            "vnetlab list-effective-security-admin-rules spoke1",
            "vnetlab list-effective-security-admin-rules spoke1/web -f a.yaml -o json",
            "vnetlab list-learned-routes vpn -f a.yaml",
            "vnetlab list-advertised-routes vpn --peer seoul-dc -l lab",
            "vnetlab list-bgp-peer-status rs -o json",
            "vnetlab test -f a.yaml --junit out.xml",
            "vnetlab test -f a.yaml --no-offload",
            "vnetlab test -f a.yaml --honest-packets",
            "vnetlab test -l lab",
            "vnetlab drops",
            "vnetlab drops -l lab --follow -o json",
            "vnetlab drops --vm web1/nic0 --reason route,networkSecurityGroup --since 5m --tail 20",
            "vnetlab up a.yaml --agent host2=192.0.2.7:4700 --agent host3=[2001:db8::3]:4700",
            "vnetlab agent-identity -l lab host2 --out folder",
            "vnetlab doctor",
            "vnetlab schema",
            "vnetlab completions bash",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "vnetlab",
            "vnetlab down",
            "vnetlab down lab --all",
            "vnetlab test -l lab -f a.yaml",
            "vnetlab explain --from web1",
            "vnetlab explain -f a.yaml --prove --from a --to b",
            "vnetlab explain -f a.yaml -l lab --from a --to b",
            "vnetlab test-ip-flow web1 --direction Inbound --protocol Icmp --local 10.1.1.4:80 --remote 8.8.8.8:1",
            "vnetlab test-ip-flow web1 --direction Inbound --protocol TCP --local 10.1.1.4 --remote 8.8.8.8:1",
            "vnetlab test-ip-flow web1 --direction Inbound --protocol TCP --local 10.1.1.4:80-90 --remote 8.8.8.8:1",
            "vnetlab show-next-hop web1",
            "vnetlab show-effective-routes -l lab -f a.yaml web1",
            "vnetlab run-nsg-diagnostics web1 --direction Sideways --protocol TCP --source * --destination *",
            "vnetlab list-advertised-routes vpn",
            "vnetlab down ../etc",
            "vnetlab exec web1",
            "vnetlab drops --reason weather",
            "vnetlab drops --since yesterday",
            "vnetlab drops --tail -1",
            "vnetlab events --reason route",
            "vnetlab service-host",
            "vnetlab service-host host1 --for 0s",
            "vnetlab service-host host1 --for ever",
            "vnetlab up a.yaml --agent host2",
            "vnetlab agent-identity host2",
            "vnetlab capture web1 -c 0",
            "vnetlab stats",
            "vnetlab flows",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
