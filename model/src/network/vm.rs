//! Virtual machines, their network interfaces, and the tests of a lab.

use std::net::Ipv4Addr;

use goal_state::nsg::{Access, AddressSet, Protocol};
use goal_state::vm::Listen;
use goal_state::{MacAddr, VmName, ids::NicName};

pub use crate::topology::PowerState;

use super::{AsgId, HostId, NsgId, PublicIpId, SubnetRef};

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualMachine {
    /// Its name.
    pub name: VmName,
    /// Where it runs, or would.
    pub host: HostId,
    /// A deallocated one keeps its addresses, and nobody answers there.
    pub power_state: PowerState,
    /// Its size, `Standard_D4s_v5`.
    pub size: String,
    /// Its interfaces; the first is primary. Never empty.
    pub nics: Vec<Nic>,
    /// Whether the guest operating system forwards packets.
    pub guest_ip_forwarding: bool,
    /// Whether the guest replaces the source of what it forwards by its own address.
    pub guest_masquerade: bool,
    /// Destinations towards which it keeps the source all the same.
    pub guest_masquerade_except: AddressSet,
    /// Built-in responders. None: a question does not deny because nothing listens.
    pub listen: Option<Vec<Listen>>,
    /// Shell commands that run as long as the VM does.
    pub commands: Vec<String>,
}

impl VirtualMachine {
    /// Whether it is allocated: nobody answers at the addresses of one that is not.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.power_state == PowerState::Running
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// Its name; `nic0` when the file names none.
    pub name: NicName,
    /// From a Microsoft prefix; stable for lab, VM and NIC name.
    pub mac: MacAddr,
    /// Its subnet.
    pub subnet: SubnetRef,
    /// Its private addresses; the first is primary. Never empty.
    pub addresses: Vec<Ipv4Addr>,
    /// Private addresses with a public one of their own, in the order of `addresses`.
    pub public_ips: Vec<(Ipv4Addr, PublicIpId)>,
    /// The group on the interface itself.
    pub nsg: Option<NsgId>,
    /// The groups that it is a member of.
    pub asgs: Vec<AsgId>,
    /// Whether it may send and receive packets of others.
    pub enable_ip_forwarding: bool,
    /// Whether it has a VF.
    pub enable_accelerated_networking: bool,
}

/// One expectation of `vnetlab test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The sender, as written.
    pub from: String,
    /// The receiver, as written.
    pub to: String,
    /// Tcp, Udp or Icmp.
    pub protocol: Protocol,
    /// Destination port; none for Icmp.
    pub port: Option<u16>,
    /// What must happen.
    pub expect: Access,
    /// The rule that must decide a Deny, bare.
    pub rule: Option<String>,
    /// VMs that the packet must pass on its way, in order.
    pub via: Vec<String>,
    /// The line in the file.
    pub line: usize,
}
