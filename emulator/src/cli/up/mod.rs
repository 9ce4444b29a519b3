//! `vnetlab up FILE`: a lab comes into being, or becomes what its file says now.

mod apply;
mod plan;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use goal_state::Generation;
use nix::sys::signal::{SigSet, Signal};
use serde::Serialize;

use super::agent_choice::AgentChoice;
use super::carriage_choice::CarriageChoice;
use crate::controller::protocol::Applied;
use crate::lab::{Carriage, Folder, LabName, RunningLab, lock, running};
use crate::output::{self, Format, Show, sentence};
use crate::plan::{Change, Kind};
use crate::topology::{self, Loaded};
use crate::{doctor, sandbox};
use apply::{How, apply};
use plan::{Plan, table_of};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The topology file.
    file: PathBuf,
    /// Only say what would be created, changed and deleted.
    #[arg(long)]
    dry_run: bool,
    /// Restart VMs where a change takes it: accelerated networking is switched on and off, and encryption on, only while a VM is
    /// stopped. Without this, such a change is refused as a whole; on a terminal you are asked.
    #[arg(long)]
    restart_vms: bool,
    #[command(flatten)]
    carriage: CarriageChoice,
    #[command(flatten)]
    agents: AgentChoice,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let loaded = topology::from_file(&args.file)?;
    loaded.tell_warnings();
    loaded.tell_not_carried();
    let (carriage, agents) = (args.carriage.carriage(), args.agents.agents(&loaded.network)?);
    if args.dry_run {
        return Plan::of(&loaded, carriage)?.show(format).map(|()| ExitCode::SUCCESS);
    }
    let result = bring_up(&loaded, How { carriage, agents: &agents, restart_vms: args.restart_vms })?;
    output::show(&result, format)?;
    for problem in &result.problems {
        output::tell(format_args!("problem: {problem}"));
    }
    Ok(if result.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Creates the lab of this topology, or makes the running one of that name what the topology says.
///
/// # Errors
/// When this machine lacks something, or something fails. A lab that was not there before is not there after.
fn bring_up(loaded: &Loaded, how: How<'_>) -> Result<Up> {
    let began = Instant::now();
    let name = loaded.name()?;
    let (applied, created) = match running::find(&name)? {
        Some(lab) => (apply(&lab.folder, loaded, how)?, false),
        None => (create_and_apply(&name, loaded, how)?.1, true),
    };
    let Applied { generation, changes, problems, .. } = applied;
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Up { lab: name.to_string(), created, generation, changes, problems, milliseconds })
}

/// Creates a lab of this name, which nobody has yet.
///
/// # Errors
/// When this machine lacks something, or something fails; nothing of the lab is there then.
pub(super) fn create(name: &LabName, loaded: &Loaded, carriage: Carriage) -> Result<RunningLab> {
    let agents = BTreeMap::new();
    Ok(create_and_apply(name, loaded, How { carriage, agents: &agents, restart_vms: false })?.0)
}

fn create_and_apply(name: &LabName, loaded: &Loaded, how: How<'_>) -> Result<(RunningLab, Applied)> {
    doctor::require_programs()?;
    let agent = sandbox::agent_program()?;
    let folder = Folder::of(name);
    let lock = claim(name, &folder)?;
    let lab = RunningLab { name: name.clone(), folder: folder.clone() };
    end_when_interrupted(&lab)?;
    let applied = sandbox::start(&lab, lock, &agent)
        .and_then(|()| apply(&folder, loaded, how))
        .and_then(refuse_problems);
    match applied {
        Ok(applied) => Ok((lab, applied)),
        Err(error) => {
            remove_half_made(&lab);
            match doctor::what_the_kernel_lacks() {
                Some(lacks) => Err(error.context(lacks)),
                None => Err(error),
            }
        }
    }
}

/// Makes the lab's folder and takes its lock. A folder that nobody has locked yet looks like a dead lab's, so another
/// `vnetlab` that looks at just that moment may have removed it: then it is made again.
fn claim(name: &LabName, folder: &Folder) -> Result<File> {
    const TRIES: u32 = 20;
    for _ in 0..TRIES {
        folder.create()?;
        if let Ok(Some(lock)) = lock::try_take(folder) {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("lab {name} is just being started or removed by another vnetlab: try again")
}

/// A lab that could not be made as its file says is not kept.
fn refuse_problems(applied: Applied) -> Result<Applied> {
    match applied.problems.as_slice() {
        [] => Ok(applied),
        problems => bail!("the lab could not be made:\n  {}", problems.join("\n  ")),
    }
}

fn remove_half_made(lab: &RunningLab) {
    let removed = if lab.init().is_ok() { lab.end() } else { lab.folder.remove() };
    if let Err(error) = removed {
        output::tell(format_args!("what was made could not be removed: {error:#}"));
    }
}

/// Ctrl-C while a lab comes up takes away what there is of it.
fn end_when_interrupted(lab: &RunningLab) -> Result<()> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    // The sandbox's processes put this right for themselves.
    signals.thread_block().context("blocking signals")?;
    let lab = RunningLab { name: lab.name.clone(), folder: lab.folder.clone() };
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        output::tell(format_args!("interrupted, removing lab {}", lab.name));
        remove_half_made(&lab);
        std::process::exit(128 + signal as i32);
    });
    Ok(())
}

/// What `up` has done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Up {
    lab: String,
    /// Whether the lab is new.
    created: bool,
    generation: Generation,
    changes: Vec<Change>,
    problems: Vec<String>,
    milliseconds: u64,
}

impl Show for Up {
    fn table(&self) -> String {
        let seconds = format!("{}.{:02} s", self.milliseconds / 1000, self.milliseconds % 1000 / 10);
        let Self { lab, generation, .. } = self;
        // Another `up` may have been quicker to tell the new lab what to be.
        if self.created && !self.changes.is_empty() {
            return format!("lab {lab} is up in {seconds}: {}\n", counted(&self.changes));
        }
        if self.changes.is_empty() {
            return format!(
                "lab {lab} is as its file says; applied again as generation {generation} in {seconds}\n"
            );
        }
        format!("{}lab {lab} is at generation {generation} after {seconds}\n", table_of(&self.changes))
    }
}

/// `2 hosts, 1 virtual network, ...`: what a new lab has.
fn counted(changes: &[Change]) -> String {
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
    [
        sentence(count(Kind::Host), "host", "hosts"),
        sentence(count(Kind::VirtualNetwork), "virtual network", "virtual networks"),
        sentence(count(Kind::VirtualMachine), "VM", "VMs"),
        sentence(count(Kind::NetworkInterface), "NIC", "NICs"),
    ]
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::difference;
    use crate::plan::example::host;

    #[test]
    fn a_new_lab_is_counted_and_an_unchanged_one_said_to_be() {
        let mut up = Up {
            lab: "demo".into(),
            created: true,
            generation: Generation(1),
            changes: difference(&[], &[host("host1", 1, &[("web", 4), ("db", 5)])]),
            problems: Vec::new(),
            milliseconds: 1234,
        };
        assert_eq!(up.table(), "lab demo is up in 1.23 s: 1 host, 1 virtual network, 2 VMs, 2 NICs\n");
        up.changes.clear();
        for created in [false, true] {
            up.created = created;
            assert_eq!(up.table(), "lab demo is as its file says; applied again as generation 1 in 1.23 s\n");
        }
    }
}
