//! The lock that says whether a lab lives.
//!
//! `up` takes it and hands it to the sandbox's init as file descriptor 0; the kernel lets go of it when the last process
//! that has it is gone. Nothing has to be cleaned for the truth to be told.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

use super::Folder;

/// Takes the lock of a lab, or none when the lab lives (or is just being started or removed).
///
/// # Errors
/// When the folder does not exist or the file system refuses.
pub(crate) fn try_take(folder: &Folder) -> Result<Option<File>> {
    let path = folder.lock();
    let describe = || format!("locking {}", path.display());
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(describe)?;
    match file.try_lock() {
        Ok(()) => Ok(is_at(&file, &path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(describe),
    }
}

/// Whether `file` still is what the path names: somebody may have removed the folder while we opened the file.
fn is_at(file: &File, path: &std::path::Path) -> bool {
    let same = |a: &fs::Metadata, b: &fs::Metadata| a.dev() == b.dev() && a.ino() == b.ino();
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_once_and_free_when_dropped() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path());
        let lock = try_take(&folder).unwrap();
        assert!(lock.is_some());
        assert!(try_take(&folder).unwrap().is_none());
        drop(lock);
        assert!(try_take(&folder).unwrap().is_some());
    }

    #[test]
    fn the_lock_of_a_removed_folder_is_no_lock() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path());
        let file = File::create(folder.lock()).unwrap();
        fs::remove_file(folder.lock()).unwrap();
        assert!(!is_at(&file, &folder.lock()));
    }
}
