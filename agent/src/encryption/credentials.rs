//! The host's key and its NICs' certificates. All of it is in memory only: an agent that comes back makes another key.

use std::collections::BTreeMap;
use std::sync::Arc;

use goal_state::NicId;
use goal_state::encryption::NicCertificate;
use tunnel::identity::{Identity, IdentityError, KeyPair};

/// What this host proves its NICs' identities with.
#[derive(Debug)]
pub(super) struct Credentials {
    key: Arc<KeyPair>,
    identities: BTreeMap<NicId, Arc<Identity>>,
}

impl Credentials {
    /// Makes a key.
    ///
    /// # Errors
    /// When the kernel gives no random numbers.
    pub(super) fn new() -> Result<Self, IdentityError> {
        Ok(Self { key: Arc::new(KeyPair::generate()?), identities: BTreeMap::new() })
    }

    /// What certificates are to be made out to: a SubjectPublicKeyInfo, DER.
    pub(super) fn public_key(&self) -> Vec<u8> {
        self.key.public_key().to_vec()
    }

    /// Uses these certificates from now on, and no others.
    ///
    /// # Errors
    /// The first certificate that is none, or is made out to another key. Then those before it are in use.
    pub(super) fn replace(
        &mut self,
        authority: &[u8],
        certificates: &[NicCertificate],
    ) -> Result<(), String> {
        self.identities.clear();
        for NicCertificate { nic, certificate } in certificates {
            let identity = Identity::new(certificate, Arc::clone(&self.key), authority)
                .map_err(|error| format!("the certificate of {nic}: {error}"))?;
            self.identities.insert(nic.clone(), Arc::new(identity));
        }
        Ok(())
    }

    /// Who a NIC is; none while it has no certificate.
    pub(super) fn of(&self, nic: &NicId) -> Option<Arc<Identity>> {
        self.identities.get(nic).cloned()
    }
}
