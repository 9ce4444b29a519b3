//! Topology files: read, checked, and told about.

use std::cell::OnceCell;
#[cfg(test)]
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use goal_state::{Generation, HostGoalState};
use model::diagnostic::{Diagnostic, Style, render};
use model::network::Network;
use model::validate;

use crate::lab::{Carriage, LabName, Wanted};
use crate::output;
use crate::refusal::refuse;

/// Larger files are no topologies.
const LARGEST: u64 = model::topology::MAX_BYTES as u64;

/// A topology file without errors.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Where it was read from, absolute.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// The text of the file that its `serviceTags` names.
    pub(crate) service_tags: Option<String>,
    /// What it means.
    pub(crate) network: Network,
    warnings: Vec<Diagnostic>,
}

/// Reads a topology file.
///
/// # Errors
/// A refusal when it cannot be read or has errors; those are told on standard error.
pub(crate) fn from_file(path: &Path) -> Result<Loaded> {
    let text = read(path)?;
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (validate::Loaded { network, diagnostics }, service_tags) = check(&text, &path);
    match network {
        Some(network) => Ok(Loaded { path, text, service_tags, network, warnings: diagnostics }),
        None => {
            tell(&diagnostics, &path, &text);
            let errors =
                diagnostics.iter().filter(|one| one.severity == model::diagnostic::Severity::Error).count();
            let errors = output::sentence(errors, "error", "errors");
            Err(refuse(format!("{} has {errors}", path.display())))
        }
    }
}

/// What the text of the topology file at `path` means, with a review of its design, and the text of the file beside it that its `serviceTags` names.
pub(crate) fn check(text: &str, path: &Path) -> (validate::Loaded, Option<String>) {
    let service_tags = OnceCell::new();
    let read_beside = |name: &str| {
        let beside = path.parent().unwrap_or(Path::new("")).join(name);
        let text = read(&beside).map_err(|error| error.to_string())?;
        Ok(service_tags.get_or_init(|| text).clone())
    };
    let checked = validate::check_with(text, &read_beside);
    (checked, service_tags.into_inner())
}

/// The topology of a running lab. No file is read.
///
/// # Errors
/// When it is no longer accepted: the lab was made by another version.
pub(crate) fn from_wanted(wanted: &Wanted) -> Result<Loaded> {
    let Wanted { path, topology: text, service_tags, .. } = wanted;
    let kept = |_: &str| service_tags.clone().ok_or_else(|| "the lab has not kept it".to_owned());
    let validate::Loaded { network, diagnostics } = validate::load_with(text, &kept);
    let Some(network) = network else {
        let reasons = render(&diagnostics, &path.display().to_string(), text, Style::Plain);
        anyhow::bail!("the topology has errors:\n{reasons}");
    };
    let (path, text, service_tags) = (path.clone(), text.clone(), service_tags.clone());
    Ok(Loaded { path, text, service_tags, network, warnings: diagnostics })
}

/// A topology that needs no other file.
///
/// # Errors
/// When it is not accepted.
#[cfg(test)]
pub(crate) fn from_text(text: &str, path: &Path) -> Result<Loaded> {
    let (path, topology) = (path.to_owned(), text.to_owned());
    let (generation, service_tags) = (Generation(0), None);
    let (offload, honest_packets, agents) = (true, false, BTreeMap::new());
    from_wanted(&Wanted { generation, path, topology, service_tags, offload, honest_packets, agents })
}

/// The text of a topology file.
///
/// # Errors
/// A refusal when it cannot be read, is too large, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String> {
    let refused = |why: &dyn std::fmt::Display| refuse(format!("cannot read {}: {why}", path.display()));
    let file = File::open(path).map_err(|error| refused(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(refused(&format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| refused(&"it is not UTF-8 text"))
}

/// Tells diagnostics on standard error, with the lines that they are about.
pub(crate) fn tell(diagnostics: &[Diagnostic], path: &Path, text: &str) {
    let style = if std::io::stderr().is_terminal() { Style::Colored } else { Style::Plain };
    output::tell(render(diagnostics, &path.display().to_string(), text, style));
}

impl Loaded {
    /// The lab's name. The model accepts no name that is not a lab's.
    pub(crate) fn name(&self) -> Result<LabName> {
        Ok(self.network.name.parse()?)
    }

    /// What it means for the hosts, which carry packets like this.
    pub(crate) fn goals(&self, generation: Generation, carriage: Carriage) -> Vec<HostGoalState> {
        let Carriage { offload, honest_packets } = carriage;
        let goals = model::compile::compile(&self.network, generation);
        goals.into_iter().map(|goal| HostGoalState { offload, honest_packets, ..goal }).collect()
    }

    /// Says what of it packets do not know yet.
    pub(crate) fn tell_not_carried(&self) {
        let sentences = model::network::not_carried(&self.network);
        if !sentences.is_empty() {
            output::tell(format_args!(
                "the model answers for these; packets to them are dropped:\n  {}",
                sentences.join("\n  ")
            ));
        }
    }

    /// Says how many warnings there are, and where to read them.
    pub(crate) fn tell_warnings(&self) {
        if !self.warnings.is_empty() {
            let warnings = output::sentence(self.warnings.len(), "warning", "warnings");
            output::tell(format_args!("{warnings}: `vnetlab check {}` shows them", self.path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    #[test]
    fn service_tags_are_read_beside_the_topology_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.yaml");
        std::fs::write(&path, "name: a\nserviceTags: tags.json\n").unwrap();
        assert!(from_file(&path).is_err(), "there is no such file yet");
        let tags =
            r#"{"values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.60.0.0/24"]}}]}"#;
        std::fs::write(folder.path().join("tags.json"), tags).unwrap();
        let loaded = from_file(&path).unwrap();
        assert_eq!(loaded.service_tags.as_deref(), Some(tags));
        assert!(loaded.network.service_tags.find("storage").is_some());
        assert!(loaded.network.service_tags.find("Sql").is_none());
        folder.close().unwrap();
        let Loaded { path, text: topology, service_tags, network, .. } = loaded;
        let (generation, offload, honest_packets, agents) = (Generation(1), true, true, BTreeMap::new());
        let wanted = Wanted { generation, path, topology, service_tags, offload, honest_packets, agents };
        assert_eq!(from_wanted(&wanted).unwrap().network, network);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary.yaml");
        std::fs::write(&binary, b"\xff\xfe").unwrap();
        for path in [folder.path(), Path::new("/nonexistent.yaml"), &binary] {
            let error = read(path).unwrap_err();
            assert!(error.downcast_ref::<Refusal>().is_some());
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}
