//! The answer to a question, in the shape that `vnetlab explain -o json` prints. Stable API.

use std::net::Ipv4Addr;

use goal_state::event::FiveTuple;
use goal_state::nsg::{Access, Direction};
use goal_state::{DropReason, NicId, VmName};
use serde::Serialize;

use super::form::Form;
use super::packet::IpProtocol;
use crate::effective::FlowEncryption;

/// The verdict, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The sender, as asked.
    pub from: String,
    /// The receiver, as asked.
    pub to: String,
    /// The protocol.
    pub protocol: IpProtocol,
    /// The destination port; null for protocols without.
    pub port: Option<u16>,
    /// Allow when the first packet arrives, is accepted, and its reply comes back.
    pub verdict: Access,
    /// Why not; null when allowed.
    pub reason: Option<Reason>,
    /// The VMs, gateways and others that the first packet came to, the sender first. The last one is where it ended.
    pub path: Vec<String>,
    /// Every decision about the first packet, in order.
    pub steps: Vec<Step>,
    /// The packet as its receiver sees it; null when it did not arrive.
    pub received: Option<Received>,
    /// How it left for the internet; null for traffic that stays private.
    pub egress: Option<Egress>,
    /// What a flow log says about the encryption of the first packet: X when it was encrypted wherever it crossed the underlay, else
    /// what is said of the first stretch on which it was not; null for a packet that stays in its guest.
    pub encryption: Option<FlowEncryption>,
    /// What became of the reply; null when the first packet did not arrive.
    pub reply: Option<Reply>,
    /// What real packets said, when they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// What a proof needs to know. Not printed.
    #[serde(skip)]
    pub evidence: Evidence,
}

/// What denied a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The layer that decided.
    pub layer: DropReason,
    /// The network security group, the route table (`System Route` for the platform's), or the peering link
    /// (`spoke1/to-hub`).
    pub resource: Option<String>,
    /// The bare name of the rule or route, or the flag of the peering link.
    pub rule: Option<String>,
    /// For rules with a direction: seen from the VM.
    pub direction: Option<Direction>,
    /// The VM whose port or guest decided.
    pub at: String,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The VM whose port or guest decided.
    pub at: String,
    /// The layer, in the same words as in [`Reason`].
    pub stage: DropReason,
    /// For rules with a direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// As in [`Reason`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// As in [`Reason`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The decision.
    pub outcome: Access,
    /// For a person.
    pub detail: String,
}

/// A packet as its receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// The VM that received it.
    pub at: String,
    /// Address, and port where the protocol has one.
    pub source: String,
    /// Address, and port where the protocol has one.
    pub destination: String,
}

/// How a packet leaves for the internet or for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    /// What gives it its source address.
    pub method: EgressMethod,
    /// The NAT gateway, public address or load balancer, or the service endpoint's resource provider.
    pub resource: Option<String>,
    /// The source that the other side sees; null when there is no way out. Of default outbound access an address of
    /// 198.51.100.0/24 (RFC 5737), which stands for the one that Azure takes and does not tell.
    pub source_address: Option<Ipv4Addr>,
    /// Source ports for each machine, of a load balancer only.
    pub allocated_outbound_ports: Option<u32>,
}

/// What gives a packet its source address outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EgressMethod {
    /// The subnet's NAT gateway.
    NatGateway,
    /// The VM's own public address.
    #[serde(rename = "publicIPAddress")]
    PublicIpAddress,
    /// A public load balancer.
    LoadBalancer,
    /// Azure, by default.
    DefaultOutboundAccess,
    /// Nothing: a service endpoint keeps the private one.
    ServiceEndpoint,
    /// Nothing: it does not leave, or needs no other source where it goes (storage of the region, from a private subnet).
    None,
}

impl EgressMethod {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NatGateway => "natGateway",
            Self::PublicIpAddress => "publicIPAddress",
            Self::LoadBalancer => "loadBalancer",
            Self::DefaultOutboundAccess => "defaultOutboundAccess",
            Self::ServiceEndpoint => "serviceEndpoint",
            Self::None => "none",
        }
    }
}

/// What became of the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Allow when it came back.
    pub verdict: Access,
    /// Why not; null when it did.
    pub reason: Option<Reason>,
    /// The VMs that it came to.
    pub path: Vec<String>,
    /// The reply as the asker sees it; null when it did not come back.
    pub received: Option<Received>,
}

/// What real packets said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Their verdict.
    pub verdict: Access,
    /// Whether verdict, rule and path are those of the model.
    pub agrees: bool,
    /// What was observed; null when nothing was.
    pub observed: Option<Observed>,
}

/// A drop that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The bare name of the rule or route, where there is one.
    pub rule: Option<String>,
    /// The VM whose port or guest dropped it.
    pub at: String,
}

/// What a probe must send, and which ports must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The VM that sends, also one that plays somebody outside; none when it is sent from elsewhere.
    pub sender: Option<VmName>,
    /// The first packet, as its guest sends it.
    pub packet: FiveTuple,
    /// What it looks like on its way, in order. Never empty.
    pub forms: Vec<Form>,
    /// The first packet as its receiver's programs see it; none when it did not arrive.
    pub arrived: Option<FiveTuple>,
    /// The ports that accepted the first packet, in order.
    pub crossings: Vec<Crossing>,
    /// The ports that accepted the reply, in order.
    pub reply_crossings: Vec<Crossing>,
    /// Whether it passes the edge of the virtual networks: translated, balanced, or with somebody outside at one end.
    pub at_edge: bool,
    /// The packet arrives, at another VM that has the address: a Deny to which that VM answers.
    pub taken_by_another: bool,
    /// The packet or its reply circles until its TTL ends: a Deny that no port tells of.
    pub loops: bool,
    /// The address at which nobody answers, other than the destination: an appliance whose machine does not run, or which
    /// the sender's subnet does not reach, or which is the sender itself.
    pub nobody_at: Option<Ipv4Addr>,
    /// The first thing on the way that packets do not do yet, such as `the internet`: nothing can be proved then.
    pub not_carried: Option<String>,
}

/// A port that accepted a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Crossing {
    /// The port's NIC.
    pub nic: NicId,
    /// Seen from the NIC.
    pub direction: Direction,
    /// What the packet looks like to its rules.
    pub packet: Form,
}
