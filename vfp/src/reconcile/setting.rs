//! Kernel settings of a namespace.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
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
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut present = String::new();
    file.read_to_string(&mut present)?;
    let differs = present.trim_end() != value;
    if differs {
        // The kernel takes a value only at the beginning of the file.
        file.write_all_at(value.as_bytes(), 0)?;
    }
    Ok(differs)
}
