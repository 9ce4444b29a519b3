//! What the platform itself answers at a NIC's port: names, instance metadata, the channel of the guest's agent.
//!
//! The agent answers from sockets inside the port, so it knows who asks. Neither routes nor ordinary rules stand between.
//! <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>,
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::nsg::Association;
use crate::{VmName, Vni};

/// The platform's virtual public address: DHCP, DNS, WireServer, and the source of health probes.
pub const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The instance metadata service.
pub const INSTANCE_METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The servers of Windows licensing (KMS), on TCP port [`LICENSING_PORT`].
/// <https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/custom-routes-enable-kms-activation>
pub const LICENSING: [Ipv4Addr; 3] =
    [Ipv4Addr::new(20, 118, 99, 224), Ipv4Addr::new(40, 83, 235, 53), Ipv4Addr::new(23, 102, 135, 246)];

/// The TCP port of [`LICENSING`].
pub const LICENSING_PORT: u16 = 1688;

/// TCP ports of the guest agent's channel at [`WIRE_SERVER`].
pub const WIRE_SERVER_PORTS: [u16; 2] = [80, 32526];

/// A service of the platform that rules of a customer can cut, by its own tag and by no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlatformService {
    /// Azure DNS: the tag AzurePlatformDNS.
    Dns,
    /// Instance metadata: the tag AzurePlatformIMDS.
    InstanceMetadata,
    /// Windows licensing: the tag AzurePlatformLKM.
    Licensing,
}

/// An outbound rule of a network security group whose destination is a platform service's own tag.
/// <https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works#azure-platform-considerations>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformRule {
    /// What the rule is about.
    pub service: PlatformService,
    /// Of which of the port's groups it is one.
    pub association: Association,
    /// Which one, by its priority.
    pub priority: u16,
}

/// What the platform knows of one host's VMs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Platform {
    /// What Azure DNS answers.
    pub names: Names,
    /// What instance metadata says of VMs. Sorted by VM; one that is not here is told nothing.
    pub instances: Vec<Instance>,
}

impl Platform {
    /// Whether there is nothing to know.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Names that Azure DNS resolves. They are in lower case and end without a dot.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances>
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Names {
    /// What the public DNS of the lab has, sorted by name: whatever no zone of the asker's virtual network covers is asked here.
    pub public: Vec<Record>,
    /// What virtual networks see besides that, sorted by VNI.
    pub networks: Vec<NetworkNames>,
}

/// The zones that one virtual network resolves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkNames {
    /// The virtual network.
    pub vni: Vni,
    /// Its own names, its reverse names, and the private zones that are linked to it. Sorted by name. The most specific one that covers a name
    /// answers for it, also when it does not have it.
    pub zones: Vec<Arc<Zone>>,
}

/// A zone that has answers of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Zone {
    /// Its name, `corp.internal`.
    pub name: String,
    /// What it has, sorted by name.
    pub records: Vec<Record>,
}

/// A name and what it stands for. A name may have several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// The whole name, `web1.corp.internal`.
    pub name: String,
    /// What it stands for.
    pub data: RecordData,
}

/// What a name stands for (RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordData {
    /// An address (A).
    Address(Ipv4Addr),
    /// Another name (CNAME).
    Alias(String),
    /// The name of an address (PTR).
    Pointer(String),
}

/// What instance metadata says of a VM besides what its interfaces are.
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// The VM.
    pub vm: VmName,
    /// A UUID that is nobody else's.
    pub vm_id: String,
    /// Its region, `koreacentral`.
    pub location: String,
    /// Its size, `Standard_D4s_v5`.
    pub vm_size: String,
    /// Its resource group: the lab.
    pub resource_group: String,
    /// Its private addresses that have a public one of their own, and that one. Sorted.
    pub public_addresses: Vec<(Ipv4Addr, Ipv4Addr)>,
}
