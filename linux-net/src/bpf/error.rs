//! What can go wrong between us and the kernel's BPF.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A failure around BPF.
#[derive(Debug, thiserror::Error)]
pub enum BpfError {
    /// The caller may not load programs, or the kernel has no BPF. Nothing was changed.
    #[error("the kernel loads no BPF program for us")]
    Refused(#[source] io::Error),
    /// A folder for pins must have a name and a parent, and its name no dot.
    #[error("{} cannot be a folder of pins", .0.display())]
    BadFolder(PathBuf),
    /// The folder, its lock or its file system.
    #[error("cannot {what} {}", path.display())]
    Folder {
        /// What was tried, such as `mount a BPF file system on`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The object is none, or its maps cannot be made.
    #[error("cannot load the BPF object")]
    Load(#[source] Box<dyn Error + Send + Sync>),
    /// The kernel's verifier does not accept a program, or it is none for tc.
    #[error("cannot load the BPF program {name}")]
    Program {
        /// Which.
        name: String,
        /// Why, with the verifier's log.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It could not be given a name in the folder.
    #[error("cannot pin {}", path.display())]
    Pin {
        /// The name.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The object has no such program or map, or its pin does not open.
    #[error("cannot open the BPF {kind} {name}")]
    Open {
        /// `program` or `map`.
        kind: &'static str,
        /// Its name in the object.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A key or a value of another size than the map's.
    #[error("a {what} of the BPF map {map} has {wanted} bytes, not {given}")]
    Size {
        /// The map.
        map: String,
        /// `key` or `value`.
        what: &'static str,
        /// The map's size, in bytes.
        wanted: usize,
        /// The size that was given, in bytes.
        given: usize,
    },
    /// The kernel refused an operation on a map.
    #[error("cannot {what} the BPF map {map}")]
    Map {
        /// The map.
        map: String,
        /// What was tried, such as `look into`.
        what: &'static str,
        /// Why; `E2BIG` when a map is full.
        #[source]
        source: io::Error,
    },
}
