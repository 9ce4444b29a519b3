//! `vnetlab test`: a topology's own expectations, each asked of the model and of a real packet.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use super::carriage_choice::CarriageChoice;
use super::exec::network_of;
use super::lab_choice::LabChoice;
use super::up;
use crate::lab::{Carriage, LabName, RunningLab, Wanted, running};
use crate::output::{self, Columns, Format, Show};
use crate::proof::{Prober, await_health};
use crate::test_run::{TestResult, TestRun};
use crate::topology::{self, Loaded};
use crate::{junit, test_run};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Bring this topology's lab up for the tests and take it down afterwards. A running lab that has this very topology
    /// is used as it is.
    #[arg(short, long, value_name = "FILE", conflicts_with = "lab")]
    file: Option<PathBuf>,
    /// Also write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Send so many more packets of each flow, which must meet the fate of its first one: they take the unified flow where
    /// the first one left one behind.
    #[arg(long, value_name = "PACKETS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    follow_up: u32,
    #[command(flatten)]
    carriage: CarriageChoice,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let run = match &args.file {
        Some(file) => test_file(&topology::from_file(file)?, args.carriage.carriage(), args.follow_up)?,
        None => {
            let lab = args.lab.choose()?;
            test_lab(&lab, &network_of(&lab)?, args.follow_up)?
        }
    };
    output::show(&run, format)?;
    if let Some(path) = &args.junit {
        write_junit(&run, path)?;
    }
    Ok(if run.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn test_file(loaded: &Loaded, carriage: Carriage, follow_up: u32) -> Result<TestRun> {
    if let Some(lab) = running_with(loaded, carriage)? {
        return test_lab(&lab, loaded, follow_up);
    }
    // A name of its own, so that a running lab of the file's name is not touched.
    let name: LabName = format!("test-{}", std::process::id()).parse()?;
    let lab = up::create(&name, loaded, carriage)?;
    let run = test_lab(&lab, loaded, follow_up);
    lab.end()?;
    run
}

/// The running lab of this name, if it has this very topology and carries packets as wanted.
fn running_with(loaded: &Loaded, carriage: Carriage) -> Result<Option<RunningLab>> {
    let Some(lab) = running::find(&loaded.name()?)? else { return Ok(None) };
    let wanted = Wanted::load(&lab.folder)?;
    let same = |wanted: &Wanted| {
        (&wanted.topology, &wanted.service_tags, wanted.carriage())
            == (&loaded.text, &loaded.service_tags, carriage)
    };
    Ok(wanted.is_some_and(|wanted| same(&wanted)).then_some(lab))
}

fn test_lab(lab: &RunningLab, loaded: &Loaded, follow_up: u32) -> Result<TestRun> {
    let began = Instant::now();
    let mut prober = Prober::connect(&lab.folder)?;
    await_health(&lab.folder, &loaded.network)?;
    let results = test_run::run(&loaded.network, &mut prober, follow_up)?;
    Ok(TestRun::of(&loaded.network.name, results, began.elapsed()))
}

fn write_junit(run: &TestRun, path: &Path) -> Result<()> {
    std::fs::write(path, junit::report(run)?).with_context(|| format!("writing {}", path.display()))
}

impl Show for TestRun {
    fn table(&self) -> String {
        let mut columns = Columns::new(["RESULT", "LINE", "TEST", "MODEL", "PACKET", "PATH", "BY"]);
        for result in &self.tests {
            let verdict =
                |verdict: Option<_>| verdict.map(|it| format!("{it:?}")).unwrap_or_else(|| "-".into());
            columns.row([
                outcome(result).to_owned(),
                result.line.to_string(),
                result.name.clone(),
                verdict(result.model),
                verdict(result.packet),
                result.path.join(" → "),
                result.by.clone().unwrap_or_default(),
            ]);
        }
        let failures: String =
            self.tests.iter().filter(|result| !result.passed).map(describe_failure).collect();
        let Self { lab, passed, failed, skipped, milliseconds, .. } = self;
        let seconds = format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10);
        let skipped = if *skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
        format!("{columns}{failures}\nlab {lab}: {passed} passed, {failed} failed{skipped}, in {seconds}\n")
    }
}

fn outcome(result: &TestResult) -> &'static str {
    match result {
        TestResult { passed: true, .. } => "passed",
        TestResult { skipped: Some(_), .. } => "skipped",
        _ => "FAILED",
    }
}

fn describe_failure(TestResult { name, line, failures, skipped, .. }: &TestResult) -> String {
    let reasons: String = failures.iter().chain(skipped).map(|failure| format!("  {failure}\n")).collect();
    format!("\nline {line}: {name}\n{reasons}")
}
