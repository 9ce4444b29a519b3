//! A certificate, its key and the authority that has signed it: what one end of a link shows.
//!
//! An agent on another machine has it in a folder of three PEM files (RFC 7468), for their owner alone. A key on disk cannot be avoided
//! there, so certificates live short.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const AUTHORITY: &str = "authority.pem";

/// Why a folder is no identity, or cannot become one.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file system refuses.
    #[error("{}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{}: {why}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// What one end of a link shows.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Zeroizing<Vec<u8>>,
    authority: CertificateDer<'static>,
}

impl Identity {
    /// From certificates (X.509) and the key (PKCS#8), all in DER.
    #[must_use]
    pub fn new(
        certificate: CertificateDer<'static>,
        key: Zeroizing<Vec<u8>>,
        authority: CertificateDer<'static>,
    ) -> Self {
        Self { certificate, key, authority }
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.to_vec()).into()
    }

    #[cfg(test)]
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    #[cfg(test)]
    pub(crate) fn secret(&self) -> Zeroizing<Vec<u8>> {
        self.key.clone()
    }

    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// Reads it from its folder.
    ///
    /// # Errors
    /// When a file is not there or not what it should be, or when others than its owner may read the key.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let key = folder.join(KEY);
        let mode = fs::metadata(&key).map_err(|source| file(&key, source))?.permissions().mode();
        if mode & 0o077 != 0 {
            let why = format!("others may read it (mode {:o}): `chmod 600` takes that away", mode & 0o777);
            return Err(IdentityError::Content { path: key, why });
        }
        let text = Zeroizing::new(fs::read(&key).map_err(|source| file(&key, source))?);
        let parsed = PrivatePkcs8KeyDer::from_pem_slice(&text);
        let parsed = parsed.map_err(|error| IdentityError::Content { path: key, why: error.to_string() })?;
        Ok(Self {
            certificate: certificate(&folder.join(CERTIFICATE))?,
            key: Zeroizing::new(parsed.secret_pkcs8_der().to_vec()),
            authority: certificate(&folder.join(AUTHORITY))?,
        })
    }

    /// Writes it to its folder, which is made if it is not there. What was there before is replaced file by file, the certificate last.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn store(&self, folder: &Path) -> Result<(), IdentityError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| file(folder, source))?;
        write(&folder.join(AUTHORITY), "CERTIFICATE", &self.authority)?;
        write(&folder.join(KEY), "PRIVATE KEY", &self.key)?;
        write(&folder.join(CERTIFICATE), "CERTIFICATE", &self.certificate)
    }
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>, IdentityError> {
    let text = fs::read(path).map_err(|source| file(path, source))?;
    CertificateDer::from_pem_slice(&text)
        .map_err(|error| IdentityError::Content { path: path.to_owned(), why: error.to_string() })
}

/// A file for its owner alone, put in its place in one step.
fn write(path: &Path, label: &str, content: &[u8]) -> Result<(), IdentityError> {
    let text = Zeroizing::new(pem::encode(&pem::Pem::new(label, content)));
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        // Temporary files have mode 0600.
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.persist(path)?;
        Ok(())
    };
    written().map_err(|source| file(path, source))
}

fn file(path: &Path, source: io::Error) -> IdentityError {
    IdentityError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::TestAuthority;

    #[test]
    fn an_identity_survives_its_folder_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("host1");
        for name in ["vnetlab://host/host1", "vnetlab://host/host2"] {
            let identity = TestAuthority::new().identity(name);
            identity.store(&folder).unwrap();
            let loaded = Identity::load(&folder).unwrap();
            assert_eq!(loaded.chain(), identity.chain());
            assert_eq!(loaded.private_key(), identity.private_key());
            assert_eq!(loaded.authority(), identity.authority());
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        TestAuthority::new().identity("vnetlab://host/host1").store(folder.path()).unwrap();
        let key = folder.path().join(KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Identity::load(folder.path()).err().unwrap().to_string();
        assert!(error.contains("mode 640"), "{error}");
    }

    #[test]
    fn a_folder_without_an_identity_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Identity::load(folder.path()), Err(IdentityError::File { .. })));
        TestAuthority::new().identity("vnetlab://host/host1").store(folder.path()).unwrap();
        fs::write(folder.path().join(CERTIFICATE), "nothing").unwrap();
        assert!(matches!(Identity::load(folder.path()), Err(IdentityError::Content { .. })));
    }
}
