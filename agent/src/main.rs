//! `vnetlab-agent`: a host's agent, or with `vm-init` the first process of a VM.

use std::net::SocketAddr;
use std::path::PathBuf;

use agent::door::Door;
use clap::{Parser, Subcommand};
use goal_state::HostName;
use tracing_subscriber::EnvFilter;

/// A host's agent. Started by vnetlab inside the host's network namespace, or by you on another machine.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    /// The host that this agent is for.
    #[arg(long, required = true)]
    host: Option<HostName>,
    /// The Unix socket to listen on.
    #[arg(long, required_unless_present = "listen")]
    socket: Option<PathBuf>,
    /// Where to listen for a controller on another machine, instead: IP:PORT.
    #[arg(long, value_name = "ADDRESS", requires = "identity", conflicts_with = "socket")]
    listen: Option<SocketAddr>,
    /// The folder that `vnetlab agent-identity` has made for this host.
    #[arg(long, value_name = "FOLDER", requires = "listen")]
    identity: Option<PathBuf>,
    /// The lab's state folder.
    #[arg(long, required = true)]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The first process of a VM. Started by the agent, inside the VM's namespaces.
    VmInit {
        /// What the VM is.
        #[arg(long)]
        config: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    log_to_stderr();
    let arguments = Arguments::parse();
    let door = match (arguments.socket, arguments.listen, arguments.identity) {
        (None, Some(address), Some(identity)) => Some(Door::Network { address, identity }),
        (socket, ..) => socket.map(Door::Socket),
    };
    match (arguments.command, arguments.host, door, arguments.state_dir) {
        (Some(Role::VmInit { config }), ..) => agent::vm_init::run(&config),
        (None, Some(host), Some(door), Some(state_dir)) => agent::service::run(host, &door, &state_dir),
        _ => anyhow::bail!("--host, --state-dir, and --socket or --listen are required"),
    }
}

/// The DNS server says every question and answer, which is too much.
const LOGGED: &str = "info,hickory_server=error,hickory_net=error";

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
