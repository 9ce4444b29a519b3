//! How the encryption of a lab is.

use goal_state::HostName;
use goal_state::encryption::EncryptionStatus;
use serde::{Deserialize, Serialize};

/// How the associations of a host are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostEncryption {
    /// Which.
    pub(crate) host: HostName,
    /// What its agent says; none when it says nothing.
    pub(crate) status: Option<EncryptionStatus>,
    /// Why nothing is encrypted that should be, or why the agent says nothing, as a sentence; none when all is well.
    pub(crate) not_encrypted: Option<String>,
}
