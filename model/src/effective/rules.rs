//! Effective security rules of a NIC: its groups with the default rules, tags and ASGs as addresses.
//!
//! <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>

use goal_state::nsg::{
    Access, AddressSet, Association, Direction, Filter, PortRange, Protocol, Rule, RuleGroup,
};

use super::tags::Tags;
use crate::network::{AddressPrefix, AsgId, Network, NicRef, NsgId, RulePeer, SecurityRule, ServiceTag};

/// The filter of a NIC: outbound its own group and then the subnet's, inbound the other way round.
#[must_use]
pub fn filter(network: &Network, nic: NicRef) -> Filter {
    let own = network.nic(nic).nsg.map(|nsg| (nsg, Association::NetworkInterface));
    let subnet = network.subnet(network.nic(nic).subnet).nsg.map(|nsg| (nsg, Association::Subnet));
    if own.is_none() && subnet.is_none() {
        return Filter::default();
    }
    let tags = Tags::of(network, network.nic(nic).subnet);
    let groups = |order: [Option<(NsgId, Association)>; 2], direction| {
        let groups = order.into_iter().flatten();
        groups.map(|(nsg, association)| group(network, nic, &tags, nsg, association, direction)).collect()
    };
    Filter {
        inbound: groups([subnet, own], Direction::Inbound),
        outbound: groups([own, subnet], Direction::Outbound),
    }
}

fn group(
    network: &Network,
    nic: NicRef,
    tags: &Tags,
    nsg: NsgId,
    association: Association,
    direction: Direction,
) -> RuleGroup {
    let nsg = network.nsg(nsg);
    let custom = nsg.rules.iter().filter(|rule| rule.direction == direction && applies(network, nic, rule));
    let mut rules: Vec<_> = custom.map(|rule| resolve(network, tags, rule)).collect();
    rules.sort_by_key(|rule| rule.priority);
    rules.extend(default_rules(tags, direction));
    RuleGroup { network_security_group: nsg.name.clone(), association, rules }
}

/// A rule that names application security groups on the NIC's own side is there for their members only.
/// <https://learn.microsoft.com/azure/virtual-network/application-security-groups>
fn applies(network: &Network, nic: NicRef, rule: &SecurityRule) -> bool {
    let own_side = match rule.direction {
        Direction::Inbound => &rule.destination,
        Direction::Outbound => &rule.source,
    };
    match own_side {
        RulePeer::Prefixes(_) => true,
        RulePeer::Asgs(asgs) => asgs.iter().any(|asg| network.nic(nic).asgs.contains(asg)),
    }
}

fn resolve(network: &Network, tags: &Tags, rule: &SecurityRule) -> Rule {
    Rule {
        name: rule.name.clone(),
        priority: rule.priority,
        access: rule.access,
        protocol: rule.protocol,
        source: addresses(network, tags, &rule.source),
        source_ports: rule.source_ports.clone(),
        destination: addresses(network, tags, &rule.destination),
        destination_ports: rule.destination_ports.clone(),
    }
}

fn addresses(network: &Network, tags: &Tags, peer: &RulePeer) -> AddressSet {
    match peer {
        RulePeer::Prefixes(prefixes) => AddressSet::new(prefixes.iter().flat_map(|prefix| match prefix {
            AddressPrefix::Any => AddressSet::all().prefixes().to_vec(),
            AddressPrefix::Prefix(prefix) => vec![*prefix],
            AddressPrefix::Tag(tag) => tags.expand(*tag).prefixes().to_vec(),
        })),
        RulePeer::Asgs(asgs) => members(network, asgs),
    }
}

/// The private addresses of every NIC in any of the groups. None for groups without members: the rule matches nothing.
fn members(network: &Network, asgs: &[AsgId]) -> AddressSet {
    let nics = network.nics().filter(|(_, nic)| nic.asgs.iter().any(|asg| asgs.contains(asg)));
    AddressSet::new(nics.flat_map(|(_, nic)| nic.addresses.iter().map(|&address| address.into())))
}

/// The three rules that every group ends with. They can be out-ranked and not removed.
fn default_rules(tags: &Tags, direction: Direction) -> [Rule; 3] {
    let virtual_network = tags.expand(ServiceTag::VirtualNetwork);
    let rule = |name: &str, priority, access, source: &AddressSet, destination: &AddressSet| Rule {
        name: name.to_owned(),
        priority,
        access,
        protocol: Protocol::Any,
        source: source.clone(),
        source_ports: vec![PortRange::ALL],
        destination: destination.clone(),
        destination_ports: vec![PortRange::ALL],
    };
    let all = AddressSet::all();
    match direction {
        Direction::Inbound => [
            rule("AllowVnetInBound", 65000, Access::Allow, virtual_network, virtual_network),
            rule(
                "AllowAzureLoadBalancerInBound",
                65001,
                Access::Allow,
                tags.expand(ServiceTag::AzureLoadBalancer),
                &all,
            ),
            rule("DenyAllInBound", 65500, Access::Deny, &all, &all),
        ],
        Direction::Outbound => [
            rule("AllowVnetOutBound", 65000, Access::Allow, virtual_network, virtual_network),
            rule("AllowInternetOutBound", 65001, Access::Allow, &all, tags.expand(ServiceTag::Internet)),
            rule("DenyAllOutBound", 65500, Access::Deny, &all, &all),
        ],
    }
}
