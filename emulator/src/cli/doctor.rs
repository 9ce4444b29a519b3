//! `vnetlab doctor`.
pub(super) fn run(_: crate::output::Format) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!("later")
}
