//! Virtual machines and their network interfaces.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Ipv4Address, ListenPort, Map, OneOrMany, Spanned, SubnetReference};

/// A virtual machine. With one network interface its fields stand right here; with several, in `networkInterfaces`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualMachine {
    /// Its region. Default: that of its virtual network.
    pub location: Option<Spanned<String>>,
    /// Its subnet, as VIRTUALNETWORK/SUBNET.
    pub subnet: Option<Spanned<SubnetReference>>,
    /// Its private address. Default: the first free one of the subnet.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Spanned<Ipv4Address>>,
    /// The group on the network interface. Default: none.
    pub network_security_group: Option<Spanned<String>>,
    /// The groups that the network interface is a member of. Default: none.
    pub application_security_groups: Option<OneOrMany<String>>,
    /// Its public address. Default: none.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<Spanned<String>>,
    /// Whether it has a virtual function of the host's adapter. Default: true, unlike Azure's false.
    pub enable_accelerated_networking: Option<Spanned<bool>>,
    /// Whether the platform lets it send and receive packets of others. Default: false, in AzureFirewallSubnet true.
    #[serde(rename = "enableIPForwarding")]
    pub enable_ip_forwarding: Option<Spanned<bool>>,
    /// Several addresses of the only network interface; the first is primary.
    #[serde(default)]
    pub ip_configurations: Map<IpConfiguration>,
    /// Several network interfaces; the first is primary.
    #[serde(default)]
    pub network_interfaces: Map<NetworkInterface>,
    /// Its size, such as Standard_D4s_v5. Default: Standard_D4s_v5.
    pub size: Option<Spanned<String>>,
    /// The host that it runs on. Default: placed automatically.
    pub host: Option<Spanned<String>>,
    /// Whether it runs. Default: running.
    pub power_state: Option<Spanned<PowerState>>,
    /// Built-in responders, such as 80/tcp. Default: none, and a question about the file denies nothing for want of one.
    pub listen: Option<OneOrMany<ListenPort>>,
    /// Shell commands that are started with it and run as long as it does. Default: none.
    #[serde(default)]
    pub commands: Vec<Spanned<String>>,
    /// What its operating system does.
    pub guest: Option<Guest>,
}

azure_enum! {
    /// Whether a virtual machine runs.
    PowerState {
        /// It runs. The default.
        Running = "running",
        /// It is stopped and holds no host.
        Deallocated = "deallocated",
    }
}

/// What the operating system of a virtual machine does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Guest {
    /// Whether it forwards packets (net.ipv4.ip_forward). Default: false, in AzureFirewallSubnet true.
    pub ip_forwarding: Option<Spanned<bool>>,
    /// Whether what it forwards leaves with its own address. Default: false, in AzureFirewallSubnet what goes to the internet does.
    pub masquerade: Option<Spanned<bool>>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkInterface {
    /// Its subnet, as VIRTUALNETWORK/SUBNET.
    pub subnet: Option<Spanned<SubnetReference>>,
    /// Its private address. Default: the first free one of the subnet.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Spanned<Ipv4Address>>,
    /// The group on it. Default: none.
    pub network_security_group: Option<Spanned<String>>,
    /// The groups that it is a member of. Default: none.
    pub application_security_groups: Option<OneOrMany<String>>,
    /// Its public address. Default: none.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<Spanned<String>>,
    /// Whether it has a virtual function of the host's adapter. Default: true, unlike Azure's false.
    pub enable_accelerated_networking: Option<Spanned<bool>>,
    /// Whether the platform lets it send and receive packets of others. Default: false, in AzureFirewallSubnet true.
    #[serde(rename = "enableIPForwarding")]
    pub enable_ip_forwarding: Option<Spanned<bool>>,
    /// Several addresses; the first is primary.
    #[serde(default)]
    pub ip_configurations: Map<IpConfiguration>,
}

/// One address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IpConfiguration {
    /// The subnet, the same for all addresses of an interface. Default: that of the interface or of the first one.
    pub subnet: Option<Spanned<SubnetReference>>,
    /// The private address. Default: the first free one of the subnet.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Spanned<Ipv4Address>>,
    /// The public address. Default: none.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<Spanned<String>>,
}
