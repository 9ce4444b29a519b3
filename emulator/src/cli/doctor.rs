//! `vnetlab doctor`: what this machine can do, and what mends it where it cannot.

use std::process::ExitCode;

use anyhow::Result;

use crate::doctor::{self, Checkup, Finding};
use crate::output::{self, Columns, Format, Show};

pub(super) fn run(format: Format) -> Result<ExitCode> {
    let checkup = doctor::examine();
    output::show(&checkup, format)?;
    let fit = checkup.findings.iter().all(|finding| finding.works || !finding.required);
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Show for Checkup {
    fn table(&self) -> String {
        let mut columns = Columns::new(["", "WHAT", "FOR", "PROBLEM", "MEND IT WITH"]);
        for Finding { name, purpose, works, required, problem, mend } in &self.findings {
            let state = match (works, required) {
                (true, _) => "ok",
                (false, true) => "MISSING",
                (false, false) => "missing",
            };
            columns.row([
                state.to_owned(),
                name.clone(),
                purpose.clone(),
                problem.clone().unwrap_or_default(),
                mend.clone().unwrap_or_default(),
            ]);
        }
        let missing = self.findings.iter().filter(|finding| finding.required && !finding.works).count();
        let verdict = match missing {
            0 => "labs can come up here".to_owned(),
            missing => format!("no lab comes up here until {missing} of these are mended"),
        };
        let user = if self.user == "root" { "root" } else { "an ordinary user" };
        format!("{columns}\nas {user}: {verdict}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkup_reads_like_this() {
        let finding = |name: &str, works: bool, required: bool| Finding {
            name: name.to_owned(),
            purpose: "a lab".to_owned(),
            works,
            required,
            problem: (!works).then(|| "not in PATH".to_owned()),
            mend: (!works).then(|| format!("apt-get install {name}")),
        };
        let findings =
            vec![finding("nft", false, true), finding("ip", true, false), finding("ping", false, false)];
        insta::assert_snapshot!(Checkup { user: "root", findings }.table());
    }
}
