//! Kernel settings of a namespace.

use std::fs;
use std::io;
use std::path::Path;

use linux_net::NetNs;

use super::StepError;
use crate::network::Sysctl;

/// Writes those settings that are not as they should be; returns how many. All are tried, the first failure is told.
pub(super) fn ensure(namespace: &NetNs, settings: &[Sysctl]) -> Result<usize, StepError> {
    let results = namespace
        .run(|| settings.iter().map(ensure_here).collect::<Vec<_>>())
        .map_err(|source| StepError::Namespace { name: namespace.to_string(), source })?;
    let changed = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(changed.into_iter().filter(|changed| *changed).count())
}

/// /proc/sys/net shows the settings of the reading thread's namespace.
fn ensure_here(setting: &Sysctl) -> Result<bool, StepError> {
    let path = Path::new("/proc/sys").join(&setting.path);
    match write_if_different(&path, &setting.value) {
        Err(error) if setting.optional && error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map_err(|source| StepError::Setting { path: setting.path.clone(), source }),
    }
}

fn write_if_different(path: &Path, value: &str) -> io::Result<bool> {
    let differs = fs::read_to_string(path)?.trim_end() != value;
    if differs {
        fs::write(path, value)?;
    }
    Ok(differs)
}
