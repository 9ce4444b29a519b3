//! `vnetlab test`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}
pub(super) fn run(_: &Args, _: crate::output::Format) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!("later")
}
