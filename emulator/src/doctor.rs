//! What this machine can do, what is missing, and the command that mends it.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use linux_net::features::{self, Feature, Missing};
use linux_net::sandbox::{Kind, unshare};
use serde::{Deserialize, Serialize};

use crate::sandbox;

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Checkup {
    /// Who asks: labs of root and of ordinary users need different things.
    pub(crate) user: &'static str,
    /// One per tool, program and kernel feature.
    pub(crate) findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) purpose: String,
    /// Whether it is there and works.
    pub(crate) works: bool,
    /// Whether no lab comes up without it.
    pub(crate) required: bool,
    /// What is wrong; null when it works.
    pub(crate) problem: Option<String>,
    /// What mends it; null when it works.
    pub(crate) mend: Option<String>,
}

/// A program that labs call.
struct Tool {
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
    required: bool,
}

/// Packages are named as Debian and Ubuntu name them.
const TOOLS: [Tool; 6] = [
    Tool { name: "nft", package: "nftables", purpose: "network security groups", required: true },
    Tool { name: "ip", package: "iproute2", purpose: "looking into a lab's namespaces", required: false },
    Tool { name: "ping", package: "iputils-ping", purpose: "vnetlab ping", required: false },
    Tool { name: "iperf3", package: "iperf3", purpose: "vnetlab iperf", required: false },
    Tool { name: "tcpdump", package: "tcpdump", purpose: "looking at packets", required: false },
    Tool { name: "bash", package: "bash", purpose: "vnetlab shell", required: false },
];

/// What gives an ordinary user namespaces, on Debian and Ubuntu.
const RIGHTS: &str = "run vnetlab as root, or: sudo sysctl -w kernel.unprivileged_userns_clone=1 \
     kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=15000";

/// Looks at everything.
pub(crate) fn examine() -> Checkup {
    let mut findings = programs();
    findings.extend(kernel_features());
    Checkup { user: if nix::unistd::geteuid().is_root() { "root" } else { "ordinary" }, findings }
}

/// Whether the programs are there that a lab needs. What the kernel lacks is found out by making the lab, see
/// [`what_the_kernel_lacks`].
///
/// # Errors
/// With everything that is missing, and what mends each.
pub(crate) fn require_programs() -> Result<()> {
    match list(programs()) {
        None => Ok(()),
        Some(missing) => bail!("this machine lacks what a lab needs:{missing}"),
    }
}

/// Which kernel feature may be why a lab could not be made; none when all are there.
pub(crate) fn what_the_kernel_lacks() -> Option<String> {
    list(kernel_features()).map(|missing| format!("this machine's kernel lacks what a lab needs:{missing}"))
}

/// What is required and missing, a line each.
fn list(findings: Vec<Finding>) -> Option<String> {
    let missing = findings.iter().filter(|finding| finding.required && !finding.works);
    let lines: String = missing.map(|finding| format!("\n  {}", finding.sentence())).collect();
    (!lines.is_empty()).then_some(lines)
}

fn programs() -> Vec<Finding> {
    let path = sandbox::search_path();
    let tools = TOOLS.iter().map(|tool| look_for(tool, env::split_paths(&path)));
    tools.chain([agent()]).collect()
}

impl Finding {
    /// `nft (network security groups): not in PATH; mend it with: apt-get install nftables`.
    pub(crate) fn sentence(&self) -> String {
        let Self { name, purpose, problem, mend, .. } = self;
        let problem = problem.as_deref().unwrap_or("works");
        let mend = mend.as_ref().map(|mend| format!("; mend it with: {mend}")).unwrap_or_default();
        format!("{name} ({purpose}): {problem}{mend}")
    }
}

fn look_for(tool: &Tool, path: impl Iterator<Item = PathBuf>) -> Finding {
    let found = path.map(|folder| folder.join(tool.name)).any(|file| is_executable(&file));
    Finding {
        name: tool.name.to_owned(),
        purpose: tool.purpose.to_owned(),
        works: found,
        required: tool.required,
        problem: (!found).then(|| "not in PATH".to_owned()),
        mend: (!found).then(|| format!("apt-get install {}", tool.package)),
    }
}

fn is_executable(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn agent() -> Finding {
    let found = sandbox::agent_program();
    Finding {
        name: "vnetlab-agent".to_owned(),
        purpose: "every host".to_owned(),
        works: found.is_ok(),
        required: true,
        mend: found.is_err().then(|| "cargo build --bins".to_owned()),
        problem: found.err().map(|error| error.to_string()),
    }
}

/// Tries kernel features in a process of its own, because it must move into namespaces that go with it.
fn kernel_features() -> Vec<Finding> {
    let probe = || -> Result<Vec<Finding>> {
        let mut command = Command::new("/proc/self/exe");
        let output = command
            .arg("__probe")
            .env("PATH", sandbox::search_path())
            .stdin(Stdio::null())
            .output()
            .context("starting the probe")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("understanding the probe")
    };
    probe().unwrap_or_else(|error| {
        let untried = finding(Feature::NetworkNamespaces, Err(&format!("{error:#}")));
        vec![Finding { mend: Some(RIGHTS.to_owned()), ..untried }]
    })
}

/// `__probe`: tries kernel features with the rights that a lab of this user has, and prints what it finds.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn probe() -> Result<ExitCode> {
    let kinds: &[Kind] =
        if nix::unistd::geteuid().is_root() { &[Kind::Net] } else { &[Kind::User, Kind::Net] };
    let findings = match unshare(kinds) {
        Ok(()) => features::probe().iter().filter_map(of_feature).collect(),
        Err(error) => {
            let feature = if kinds.contains(&Kind::User) {
                Feature::UserNamespaces
            } else {
                Feature::NetworkNamespaces
            };
            let why = format!("{:#}", anyhow::Error::new(error));
            vec![Finding { mend: Some(RIGHTS.to_owned()), ..finding(feature, Err(&why)) }]
        }
    };
    crate::output::print(&serde_json::to_string(&findings)?).map(|()| ExitCode::SUCCESS)
}

/// Programs are looked for above.
fn of_feature(found: &features::Finding) -> Option<Finding> {
    let feature = (!matches!(found.feature, Feature::Program(_))).then_some(found.feature)?;
    Some(match &found.result {
        Ok(()) => finding(feature, Ok(())),
        Err(Missing { why, mend, .. }) => Finding { mend: Some(mend.clone()), ..finding(feature, Err(why)) },
    })
}

fn finding(feature: Feature, result: Result<(), &str>) -> Finding {
    let (required, purpose) = match feature {
        Feature::UserNamespaces => (!nix::unistd::geteuid().is_root(), "labs of ordinary users"),
        Feature::NetworkNamespaces => (true, "every VM, port and host"),
        Feature::Veth => (true, "NICs"),
        Feature::Bridge | Feature::BridgeProxyArp => (true, "virtual networks on a host"),
        Feature::Vxlan => (true, "virtual networks between hosts"),
        Feature::Nftables | Feature::Conntrack => (true, "network security groups"),
        Feature::NftablesBridge => (true, "telling that nobody has an address"),
        Feature::Nflog => (true, "telling what was dropped, and why"),
        Feature::TtlTarget => (false, "neighbours that are one hop away"),
        Feature::Tun => (false, "VNet encryption"),
        Feature::TrafficControl => (false, "accelerated networking: VFs"),
        Feature::Bpf => {
            (false, "accelerated networking: known flows skip the software layers; without it none does")
        }
        Feature::BpfFileSystem => {
            (false, "accelerated networking: agents come back to known flows; without it none is offloaded")
        }
        Feature::Program(_) => (false, "tools"),
    };
    Finding {
        name: feature.to_string(),
        purpose: purpose.to_owned(),
        works: result.is_ok(),
        required,
        problem: result.err().map(str::to_owned),
        mend: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named_with_what_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let look = || look_for(&TOOLS[0], [folder.path().to_owned()].into_iter());
        assert_eq!(
            look().sentence(),
            "nft (network security groups): not in PATH; mend it with: apt-get install nftables"
        );
        std::fs::write(folder.path().join("nft"), "").unwrap();
        assert!(!look().works, "a file that cannot be run is no tool");
        std::fs::set_permissions(folder.path().join("nft"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(look().works);
        assert_eq!(look().mend, None);
    }
}
