//! Who the two ends of a control link are, where it crosses a network and certificates say so.

use crate::HostName;

/// The URI that a controller's certificate bears as its subject alternative name.
pub const CONTROLLER: &str = "vnetlab://controller";

/// The URI that the certificate of a host's agent bears as its subject alternative name: `vnetlab://host/host1`.
#[must_use]
pub fn host_name(host: &HostName) -> String {
    format!("vnetlab://host/{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_in_its_certificate() {
        assert_eq!(host_name(&"host1".parse().unwrap()), "vnetlab://host/host1");
    }
}
