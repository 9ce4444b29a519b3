//! Effective security rules: every rule that holds for a network interface, group by group, with service tags as addresses.
//!
//! <https://learn.microsoft.com/azure/network-watcher/effective-security-rules-overview>,
//! shape: <https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/list-effective-network-security-groups>

use std::collections::BTreeMap;
use std::sync::Arc;

use goal_state::nsg::{AddressSet, Association, Direction, PortRange, Protocol, Rule, RuleAccess, RuleGroup};
use ipnet::Ipv4Net;
use serde::Serialize;

use super::rule_name;
use super::target::{Target, nic_name, subnet_name};
use super::written::{Word, sides};
use crate::effective::Policy;
use crate::effective::tags::Tags;
use crate::network::Network;

/// Azure's `EffectiveNetworkSecurityGroupListResult`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveNsgs {
    /// One entry for each group and what it is attached to, in the order in which inbound packets meet them.
    pub value: Vec<EffectiveNsg>,
}

/// Azure's `EffectiveNetworkSecurityGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveNsg {
    /// The group; the configuration for security admin rules.
    pub network_security_group: SubResource,
    /// What it is attached to.
    pub association: EffectiveNsgAssociation,
    /// Inbound and then outbound, by rising priority number.
    pub effective_security_rules: Vec<EffectiveSecurityRule>,
    /// The addresses of every service tag that these rules name.
    pub tag_map: BTreeMap<String, Vec<Ipv4Net>>,
}

/// A resource, by its plain name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubResource {
    /// `nsg-web`, `spoke1/web`, `web1/nic0`.
    pub id: String,
}

/// Azure's `EffectiveNetworkSecurityGroupAssociation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EffectiveNsgAssociation {
    /// A security admin configuration.
    NetworkManager(SubResource),
    /// The subnet.
    Subnet(SubResource),
    /// The network interface.
    NetworkInterface(SubResource),
}

/// Azure's `EffectiveNetworkSecurityRule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSecurityRule {
    /// `securityRules/allow-http`, `defaultSecurityRules/AllowVnetInBound`, or a security admin rule's bare name.
    pub name: String,
    /// Tcp, Udp, Icmp, Esp, Ah or All.
    pub protocol: &'static str,
    /// The only range; none when there are several.
    pub source_port_range: Option<String>,
    /// `0-65535`, `22-22`.
    pub source_port_ranges: Vec<String>,
    /// The only range; none when there are several.
    pub destination_port_range: Option<String>,
    /// `0-65535`, `22-22`.
    pub destination_port_ranges: Vec<String>,
    /// The only prefix or tag; none when there are several.
    pub source_address_prefix: Option<String>,
    /// Prefixes and tags as written; members of application security groups.
    pub source_address_prefixes: Vec<String>,
    /// The only prefix or tag; none when there are several.
    pub destination_address_prefix: Option<String>,
    /// Prefixes and tags as written; members of application security groups.
    pub destination_address_prefixes: Vec<String>,
    /// The addresses of the source's tags; empty when it names none.
    pub expanded_source_address_prefix: Vec<Ipv4Net>,
    /// The addresses of the destination's tags; empty when it names none.
    pub expanded_destination_address_prefix: Vec<Ipv4Net>,
    /// Allow, Deny, or for security admin rules AlwaysAllow.
    pub access: RuleAccess,
    /// Lower goes first.
    pub priority: u16,
    /// Inbound or Outbound.
    pub direction: Direction,
}

/// Every rule that holds for `target`.
#[must_use]
pub fn effective_nsg(policy: &Policy<'_>, target: Target) -> EffectiveNsgs {
    let filter = target.filter(policy);
    let listing =
        Listing { network: policy.network(), tags: policy.tags(target.subnet(policy.network())), target };
    let is =
        |one: &RuleGroup, other: &RuleGroup| one.name == other.name && one.association == other.association;
    let mut pairs: Vec<[Option<&Arc<RuleGroup>>; 2]> = Vec::new();
    for inbound in &filter.inbound {
        pairs.push([Some(inbound), filter.outbound.iter().find(|group| is(group, inbound))]);
    }
    let is_new = |group: &&Arc<RuleGroup>| !filter.inbound.iter().any(|known| is(known, group));
    pairs.extend(filter.outbound.iter().filter(is_new).map(|outbound| [None, Some(outbound)]));
    EffectiveNsgs { value: pairs.into_iter().filter_map(|pair| listing.group(pair)).collect() }
}

struct Listing<'p> {
    network: &'p Network,
    tags: &'p Tags,
    target: Target,
}

impl Listing<'_> {
    fn group(&self, [inbound, outbound]: [Option<&Arc<RuleGroup>>; 2]) -> Option<EffectiveNsg> {
        let named = inbound.or(outbound)?;
        let mut tag_map = BTreeMap::new();
        let mut rules = Vec::new();
        for (direction, group) in [(Direction::Inbound, inbound), (Direction::Outbound, outbound)] {
            for (group, rule) in
                group.into_iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
            {
                rules.push(self.rule(group, direction, rule, &mut tag_map));
            }
        }
        Some(EffectiveNsg {
            network_security_group: SubResource { id: named.name.clone() },
            association: self.association(named),
            effective_security_rules: rules,
            tag_map,
        })
    }

    fn association(&self, group: &RuleGroup) -> EffectiveNsgAssociation {
        match (group.association, self.target) {
            (Association::NetworkManager, _) => {
                EffectiveNsgAssociation::NetworkManager(SubResource { id: group.name.clone() })
            }
            (Association::NetworkInterface, Target::Nic(nic)) => {
                EffectiveNsgAssociation::NetworkInterface(SubResource { id: nic_name(self.network, nic) })
            }
            _ => {
                let subnet = self.target.subnet(self.network);
                EffectiveNsgAssociation::Subnet(SubResource { id: subnet_name(self.network, subnet) })
            }
        }
    }

    fn rule(
        &self,
        group: &RuleGroup,
        direction: Direction,
        rule: &Rule,
        tag_map: &mut BTreeMap<String, Vec<Ipv4Net>>,
    ) -> EffectiveSecurityRule {
        let [source, destination] = sides(self.network, group, direction, rule);
        let mut side = |words: &[Word]| {
            let expanded = self.expand(words, tag_map);
            (words.iter().map(|&word| self.spell(word)).collect::<Vec<_>>(), expanded)
        };
        let (source_address_prefixes, expanded_source_address_prefix) = side(&source);
        let (destination_address_prefixes, expanded_destination_address_prefix) = side(&destination);
        let source_port_ranges = ports(&rule.source_ports);
        let destination_port_ranges = ports(&rule.destination_ports);
        EffectiveSecurityRule {
            name: rule_name::in_arm(group.association, rule),
            protocol: protocol(rule.protocol),
            source_port_range: only(&source_port_ranges),
            source_port_ranges,
            destination_port_range: only(&destination_port_ranges),
            destination_port_ranges,
            source_address_prefix: only(&source_address_prefixes),
            source_address_prefixes,
            destination_address_prefix: only(&destination_address_prefixes),
            destination_address_prefixes,
            expanded_source_address_prefix,
            expanded_destination_address_prefix,
            access: rule.access,
            priority: rule.priority,
            direction,
        }
    }

    fn spell(&self, word: Word) -> String {
        match word {
            Word::Prefix(prefix) => prefix.to_string(),
            Word::Tag(tag) => tag.name(&self.network.service_tags).to_owned(),
        }
    }

    /// The addresses of the tags among `words`, which are noted in `tag_map`.
    fn expand(&self, words: &[Word], tag_map: &mut BTreeMap<String, Vec<Ipv4Net>>) -> Vec<Ipv4Net> {
        let mut all = Vec::new();
        for &word in words {
            if let Word::Tag(tag) = word {
                let prefixes = self.tags.expand(tag).prefixes();
                tag_map.entry(self.spell(word)).or_insert_with(|| prefixes.to_vec());
                all.extend_from_slice(prefixes);
            }
        }
        AddressSet::new(all).prefixes().to_vec()
    }
}

fn only(words: &[String]) -> Option<String> {
    match words {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Effective rules spell every port as a range.
fn ports(ranges: &[PortRange]) -> Vec<String> {
    ranges.iter().map(|range| format!("{}-{}", range.first(), range.last())).collect()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "Tcp",
        Protocol::Udp => "Udp",
        Protocol::Icmp => "Icmp",
        Protocol::Esp => "Esp",
        Protocol::Ah => "Ah",
        Protocol::Any => "All",
    }
}
