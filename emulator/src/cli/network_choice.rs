//! `-f FILE` or `-l LAB`: which network a question is about. The answer is the same: both are topologies.

use std::path::PathBuf;

use anyhow::Result;

use super::exec::network_of;
use super::lab_choice::LabChoice;
use crate::topology::{self, Loaded};

/// A running lab's network, or that of a topology file.
#[derive(Debug, clap::Args)]
pub(super) struct NetworkChoice {
    #[command(flatten)]
    pub(super) lab: LabChoice,
    /// Ask a topology file instead of a running lab.
    #[arg(short, long, value_name = "FILE", conflicts_with = "lab")]
    file: Option<PathBuf>,
}

impl NetworkChoice {
    /// The network that is meant.
    ///
    /// # Errors
    /// A refusal when the file has errors, or the lab does not run.
    pub(super) fn load(&self) -> Result<Loaded> {
        match &self.file {
            Some(file) => topology::from_file(file),
            None => network_of(&self.lab.choose()?),
        }
    }
}
