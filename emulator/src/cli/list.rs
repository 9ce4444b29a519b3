//! `vnetlab list`: labs that run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use goal_state::Generation;
use serde::Serialize;

use crate::lab::{RunningLab, Wanted, running};
use crate::output::{self, Columns, Format, Show};

pub(super) fn run(format: Format) -> Result<ExitCode> {
    let labs = running::all()?.iter().map(Listed::of).collect::<Result<_>>()?;
    output::show(&List { value: labs }, format).map(|()| ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct List {
    value: Vec<Listed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    /// 0 while it comes up.
    generation: Generation,
    topology: Option<PathBuf>,
    /// The init's process id.
    pid: Option<u32>,
}

impl Listed {
    fn of(lab: &RunningLab) -> Result<Self> {
        let wanted = Wanted::load(&lab.folder)?;
        Ok(Self {
            name: lab.name.to_string(),
            generation: wanted.as_ref().map(|wanted| wanted.generation).unwrap_or_default(),
            topology: wanted.map(|wanted| wanted.path),
            pid: lab.init().ok().map(|(pid, _)| pid),
        })
    }
}

impl Show for List {
    fn table(&self) -> String {
        let mut columns = Columns::new(["LAB", "GENERATION", "PID", "TOPOLOGY"]);
        for Listed { name, generation, topology, pid } in &self.value {
            columns.row([
                name.clone(),
                generation.to_string(),
                pid.map(|pid| pid.to_string()).unwrap_or_default(),
                topology.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            ]);
        }
        columns.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labs_are_listed_like_this() {
        let lab = Listed {
            name: "hub-spoke".into(),
            generation: Generation(3),
            topology: Some("/a/hub-spoke.yaml".into()),
            pid: Some(42),
        };
        let list = List { value: vec![lab] };
        insta::assert_snapshot!(list.table());
        insta::assert_json_snapshot!(list);
        insta::assert_snapshot!(List { value: Vec::new() }.table(), @"LAB  GENERATION  PID  TOPOLOGY");
    }
}
