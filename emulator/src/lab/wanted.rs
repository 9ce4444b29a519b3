//! What a lab should be: the one piece of state that survives every process of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use goal_state::{Generation, HostName};
use serde::{Deserialize, Serialize};

use super::Folder;

/// The wanted network of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The last generation that was sent to agents.
    pub(crate) generation: Generation,
    /// Where the topology came from, for people to read.
    pub(crate) path: PathBuf,
    /// The topology file's text.
    pub(crate) topology: String,
    /// The text of the file that its `serviceTags` names, so that the lab does not depend on that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_tags: Option<String>,
    /// Whether known flows are carried by BPF where that can be had: what the last `up` said.
    #[serde(default = "yes")]
    pub(crate) offload: bool,
    /// Whether encrypted packets cross the underlay one by one: what the last `up` said.
    #[serde(default)]
    pub(crate) honest_packets: bool,
    /// Where the agents of hosts on other machines listen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) agents: BTreeMap<HostName, SocketAddr>,
}

/// How packets are carried, beside what the topology says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Carriage {
    /// Whether known flows are carried by BPF where that can be had.
    pub(crate) offload: bool,
    /// Whether encrypted packets cross the underlay one by one.
    pub(crate) honest_packets: bool,
}

fn yes() -> bool {
    true
}

impl Wanted {
    /// How packets are carried.
    pub(crate) fn carriage(&self) -> Carriage {
        Carriage { offload: self.offload, honest_packets: self.honest_packets }
    }

    /// Reads it; none when nothing was wanted yet.
    ///
    /// # Errors
    /// When the file cannot be read or is not ours.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>> {
        let path = folder.wanted();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is not a lab's state", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Replaces it in one step: a reader, also one after a crash, sees the old one or the new one. A loss of power, which no
    /// lab survives, is no concern.
    ///
    /// # Errors
    /// When the file system refuses; the old one is still there then.
    pub(crate) fn store(&self, folder: &Folder) -> Result<()> {
        let path = folder.wanted();
        self.replace(folder).with_context(|| format!("writing {}", path.display()))
    }

    fn replace(&self, folder: &Folder) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder.path())?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.persist(folder.wanted())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_network_survives_its_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path());
        assert_eq!(Wanted::load(&folder).unwrap(), None);
        for generation in 1..=2 {
            let wanted = Wanted {
                generation: Generation(generation),
                path: PathBuf::from("a.yaml"),
                topology: "name: a\n".into(),
                service_tags: (generation == 2).then(|| "{}".into()),
                offload: generation == 1,
                honest_packets: generation == 2,
                agents: BTreeMap::from([("host2".parse().unwrap(), "192.0.2.7:4700".parse().unwrap())]),
            };
            wanted.store(&folder).unwrap();
            assert_eq!(Wanted::load(&folder).unwrap(), Some(wanted));
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn somebody_elses_file_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path());
        std::fs::write(folder.wanted(), "{}").unwrap();
        assert!(Wanted::load(&folder).is_err());
    }
}
