//! An object file in the kernel: loaded by whoever comes first, and from then on a folder of pins.

use std::io;
use std::path::Path;

use aya::EbpfLoader;
use aya::programs::SchedClassifier;

use super::error::BpfError;
use super::map::Map;
use super::own_mounts::with_own_mounts;
use super::pins::{Folder, MAPS, PROGRAMS, pin_name};
use super::probe;
use super::program::Program;
use super::sys;
use crate::sandbox::mounts;

/// The folder of the kernel's type information (BTF).
const KERNEL_TYPES: &str = "/sys/kernel/btf";

/// A loaded object: its programs and maps, by the names that they have in C.
///
/// They stay loaded until the file system of their pins is gone, which is when its mount namespace ends.
#[derive(Debug)]
pub struct Object {
    folder: Folder,
}

impl Object {
    /// Loads the object file `bytes` and pins its programs and maps, or opens the pins of an earlier call, of whatever
    /// process. The pins are in `folder` with a digest of `bytes` in its name, so other bytes are loaded anew.
    ///
    /// The folder's parent is a BPF file system; where it is none, one is mounted on it, in the caller's mount namespace.
    /// Loading takes some milliseconds, and time for large maps; opening takes less than one.
    ///
    /// # Errors
    /// When the kernel refuses; [`BpfError::Refused`] says that it would refuse any program.
    pub fn open(folder: &Path, bytes: &[u8]) -> Result<Self, BpfError> {
        let folder = Folder::new(folder, bytes)?;
        if !folder.is_there() {
            probe::idle_program().map_err(BpfError::Refused)?;
            let _lock = folder.lock()?;
            folder.mount()?;
            if !folder.is_there() {
                folder.fill(|draft| load_quickly(bytes, draft))?;
            }
        }
        Ok(Self { folder })
    }

    /// The program of that name.
    ///
    /// # Errors
    /// When the object has none.
    pub fn program(&self, name: &str) -> Result<Program, BpfError> {
        let opened = sys::open_pin(&self.folder.pin(PROGRAMS, name)).and_then(Program::from_fd);
        opened.map_err(|source| failed("program", name, source))
    }

    /// The map of that name.
    ///
    /// # Errors
    /// When the object has none.
    pub fn map(&self, name: &str) -> Result<Map, BpfError> {
        let opened = sys::open_pin(&self.folder.pin(MAPS, name)).and_then(|fd| Map::from_fd(name, fd));
        opened.map_err(|source| failed("map", name, source))
    }
}

fn failed(kind: &'static str, name: &str, source: io::Error) -> BpfError {
    BpfError::Open { kind, name: name.to_owned(), source }
}

/// [`load`], where the kernel's type information is covered. The loader would read all of it, which takes longer than
/// everything else, and use none: these programs touch nothing of the kernel's own structures.
fn load_quickly(bytes: &[u8], draft: &Path) -> Result<(), BpfError> {
    let loaded = with_own_mounts(|| {
        // Where there is nothing to cover, there is nothing to read.
        let _ = mounts::tmpfs(Path::new(KERNEL_TYPES), 0o755);
        load(bytes, draft)
    });
    loaded.unwrap_or_else(|_| load(bytes, draft))
}

/// Loads everything and pins it in `draft`.
fn load(bytes: &[u8], draft: &Path) -> Result<(), BpfError> {
    let aligned = Aligned::new(bytes);
    let mut object = EbpfLoader::new().load(aligned.bytes()).map_err(|error| BpfError::Load(error.into()))?;
    for (name, map) in object.maps() {
        let path = draft.join(MAPS).join(pin_name(name));
        map.pin(&path).map_err(|error| BpfError::Pin { path, source: error.into() })?;
    }
    for (name, program) in object.programs_mut() {
        let refused = |error: aya::programs::ProgramError| BpfError::Program {
            name: name.to_owned(),
            source: error.into(),
        };
        let program: &mut SchedClassifier = program.try_into().map_err(refused)?;
        program.load().map_err(refused)?;
        let path = draft.join(PROGRAMS).join(pin_name(name));
        program.pin(&path).map_err(|error| BpfError::Pin { path, source: error.into() })?;
    }
    Ok(())
}

/// A copy at an address that an ELF file is read at: the bytes of `include_bytes!` may be anywhere.
struct Aligned {
    room: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    const ALIGNMENT: usize = 8;

    fn new(bytes: &[u8]) -> Self {
        let mut room = vec![0; bytes.len() + Self::ALIGNMENT];
        let start = room.as_ptr().align_offset(Self::ALIGNMENT).min(Self::ALIGNMENT);
        room[start..start + bytes.len()].copy_from_slice(bytes);
        Self { room, start, length: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_at_an_even_address() {
        for length in [0, 1, 7, 8, 1000] {
            let bytes = (0..length).map(|byte| byte as u8).collect::<Vec<_>>();
            let aligned = Aligned::new(&bytes);
            assert_eq!(aligned.bytes(), bytes);
            assert_eq!(aligned.bytes().as_ptr() as usize % 8, 0);
        }
    }
}
