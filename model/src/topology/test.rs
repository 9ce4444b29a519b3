//! What `vnetlab test` asks.

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::azure_enum;
use super::{Access, OneOrMany, Spanned};

/// An expectation: whether a new connection gets through, and what decides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Test {
    /// What it shows; of no effect.
    pub description: Option<Spanned<String>>,
    /// The sender: a VM, VM/NIC, an address, internet/HOST, SITE/MACHINE or a service.
    pub from: Spanned<String>,
    /// The receiver, likewise.
    pub to: Spanned<String>,
    /// Tcp, Udp or Icmp. Default: Tcp.
    pub protocol: Option<Spanned<TestProtocol>>,
    /// The destination port; none with Icmp.
    pub port: Option<Spanned<u16>>,
    /// Allow or Deny.
    pub expect: Spanned<Access>,
    /// The rule that decides a Deny. Default: any.
    pub rule: Option<Spanned<String>>,
    /// Virtual machines that the packet passes, in order. Default: any.
    pub via: Option<OneOrMany<String>>,
}

azure_enum! {
    /// The protocol of a test.
    TestProtocol {
        /// TCP.
        Tcp = "Tcp",
        /// UDP.
        Udp = "Udp",
        /// ICMP echo.
        Icmp = "Icmp",
    }
}
