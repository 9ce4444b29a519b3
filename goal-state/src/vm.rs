//! A VM: what runs in it and the NICs that it has.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::ids::NicName;
use crate::nsg::AddressSet;
use crate::port::Port;
use crate::{MacAddr, VmName};

/// A transport protocol to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port on which the VM answers by itself with whatever it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listen {
    /// The port, on every address of the VM.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
}

/// Where a guest answers that answers on every port. Azure's hosts keep it for themselves, so no VM asks for it.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq#what-protocols-can-i-use-within-vnets>
pub const ANSWERING_PORT: u16 = 65_330;

/// What the guest operating system does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guest {
    /// `net.ipv4.ip_forward` in the guest.
    pub ip_forwarding: bool,
    /// Forwarded packets leave with the guest's own source address.
    pub masquerade: bool,
    /// Where forwarded packets keep their source all the same: a firewall masquerades towards the internet only.
    #[serde(default, skip_serializing_if = "AddressSet::is_empty")]
    pub masquerade_except: AddressSet,
    /// Of addresses of it, the only sources from which flows to them are taken; of all others nothing is answered. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admits: Vec<(Ipv4Addr, AddressSet)>,
    /// Built-in echo responders, sorted.
    pub listen: Vec<Listen>,
    /// Whether it also answers on every other port, of TCP and UDP, on which no program of its own listens: hosts of the internet and services
    /// do, unless the file says on which ones. One that answers everything does so on [`ANSWERING_PORT`].
    #[serde(default)]
    pub answers_everything: bool,
    /// Shell commands that are started with the VM and run as long as it does.
    pub commands: Vec<String>,
    /// Lines of /etc/hosts besides localhost: address and names.
    pub hosts: Vec<(Ipv4Addr, String)>,
    /// Addresses of frontends that it has on its loopback device, because a load balancer hands it packets for them as they are
    /// (floating IP). Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floating: Vec<Ipv4Addr>,
    /// Lines of /etc/resolv.conf.
    pub dns_servers: Vec<Ipv4Addr>,
    /// The domain in which names without a dot are looked for, in /etc/resolv.conf: what DHCP gives as domain name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_suffix: Option<String>,
}

/// A network interface: the guest's side of it, and the port that it is plugged into.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkInterface {
    /// Its name in the VM; the device in the guest is `eth0` for the first, `eth1` for the second and so on.
    pub name: NicName,
    /// Its Ethernet address, fixed for its life.
    pub mac: MacAddr,
    /// Its private addresses; the first is primary. Never empty.
    pub addresses: Vec<Ipv4Addr>,
    /// The subnet that it is in.
    pub subnet: Ipv4Net,
    /// Whether it has a VF (accelerated networking). Changes only while the VM is stopped.
    /// <https://learn.microsoft.com/azure/virtual-network/accelerated-networking-overview>
    pub accelerated: bool,
    /// The UDP port on the host's provider address that is its own, if its packets to other NICs that encrypt are encrypted;
    /// none when they never are. Its own entry in the mappings has the same.
    /// <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview>
    pub encryption_port: Option<u16>,
    /// The platform's enforcement for it.
    pub port: Port,
}

impl NetworkInterface {
    /// The subnet's first address, the default gateway that DHCP hands out; a link-local one where the subnet is a single address, as it is
    /// for hosts of the internet. It answers ARP and nothing else.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        if self.subnet.prefix_len() == 32 {
            return Ipv4Addr::new(169, 254, 0, 1);
        }
        Ipv4Addr::from(u32::from(self.subnet.network()) + 1)
    }
}

/// A VM on this host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualMachine {
    /// Its name, and its hostname.
    pub name: VmName,
    /// Its interfaces; the first is primary and has the default route. Never empty.
    pub network_interfaces: Vec<NetworkInterface>,
    /// What runs in it.
    pub guest: Guest,
}
