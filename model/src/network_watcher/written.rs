//! The sides of a rule as somebody wrote them, beside the addresses that they come to.

use goal_state::nsg::{AddressSet, Association, Direction, Rule, RuleGroup};
use ipnet::Ipv4Net;

use crate::network::{AddressPrefix, Network, RulePeer, ServiceTag};

/// One entry of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A prefix; `*` is 0.0.0.0/0.
    Prefix(Ipv4Net),
    /// A service tag.
    Tag(ServiceTag),
}

/// Source and destination of a rule, in that order. Application security groups are their members.
pub(super) fn sides(
    network: &Network,
    group: &RuleGroup,
    direction: Direction,
    rule: &Rule,
) -> [Vec<Word>; 2] {
    let peers = match group.association {
        Association::NetworkManager => admin_rule(network, group, direction, rule),
        Association::NetworkInterface | Association::Subnet => custom_rule(network, group, rule),
    };
    match peers {
        Some([source, destination]) => [words(source, &rule.source), words(destination, &rule.destination)],
        None => default_rule(&rule.name).map(|word| vec![word]),
    }
}

fn admin_rule<'n>(
    network: &'n Network,
    group: &RuleGroup,
    direction: Direction,
    rule: &Rule,
) -> Option<[&'n RulePeer; 2]> {
    let mut configurations = network.security_admin_configurations.iter();
    let configuration = configurations.find(|configuration| configuration.name == group.name)?;
    let mut rules = configuration.rules.iter();
    let rule = rules.find(|known| known.name == rule.name && known.direction == direction)?;
    Some([&rule.source, &rule.destination])
}

/// None for a default rule, whatever its name.
fn custom_rule<'n>(network: &'n Network, group: &RuleGroup, rule: &Rule) -> Option<[&'n RulePeer; 2]> {
    if super::rule_name::is_default(group.association, rule) {
        return None;
    }
    let nsg = network.network_security_groups.iter().find(|nsg| nsg.name == group.name)?;
    let rule = nsg.rules.iter().find(|known| known.name == rule.name)?;
    Some([&rule.source, &rule.destination])
}

fn words(peer: &RulePeer, resolved: &AddressSet) -> Vec<Word> {
    match peer {
        RulePeer::Prefixes(prefixes) => prefixes
            .iter()
            .map(|prefix| match prefix {
                AddressPrefix::Any => Word::Prefix(Ipv4Net::default()),
                AddressPrefix::Prefix(prefix) => Word::Prefix(prefix.trunc()),
                AddressPrefix::Tag(tag) => Word::Tag(*tag),
            })
            .collect(),
        RulePeer::Asgs(_) => {
            let members = resolved.prefixes().iter().filter_map(|prefix| prefix.subnets(32).ok());
            members.flatten().map(Word::Prefix).collect()
        }
    }
}

/// <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules>
fn default_rule(name: &str) -> [Word; 2] {
    let any = Word::Prefix(Ipv4Net::default());
    match name {
        "AllowVnetInBound" | "AllowVnetOutBound" => {
            [Word::Tag(ServiceTag::VirtualNetwork), Word::Tag(ServiceTag::VirtualNetwork)]
        }
        "AllowAzureLoadBalancerInBound" => [Word::Tag(ServiceTag::AzureLoadBalancer), any],
        "AllowInternetOutBound" => [any, Word::Tag(ServiceTag::Internet)],
        _ => [any, any],
    }
}
