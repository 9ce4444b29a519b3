//! What an agent on another machine needs to be known.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A certificate, its key, and the authority's certificate. Never in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentIdentity {
    /// X.509, DER.
    pub(crate) certificate: Vec<u8>,
    /// PKCS#8, DER.
    pub(crate) key: Vec<u8>,
    /// X.509, DER.
    pub(crate) authority: Vec<u8>,
}

impl fmt::Debug for AgentIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentIdentity").finish_non_exhaustive()
    }
}

impl Drop for AgentIdentity {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}
