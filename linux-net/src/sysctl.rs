//! Kernel parameters of one network namespace, below `/proc/sys/net`.

use std::fs;
use std::io;

use crate::netns::{NetNs, NetNsError};

/// A parameter could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// The namespace could not be entered.
    #[error("cannot set kernel parameters")]
    NetNs(#[from] NetNsError),
    /// Not of the form `net.ipv4.conf.eth0.forwarding`.
    #[error("{0:?} is no parameter of a network namespace")]
    InvalidKey(String),
    /// The kernel refused a value.
    #[error("cannot set {key} to {value}")]
    Set {
        /// The parameter.
        key: String,
        /// The value.
        value: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel refused to tell.
    #[error("cannot read {key}")]
    Get {
        /// The parameter.
        key: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Sets one parameter. Its name has dots, or slashes where an element has a dot in itself: `net.ipv4.conf.eth0.forwarding`
/// or `net/ipv4/conf/eth0.1/forwarding`.
pub fn set(namespace: &NetNs, key: &str, value: &str) -> Result<(), SysctlError> {
    set_all(namespace, &[(key, value)])
}

/// Sets several parameters in order, stopping at the first failure.
pub fn set_all<K, V>(namespace: &NetNs, parameters: &[(K, V)]) -> Result<(), SysctlError>
where
    K: AsRef<str> + Sync,
    V: AsRef<str> + Sync,
{
    namespace.run(|| parameters.iter().try_for_each(|(key, value)| write(key.as_ref(), value.as_ref())))?
}

/// The value of one parameter, without the newline.
pub fn get(namespace: &NetNs, key: &str) -> Result<String, SysctlError> {
    let path = path(key)?;
    let text = namespace.run(|| fs::read_to_string(path))?;
    text.map(|text| text.trim_end().to_owned())
        .map_err(|source| SysctlError::Get { key: key.to_owned(), source })
}

fn write(key: &str, value: &str) -> Result<(), SysctlError> {
    fs::write(path(key)?, value).map_err(|source| SysctlError::Set {
        key: key.to_owned(),
        value: value.to_owned(),
        source,
    })
}

/// `/proc/sys/net` shows the parameters of the reading thread's namespace.
fn path(key: &str) -> Result<String, SysctlError> {
    let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
    if path.starts_with("net/") && !path.split('/').any(|element| matches!(element, "" | "." | "..")) {
        Ok(format!("/proc/sys/{path}"))
    } else {
        Err(SysctlError::InvalidKey(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_paths_below_net() {
        assert_eq!(path("net.ipv4.ip_forward").unwrap(), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(
            path("net/ipv4/conf/eth0.1/forwarding").unwrap(),
            "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
        );
    }

    #[test]
    fn other_keys_are_refused() {
        for key in ["kernel.hostname", "net", "net..ipv4", "net/../kernel/hostname", ""] {
            assert!(matches!(path(key), Err(SysctlError::InvalidKey(_))), "{key:?}");
        }
    }
}
