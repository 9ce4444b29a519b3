//! How the authority outlives controllers: its key lies in a sealed piece of memory that the init holds open, and of which
//! each controller gets a descriptor as its standard input.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{Authority, Credentials};

/// What no authority is longer than, key and certificate together, in bytes.
const LARGEST: usize = 4096;

/// What an authority leaves to the controllers of its lab.
///
/// Memory without a name, which nobody can change any more: a 32-bit big-endian length, the key of that length, and then the
/// certificate. It closes on exec.
pub(crate) struct Estate(OwnedFd);

impl Estate {
    /// A new authority's.
    ///
    /// # Errors
    /// When there are no random numbers, or no memory to seal.
    pub(crate) fn found() -> Result<Self> {
        let credentials = Authority::found(SystemTime::now())?;
        Self::keep(&credentials).context("keeping the lab's authority")
    }

    fn keep(Credentials { certificate, key }: &Credentials) -> io::Result<Self> {
        let mut memory =
            File::from(memfd_create("authority", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
        memory.write_all(&u32::try_from(key.len()).map_err(io::Error::other)?.to_be_bytes())?;
        memory.write_all(key)?;
        memory.write_all(certificate)?;
        fcntl(&memory, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
        Ok(Self(memory.into()))
    }

    /// What was left by the process that started this one, as its standard input; that is empty then, so that nobody whom this
    /// process starts gets it.
    ///
    /// # Errors
    /// When nothing was left.
    pub(crate) fn take_from_stdin() -> Result<Self> {
        let estate = Self(io::stdin().as_fd().try_clone_to_owned().context("looking at standard input")?);
        let nowhere = File::open("/dev/null").context("opening /dev/null")?;
        nix::unistd::dup2_stdin(&nowhere).context("closing standard input")?;
        Ok(estate)
    }

    /// A descriptor for a controller.
    ///
    /// # Errors
    /// When there are none left.
    pub(crate) fn share(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// The authority itself.
    ///
    /// # Errors
    /// When this is no authority's estate.
    pub(crate) fn authority(self) -> Result<Authority> {
        let credentials = self.read().context("reading the lab's authority")?;
        Ok(Authority::of(&credentials)?)
    }

    fn read(self) -> io::Result<Credentials> {
        let memory = File::from(self.0);
        // Without its place in the file, which all who share it have in common.
        let mut bytes = Zeroizing::new(vec![0; LARGEST]);
        let length = memory.read_at(&mut bytes, 0)?;
        let (prefix, rest) = bytes[..length].split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let key = usize::try_from(u32::from_be_bytes(*prefix)).map_err(io::Error::other)?;
        let (key, certificate) = rest.split_at_checked(key).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Credentials {
            certificate: CertificateDer::from(certificate.to_vec()),
            key: Zeroizing::new(key.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_gets_the_same_authority_and_none_can_change_it() {
        let estate = Estate::found().unwrap();
        let shared = || Estate(estate.share().unwrap());
        let certificates =
            [shared(), shared()].map(|estate| estate.authority().unwrap().certificate().clone());
        assert_eq!(certificates[0], certificates[1]);
        let memory = File::from(estate.share().unwrap());
        assert!(memory.write_at(b"another", 0).is_err());
        assert!(memory.set_len(0).is_err());
    }

    #[test]
    fn what_is_no_authority_is_an_error() {
        for text in ["", "abc", "a text that is long enough"] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert!(Estate(file.into()).authority().is_err(), "{text}");
        }
    }
}
