//! `vnetlab up --dry-run`: what would be done.

use anyhow::Result;
use goal_state::{Generation, HostGoalState, VmName};
use serde::Serialize;

use super::apply::{how_to_restart, reason_to_restart};
use crate::lab::{Carriage, Wanted, running};
use crate::output::{self, Format, Show};
use crate::plan::{Action, Change, difference, restarts};
use crate::topology::{self, Loaded};

/// What `up` would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    lab: String,
    changes: Vec<Change>,
    /// What has to be agreed to.
    #[serde(skip)]
    warning: Option<String>,
}

impl Plan {
    /// What `up` would do to this topology's lab as it is now.
    ///
    /// # Errors
    /// When the state of the lab cannot be read.
    pub(super) fn of(loaded: &Loaded, carriage: Carriage) -> Result<Self> {
        let name = loaded.name()?;
        let before = match running::find(&name)? {
            Some(lab) => Wanted::load(&lab.folder)?,
            None => None,
        };
        let old = match before {
            Some(wanted) => topology::from_wanted(&wanted)?.goals(wanted.generation, wanted.carriage()),
            None => Vec::new(),
        };
        let new = loaded.goals(Generation(1), carriage);
        Ok(Self {
            lab: name.to_string(),
            changes: difference(&old, &new),
            warning: warning(loaded, &old, &new),
        })
    }

    /// Prints it; on standard error, what has to be agreed to.
    ///
    /// # Errors
    /// When standard output is full.
    pub(super) fn show(&self, format: Format) -> Result<()> {
        output::show(self, format)?;
        self.warning.iter().for_each(output::tell);
        Ok(())
    }
}

fn warning(loaded: &Loaded, old: &[HostGoalState], new: &[HostGoalState]) -> Option<String> {
    let vms: Vec<VmName> = restarts(old, new);
    let warning = || format!("{}; {}", reason_to_restart(&vms), how_to_restart(&loaded.path));
    (!vms.is_empty()).then(warning)
}

impl Show for Plan {
    fn table(&self) -> String {
        if self.changes.is_empty() {
            return format!("lab {} is as its file says\n", self.lab);
        }
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        format!(
            "{}lab {}: {} to create, {} to change, {} to delete\n",
            table_of(&self.changes),
            self.lab,
            count(Action::Create),
            count(Action::Change),
            count(Action::Delete),
        )
    }
}

/// Changes as people read them.
pub(super) fn table_of(changes: &[Change]) -> String {
    let mut columns = output::Columns::new(["ACTION", "WHAT", "NAME", "WHY"]);
    for Change { action, kind, name, why } in changes {
        columns.row([action.to_string(), kind.to_string(), name.clone(), why.clone()]);
    }
    columns.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example::host;

    #[test]
    fn a_plan_reads_like_this() {
        let old = [host("host1", 1, &[("db", 5)])];
        let new = [host("host1", 1, &[("web", 4)])];
        let plan = Plan { lab: "demo".into(), changes: difference(&old, &new), warning: None };
        insta::assert_snapshot!(plan.table());
        insta::assert_json_snapshot!(plan);
    }
}
