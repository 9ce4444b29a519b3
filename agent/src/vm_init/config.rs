//! What a VM's first process is started with.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use goal_state::VmName;
use goal_state::vm::Guest;
use serde::{Deserialize, Serialize};

/// A VM, as its first process must know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The host name.
    pub name: VmName,
    /// What runs in it.
    pub guest: Guest,
    /// All its addresses: a UDP responder answers from the one that was asked.
    pub addresses: Vec<Ipv4Addr>,
    /// Of each NIC, whether it has a VF. A VM gets one, or loses it, when it starts.
    /// <https://learn.microsoft.com/azure/virtual-network/create-vm-accelerated-networking-cli#enable-accelerated-networking-on-existing-vms>
    pub accelerated: Vec<bool>,
    /// Of each NIC, whether it encrypts. A VM that ran before encryption was switched on takes part when it starts anew; it ends at
    /// once.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview#limitations>
    #[serde(default)]
    pub encrypts: Vec<bool>,
    /// Which network namespace it was started in, by inode number.
    pub network_namespace: u64,
    /// The file to lock for life, and to write the process id to when the VM is up.
    pub pid_file: PathBuf,
}

impl Config {
    /// Whether a VM that runs with `self` must be started anew to be `wanted`. Names and DNS servers change while it
    /// runs.
    #[must_use]
    pub fn needs_restart(&self, wanted: &Self) -> bool {
        let names_aside = |config: &Self| {
            let guest = Guest {
                hosts: Vec::new(),
                dns_servers: Vec::new(),
                dns_suffix: None,
                ..config.guest.clone()
            };
            // The kernel has these: they change without the process.
            let guest = Guest {
                ip_forwarding: false,
                masquerade: false,
                masquerade_except: goal_state::nsg::AddressSet::default(),
                admits: Vec::new(),
                ..guest
            };
            Self { guest, encrypts: Vec::new(), ..config.clone() }
        };
        let begins_to_encrypt = self.encrypts.iter().zip(&wanted.encrypts).any(|(now, then)| !now && *then);
        begins_to_encrypt || names_aside(self) != names_aside(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_neighbour_in_etc_hosts_restarts_nobody_and_a_new_command_does() {
        let config = Config {
            name: "web1".parse().unwrap(),
            guest: Guest::default(),
            addresses: vec![[10, 0, 0, 4].into()],
            accelerated: vec![false],
            encrypts: vec![false],
            network_namespace: 1,
            pid_file: "/run/x".into(),
        };
        let mut wanted = config.clone();
        wanted.guest.hosts.push(([10, 0, 0, 5].into(), "web2".into()));
        wanted.guest.dns_servers.push([10, 0, 0, 5].into());
        wanted.guest.dns_suffix = Some("corp.internal".into());
        wanted.guest.ip_forwarding = true;
        assert!(!config.needs_restart(&wanted));
        wanted.guest.commands.push("true".into());
        assert!(config.needs_restart(&wanted));
        assert!(config.needs_restart(&Config { network_namespace: 2, ..config.clone() }));
        assert!(config.needs_restart(&Config { accelerated: vec![true], ..config.clone() }));
        let encrypts = Config { encrypts: vec![true], ..config.clone() };
        assert!(config.needs_restart(&encrypts));
        assert!(!encrypts.needs_restart(&config));
    }
}
