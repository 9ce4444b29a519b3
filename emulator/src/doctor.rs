//! What this machine can do, what is missing, and the command that mends it.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// Looks at everything.
pub(crate) fn examine() -> Checkup {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut findings: Vec<_> = TOOLS.iter().map(|tool| look_for(tool, env::split_paths(&path))).collect();
    findings.push(agent());
    findings.extend(kernel_features());
    Checkup { user: if nix::unistd::geteuid().is_root() { "root" } else { "ordinary" }, findings }
}

/// Whether a lab can come up at all.
///
/// # Errors
/// With everything that is missing, and what mends each.
pub(crate) fn require() -> Result<()> {
    let missing: Vec<_> =
        examine().findings.into_iter().filter(|finding| finding.required && !finding.works).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: String = missing.iter().map(|finding| format!("\n  {}", finding.sentence())).collect();
    bail!("this machine lacks what a lab needs:{lines}")
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

fn kernel_features() -> Vec<Finding> {
    Vec::new()
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
