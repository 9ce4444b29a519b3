//! NSG diagnostics: every group that looks at some traffic, in order, the rule of each that decides, and why the rules before
//! it did not.
//!
//! The traffic may be more than one flow: a prefix or a tag as source or destination, any port, any protocol. A rule matches
//! when the traffic is contained in what the rule covers. One that covers a part of it only does not match: the answer holds for
//! all of the traffic, and a narrower question tells what becomes of the part.
//!
//! Every group is listed, also behind one that denies. <https://learn.microsoft.com/azure/network-watcher/nsg-diagnostics-overview>,
//! shape: <https://learn.microsoft.com/rest/api/network-watcher/network-watchers/get-network-configuration-diagnostic>

use std::net::Ipv4Addr;

use goal_state::nsg::{
    Access, AddressSet, Association, Direction, PortRange, Protocol, Rule, RuleAccess, RuleGroup,
};
use ipnet::Ipv4Net;
use serde::Serialize;

use super::rule_name;
use super::target::{Target, nic_name, subnet_name};
use crate::diagnostic::did_you_mean;
use crate::effective::Policy;
use crate::network::{Network, ServiceTag, SubnetRef};

/// Azure's `NetworkConfigurationDiagnosticProfile`: the traffic, as asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Inbound or Outbound.
    pub direction: Direction,
    /// What is sent.
    pub protocol: DiagnosticProtocol,
    /// `*`, an address, a prefix or a service tag.
    pub source: String,
    /// `*`, an address, a prefix or a service tag.
    pub destination: String,
    /// `*` or a port.
    pub destination_port: String,
}

/// A protocol that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum DiagnosticProtocol {
    /// TCP.
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
    /// ICMP; ports do not matter to it.
    #[serde(rename = "ICMP")]
    Icmp,
    /// Every protocol.
    Any,
}

/// Why a profile means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Neither an address nor a tag.
    #[error("{text:?} is neither *, an address, a prefix nor a service tag{}", hint(.similar.as_deref()))]
    Address {
        /// As asked.
        text: String,
        /// The nearest tag.
        similar: Option<String>,
    },
    /// No port.
    #[error("{text:?} is neither * nor a port from 0 to 65535")]
    Port {
        /// As asked.
        text: String,
    },
}

fn hint(similar: Option<&str>) -> String {
    similar.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// Azure's `NetworkConfigurationDiagnosticResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NsgDiagnostics {
    /// One for each profile.
    pub results: Vec<DiagnosticResult>,
}

/// Azure's `NetworkConfigurationDiagnosticResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticResult {
    /// As asked.
    pub profile: Profile,
    /// What becomes of it.
    pub network_security_group_result: NsgResult,
}

/// Azure's `NetworkSecurityGroupResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NsgResult {
    /// What all groups together say.
    pub security_rule_access_result: Access,
    /// In order: security admin configurations, then inbound subnet and network interface, outbound the other way round.
    pub evaluated_network_security_groups: Vec<EvaluatedGroup>,
}

/// Azure's `EvaluatedNetworkSecurityGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluatedGroup {
    /// The group or the security admin configuration.
    pub network_security_group_id: String,
    /// The virtual network, the subnet or the network interface.
    pub applied_to: String,
    /// The rule that decides; none when no rule of a security admin configuration matches.
    pub matched_rule: Option<MatchedRule>,
    /// The rules up to the one that matched, and what of each did.
    pub rules_evaluation_result: Vec<EvaluatedRule>,
}

/// Azure's `MatchedRule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedRule {
    /// `UserRule_allow-http`, `DefaultRule_AllowVnetInBound`, or a security admin rule's bare name.
    pub rule_name: String,
    /// Allow, Deny, or for security admin rules AlwaysAllow.
    pub action: RuleAccess,
}

/// Azure's `NetworkSecurityRulesEvaluationResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "Azure's shape")]
pub struct EvaluatedRule {
    /// As in [`MatchedRule`].
    pub name: String,
    /// Whether it covers the protocol.
    pub protocol_matched: bool,
    /// Whether it covers the source.
    pub source_matched: bool,
    /// Whether it covers every source port: profiles have none.
    pub source_port_matched: bool,
    /// Whether it covers the destination.
    pub destination_matched: bool,
    /// Whether it covers the destination port.
    pub destination_port_matched: bool,
}

impl EvaluatedRule {
    fn matched(&self) -> bool {
        self.protocol_matched
            && self.source_matched
            && self.source_port_matched
            && self.destination_matched
            && self.destination_port_matched
    }
}

/// What every group of `target` says about the traffic of `profile`.
///
/// # Errors
/// When a side is neither an address nor a tag, or the port no port.
pub fn nsg_diagnostics(
    policy: &Policy<'_>,
    target: Target,
    profile: Profile,
) -> Result<NsgDiagnostics, ProfileError> {
    let network = policy.network();
    let subnet = target.subnet(network);
    let traffic = Traffic::of(policy, subnet, &profile)?;
    let filter = target.filter(policy);
    let groups = filter.groups(profile.direction);
    let evaluated = groups.iter().map(|group| traffic.evaluate(network, target, group)).collect::<Vec<_>>();
    let matched = groups.iter().zip(&evaluated).filter_map(|(group, evaluated)| {
        evaluated.matched_rule.as_ref().map(|rule| (group.association, rule.action))
    });
    let network_security_group_result = NsgResult {
        security_rule_access_result: verdict(matched),
        evaluated_network_security_groups: evaluated,
    };
    Ok(NsgDiagnostics { results: vec![DiagnosticResult { profile, network_security_group_result }] })
}

/// What the rules that match say together: the first security admin rule, and, unless it ends the evaluation, every network
/// security group.
fn verdict(matched: impl Iterator<Item = (Association, RuleAccess)>) -> Access {
    let mut admin_has_matched = false;
    for (association, action) in matched {
        let is_admin = association == Association::NetworkManager;
        if is_admin && std::mem::replace(&mut admin_has_matched, true) {
            continue;
        }
        match action {
            RuleAccess::Allow => {}
            RuleAccess::AlwaysAllow | RuleAccess::Deny => return action.access(),
        }
    }
    Access::Allow
}

/// A profile's meaning.
struct Traffic {
    protocol: Protocol,
    source: AddressSet,
    destination: AddressSet,
    destination_port: PortRange,
}

impl Traffic {
    fn of(policy: &Policy<'_>, subnet: SubnetRef, profile: &Profile) -> Result<Self, ProfileError> {
        Ok(Self {
            protocol: match profile.protocol {
                DiagnosticProtocol::Tcp => Protocol::Tcp,
                DiagnosticProtocol::Udp => Protocol::Udp,
                DiagnosticProtocol::Icmp => Protocol::Icmp,
                DiagnosticProtocol::Any => Protocol::Any,
            },
            source: addresses(policy, subnet, &profile.source)?,
            destination: addresses(policy, subnet, &profile.destination)?,
            destination_port: port(&profile.destination_port)?,
        })
    }

    fn evaluate(&self, network: &Network, target: Target, group: &RuleGroup) -> EvaluatedGroup {
        let mut rules = Vec::new();
        let mut matched_rule = None;
        for rule in &group.rules {
            let evaluated = self.compare(group.association, rule);
            let matched = evaluated.matched();
            rules.push(evaluated);
            if matched {
                let rule_name = rule_name::in_diagnostics(group.association, rule);
                matched_rule = Some(MatchedRule { rule_name, action: rule.access });
                break;
            }
        }
        EvaluatedGroup {
            network_security_group_id: group.name.clone(),
            applied_to: applied_to(network, target, group.association),
            matched_rule,
            rules_evaluation_result: rules,
        }
    }

    fn compare(&self, association: Association, rule: &Rule) -> EvaluatedRule {
        let ports_matter = self.protocol != Protocol::Icmp;
        let covers_ports =
            |ranges: &[PortRange], asked: PortRange| !ports_matter || covers_ports(ranges, asked);
        EvaluatedRule {
            name: rule_name::in_diagnostics(association, rule),
            protocol_matched: rule.protocol == Protocol::Any || rule.protocol == self.protocol,
            source_matched: covers(&rule.source, &self.source),
            source_port_matched: covers_ports(&rule.source_ports, PortRange::ALL),
            destination_matched: covers(&rule.destination, &self.destination),
            destination_port_matched: covers_ports(&rule.destination_ports, self.destination_port),
        }
    }
}

fn applied_to(network: &Network, target: Target, association: Association) -> String {
    let subnet = target.subnet(network);
    match (association, target) {
        (Association::NetworkManager, _) => network.vnet(subnet.vnet).name.clone(),
        (Association::NetworkInterface, Target::Nic(nic)) => nic_name(network, nic),
        _ => subnet_name(network, subnet),
    }
}

/// Whether all of `asked` is in `set`. A tag without addresses is in no set but that of everything.
fn covers(set: &AddressSet, asked: &AddressSet) -> bool {
    // Prefixes of a set are aggregated, so one that is covered at all is covered by a single one.
    let one = |asked: &Ipv4Net| set.prefixes().iter().any(|prefix| prefix.contains(asked));
    set.is_all() || (!asked.is_empty() && asked.prefixes().iter().all(one))
}

/// Whether every port of `asked` is in one of `ranges`, which may touch and overlap.
fn covers_ports(ranges: &[PortRange], asked: PortRange) -> bool {
    let mut ranges = ranges.to_vec();
    ranges.sort();
    let mut next = u32::from(asked.first());
    for range in ranges {
        if u32::from(range.first()) <= next {
            next = next.max(u32::from(range.last()) + 1);
        }
    }
    next > u32::from(asked.last())
}

fn addresses(policy: &Policy<'_>, subnet: SubnetRef, text: &str) -> Result<AddressSet, ProfileError> {
    if text == "*" {
        return Ok(AddressSet::all());
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(AddressSet::new([address.into()]));
    }
    if let Ok(prefix) = text.parse::<Ipv4Net>() {
        return Ok(AddressSet::new([prefix]));
    }
    let data = &policy.network().service_tags;
    match ServiceTag::find(text, data) {
        Some(tag) => Ok(policy.tags(subnet).expand(tag).clone()),
        None => {
            let known = ["VirtualNetwork", "Internet", "AzureLoadBalancer"].into_iter();
            let named = data.iter().map(|(_, tag)| tag.name.as_str());
            let similar = did_you_mean(text, known.chain(named)).map(str::to_owned);
            Err(ProfileError::Address { text: text.to_owned(), similar })
        }
    }
}

fn port(text: &str) -> Result<PortRange, ProfileError> {
    if text == "*" {
        return Ok(PortRange::ALL);
    }
    let port = text.parse().ok().and_then(|port| PortRange::new(port, port));
    port.ok_or_else(|| ProfileError::Port { text: text.to_owned() })
}
