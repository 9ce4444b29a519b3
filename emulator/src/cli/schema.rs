//! `vnetlab schema`: the topology format for editors.

use std::process::ExitCode;

use anyhow::Result;

use crate::output;

pub(super) fn run() -> Result<ExitCode> {
    let schema = serde_json::to_string_pretty(&model::topology::json_schema())?;
    output::print(&(schema + "\n")).map(|()| ExitCode::SUCCESS)
}
