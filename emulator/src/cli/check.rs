//! `vnetlab check FILE`: every error and warning of a topology file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use model::diagnostic::{Lines, Located, Severity};
use serde::Serialize;

use crate::output::{self, Format, Show, sentence};
use crate::topology;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The topology file.
    file: PathBuf,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let text = topology::read(&args.file)?;
    let loaded = topology::check(&text, &args.file).0;
    let lines = Lines::new(&text);
    let of = |severity| {
        let these = loaded.diagnostics.iter().filter(move |one| one.severity == severity);
        these.map(|one| one.located(&lines)).collect()
    };
    let report = Report {
        file: args.file.display().to_string(),
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
    };
    if format == Format::Table && !loaded.diagnostics.is_empty() {
        topology::tell(&loaded.diagnostics, &args.file, &text);
    }
    output::show(&report, format)?;
    Ok(if report.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Serialize)]
struct Report {
    #[serde(skip)]
    file: String,
    errors: Vec<Located>,
    warnings: Vec<Located>,
}

impl Show for Report {
    fn table(&self) -> String {
        let errors = sentence(self.errors.len(), "error", "errors");
        let warnings = sentence(self.warnings.len(), "warning", "warnings");
        format!("{}: {errors}, {warnings}\n", self.file)
    }
}
