//! A VM's life in one file: locked as long as its first process lives, and with its process id as soon as it is up.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Takes the lock for life. An asker holds it for an instant, hence the retries.
///
/// # Errors
/// When another process lives on this file, or it cannot be opened.
pub fn take(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    for _ in 0..50 {
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                return Ok(file);
            }
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "the VM lives already"))
}

/// Says that the VM is up.
///
/// # Errors
/// When the file cannot be written.
pub fn announce(file: &mut File, pid: u32) -> io::Result<()> {
    file.rewind()?;
    file.write_all(pid.to_string().as_bytes())
}

/// The process id of a VM that is up; none when it is not, or not yet.
#[must_use]
pub fn living(path: &Path) -> Option<u32> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            text.trim().parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_id_counts_as_long_as_the_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vm.pid");
        assert_eq!(living(&path), None);
        let mut file = take(&path).unwrap();
        assert_eq!(living(&path), None);
        announce(&mut file, 42).unwrap();
        assert_eq!(living(&path), Some(42));
        drop(file);
        assert_eq!(living(&path), None);
    }
}
