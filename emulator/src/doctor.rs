//! What this machine can do, and what `up` needs.
pub(crate) fn require() -> anyhow::Result<()> {
    Ok(())
}
