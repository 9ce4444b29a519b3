//! `-l LAB`: which running lab a command is about.

use anyhow::Result;

use crate::lab::{self, LabName, RunningLab};
use crate::refusal::refuse;

/// A running lab; may be left out when exactly one runs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LabChoice {
    /// The running lab; may be left out when exactly one runs.
    #[arg(short, long, value_name = "LAB")]
    pub(crate) lab: Option<LabName>,
}

impl LabChoice {
    /// The lab that is meant.
    ///
    /// # Errors
    /// A refusal when it does not run, or when there is none or more than one to choose from.
    pub(crate) fn choose(&self) -> Result<RunningLab> {
        if let Some(name) = &self.lab {
            return lab::running::find(name)?.ok_or_else(|| {
                refuse(format!("no lab {name} is running: `vnetlab list` shows those that are"))
            });
        }
        let mut labs = lab::running::all()?;
        match (labs.pop(), labs.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(refuse("no lab is running: start one with `vnetlab up FILE`")),
            (Some(last), _) => {
                labs.push(last);
                let names: Vec<_> = labs.iter().map(|lab| lab.name.to_string()).collect();
                Err(refuse(format!("several labs are running, say which one with -l: {}", names.join(", "))))
            }
        }
    }
}
