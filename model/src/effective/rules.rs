//! Effective security rules of a NIC: security admin configurations, then its groups with the default rules; tags and ASGs
//! as addresses.
//!
//! <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>

use goal_state::nsg::{
    Access, AddressSet, Association, Direction, Filter, PortRange, Protocol, Rule, RuleAccess, RuleGroup,
};
use goal_state::platform::{PlatformRule, PlatformService};
use ipnet::Ipv4Net;

use super::Policy;
use super::security_admin::{Configuration, configurations};
use super::tags::Tags;
use crate::network::{
    AddressPrefix, AsgId, Network, NetworkSecurityGroup, Nic, NicRef, NsgId, RulePeer, SecurityAdminRule,
    SecurityRule, ServiceTag, SubnetRef,
};

/// The filter of a NIC: security admin configurations first; then outbound its own group and the subnet's, inbound the other
/// way round.
#[must_use]
pub fn filter(policy: &Policy<'_>, nic: NicRef) -> Filter {
    let nic = policy.network().nic(nic);
    filter_in(policy, nic.subnet, Some(nic))
}

/// What filters whatever stands in a subnet: the filter of a NIC without a group of its own that is a member of nothing.
/// Security admin configurations are in it; private endpoints are exempt from those.
#[must_use]
pub fn subnet_filter(policy: &Policy<'_>, subnet: SubnetRef) -> Filter {
    filter_in(policy, subnet, None)
}

fn filter_in(policy: &Policy<'_>, subnet: SubnetRef, nic: Option<&Nic>) -> Filter {
    let network = policy.network();
    let own = nic.and_then(|nic| nic.nsg).map(|nsg| (nsg, Association::NetworkInterface));
    let of_subnet = network.subnet(subnet).nsg.map(|nsg| (nsg, Association::Subnet));
    let admin = configurations(network, subnet);
    if own.is_none() && of_subnet.is_none() && admin.is_empty() {
        return Filter::default();
    }
    let tags = policy.tags(subnet);
    let groups = |order: [Option<(NsgId, Association)>; 2], direction| {
        let admin = admin.iter().filter(|it| it.rules(network, direction).next().is_some());
        let admin = admin.map(|&configuration| (Source::Admin(configuration), Vec::new()));
        let nsgs = order.into_iter().flatten().map(|(nsg, association)| {
            (Source::Nsg(nsg, association), asgs(network.nsg(nsg), nic, direction))
        });
        let keys = admin.chain(nsgs).map(|(source, asgs)| GroupKey {
            source,
            direction,
            subnet: policy.alike(subnet),
            asgs,
        });
        keys.map(|key| policy.group(key, |key| group(policy, nic, tags, key))).collect()
    };
    Filter {
        inbound: groups([of_subnet, own], Direction::Inbound),
        outbound: groups([own, of_subnet], Direction::Outbound),
        platform: [own, of_subnet]
            .into_iter()
            .flatten()
            .flat_map(|(nsg, association)| platform_rules(network.nsg(nsg), association, nic))
            .collect(),
    }
}

/// The rules of a group that are about services of the platform, by priority.
fn platform_rules(
    nsg: &NetworkSecurityGroup,
    association: Association,
    nic: Option<&Nic>,
) -> Vec<PlatformRule> {
    let about = |rule: &&SecurityRule| rule.direction == Direction::Outbound && applies(nic, rule);
    let rules = nsg.rules.iter().filter(about).filter_map(|rule| {
        let service = service_of(&rule.destination)?;
        Some(PlatformRule { service, association, priority: rule.priority })
    });
    let mut rules: Vec<_> = rules.collect();
    rules.sort_by_key(|rule| rule.priority);
    rules
}

/// The platform's service that a destination names by its tag, which stands alone.
fn service_of(destination: &RulePeer) -> Option<PlatformService> {
    let RulePeer::Prefixes(prefixes) = destination else { return None };
    match prefixes[..] {
        [AddressPrefix::Tag(ServiceTag::AzurePlatformDns)] => Some(PlatformService::Dns),
        [AddressPrefix::Tag(ServiceTag::AzurePlatformImds)] => Some(PlatformService::InstanceMetadata),
        [AddressPrefix::Tag(ServiceTag::AzurePlatformLkm)] => Some(PlatformService::Licensing),
        _ => None,
    }
}

/// What the rules of a group depend on. NICs that have all of it in common share them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GroupKey {
    source: Source,
    direction: Direction,
    /// Whose tags hold.
    subnet: SubnetRef,
    /// Of the groups that the rules name on the NIC's own side those that it is a member of.
    asgs: Vec<AsgId>,
}

/// Where the rules of a group come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Admin(Configuration),
    Nsg(NsgId, Association),
}

fn asgs(nsg: &NetworkSecurityGroup, nic: Option<&Nic>, direction: Direction) -> Vec<AsgId> {
    let Some(nic) = nic.filter(|nic| !nic.asgs.is_empty()) else { return Vec::new() };
    let rules = nsg.rules.iter().filter(|rule| rule.direction == direction);
    let named = rules.filter_map(|rule| match own_side(rule) {
        RulePeer::Prefixes(_) => None,
        RulePeer::Asgs(asgs) => Some(asgs),
    });
    let mut asgs: Vec<_> = named.flatten().copied().filter(|asg| nic.asgs.contains(asg)).collect();
    asgs.sort_unstable();
    asgs.dedup();
    asgs
}

fn group(policy: &Policy<'_>, nic: Option<&Nic>, tags: &Tags, key: &GroupKey) -> RuleGroup {
    let &GroupKey { source, direction, .. } = key;
    let network = policy.network();
    let (nsg, association) = match source {
        Source::Nsg(nsg, association) => (network.nsg(nsg), association),
        Source::Admin(configuration) => {
            let rules = configuration.rules(network, direction);
            return RuleGroup {
                name: configuration.name(network).to_owned(),
                association: Association::NetworkManager,
                rules: rules.map(|rule| resolve_admin(policy, tags, rule)).collect(),
            };
        }
    };
    let custom = nsg.rules.iter().filter(|rule| rule.direction == direction && applies(nic, rule));
    let mut rules: Vec<_> = custom.map(|rule| resolve(policy, tags, rule)).collect();
    rules.sort_by_key(|rule| rule.priority);
    rules.extend(default_rules(tags, direction));
    RuleGroup { name: nsg.name.clone(), association, rules }
}

/// A rule that names application security groups on the NIC's own side is there for their members only.
/// <https://learn.microsoft.com/azure/virtual-network/application-security-groups>
fn applies(nic: Option<&Nic>, rule: &SecurityRule) -> bool {
    match own_side(rule) {
        RulePeer::Prefixes(_) => true,
        RulePeer::Asgs(asgs) => asgs.iter().any(|asg| nic.is_some_and(|nic| nic.asgs.contains(asg))),
    }
}

fn own_side(rule: &SecurityRule) -> &RulePeer {
    match rule.direction {
        Direction::Inbound => &rule.destination,
        Direction::Outbound => &rule.source,
    }
}

fn resolve(policy: &Policy<'_>, tags: &Tags, rule: &SecurityRule) -> Rule {
    Rule {
        name: rule.name.clone(),
        priority: rule.priority,
        access: rule.access.into(),
        protocol: rule.protocol,
        source: addresses(policy, tags, &rule.source, false),
        source_ports: rule.source_ports.clone(),
        destination: addresses(policy, tags, &rule.destination, rule.direction == Direction::Outbound),
        destination_ports: rule.destination_ports.clone(),
    }
}

fn resolve_admin(policy: &Policy<'_>, tags: &Tags, rule: &SecurityAdminRule) -> Rule {
    Rule {
        name: rule.name.clone(),
        priority: rule.priority,
        access: rule.access,
        protocol: rule.protocol,
        source: addresses(policy, tags, &rule.source, false),
        source_ports: rule.source_ports.clone(),
        destination: addresses(policy, tags, &rule.destination, false),
        destination_ports: rule.destination_ports.clone(),
    }
}

/// The addresses of a side. AzurePlatformDNS, AzurePlatformIMDS and AzurePlatformLKM are about packets to the platform: as
/// anything but a destination of outbound packets they match nothing, such as health probes, which come from the address of
/// its DNS. One prefix, tag or group is the usual case, and is shared instead of made anew.
fn addresses(policy: &Policy<'_>, tags: &Tags, peer: &RulePeer, to_the_platform: bool) -> AddressSet {
    match peer {
        RulePeer::Prefixes(prefixes) if *prefixes == [AddressPrefix::Any] => AddressSet::all(),
        RulePeer::Prefixes(_) if !to_the_platform && service_of(peer).is_some() => AddressSet::default(),
        RulePeer::Prefixes(prefixes) if let [AddressPrefix::Tag(tag)] = prefixes[..] => {
            tags.expand(tag).clone()
        }
        RulePeer::Prefixes(prefixes) => AddressSet::new(prefixes.iter().flat_map(|prefix| match prefix {
            AddressPrefix::Any => AddressSet::all().prefixes().to_vec(),
            AddressPrefix::Prefix(prefix) => vec![*prefix],
            AddressPrefix::Tag(tag) => tags.expand(*tag).prefixes().to_vec(),
        })),
        RulePeer::Asgs(asgs) => policy.members(asgs),
    }
}

/// The private addresses of the members of every application security group.
pub(super) fn members(network: &Network) -> Vec<AddressSet> {
    let mut members = vec![Vec::new(); network.application_security_groups.len()];
    for (_, nic) in network.nics() {
        for asg in &nic.asgs {
            members[asg.0].extend(nic.addresses.iter().map(|&address| Ipv4Net::from(address)));
        }
    }
    members.into_iter().map(AddressSet::new).collect()
}

/// The three rules that every group ends with. They can be out-ranked and not removed.
fn default_rules(tags: &Tags, direction: Direction) -> [Rule; 3] {
    let virtual_network = tags.expand(ServiceTag::VirtualNetwork);
    let rule = |name: &str, priority, access, source: &AddressSet, destination: &AddressSet| Rule {
        name: name.to_owned(),
        priority,
        access: RuleAccess::from(access),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::network::build::NetworkBuilder;

    fn names(groups: &[Arc<RuleGroup>]) -> Vec<String> {
        let name = |group: &RuleGroup, rule: &Rule| format!("{}/{}", group.name, rule.name);
        groups.iter().flat_map(|group| group.rules.iter().map(|rule| name(group, rule))).collect()
    }

    fn filter_of(network: &Network, vm: &str) -> Filter {
        let vm = network.find_vm(vm).unwrap();
        filter(&Policy::new(network), NicRef { vm, index: crate::network::NicIndex(0) })
    }

    #[test]
    fn s3_2_a_group_ends_with_azures_default_rules_and_no_group_is_no_filter() {
        let network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .vnet("b", "10.1.0.0/16")
            .nsg("nsg", &["200 Inbound Allow Tcp * *:80", "100 Outbound Deny * * Internet"])
            .subnet_nsg("a/default", "nsg")
            .vm("a1", "10.0.0.4")
            .vm("b1", "10.1.0.4")
            .build();
        let filter = filter_of(&network, "a1");
        assert_eq!(
            names(&filter.inbound),
            [
                "nsg/rule-200",
                "nsg/AllowVnetInBound",
                "nsg/AllowAzureLoadBalancerInBound",
                "nsg/DenyAllInBound"
            ]
        );
        assert_eq!(
            names(&filter.outbound),
            ["nsg/rule-100", "nsg/AllowVnetOutBound", "nsg/AllowInternetOutBound", "nsg/DenyAllOutBound"]
        );
        let priorities: Vec<_> = filter.inbound[0].rules.iter().map(|rule| rule.priority).collect();
        assert_eq!(priorities, [200, 65000, 65001, 65500]);
        assert_eq!(filter_of(&network, "b1"), Filter::default());
    }

    #[test]
    fn a_subnet_is_filtered_by_its_own_group_and_by_no_rule_for_members_of_groups() {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .asg("web")
            .nsg("nsg", &["100 Inbound Allow Tcp * asg/web:80", "200 Inbound Deny * asg/web *"])
            .nsg("of-nic", &[])
            .subnet_nsg("a/default", "nsg");
        let (web, of_nic) = (builder.asg_id("web"), builder.nsg_id("of-nic"));
        let network = builder
            .vm_with("a1", &["10.0.0.4"], |vm| {
                vm.nics[0].asgs = vec![web];
                vm.nics[0].nsg = Some(of_nic);
            })
            .build();
        let subnet = SubnetRef { vnet: crate::network::VnetId(0), index: 0 };
        let filter = subnet_filter(&Policy::new(&network), subnet);
        assert_eq!(
            names(&filter.inbound),
            [
                "nsg/rule-200",
                "nsg/AllowVnetInBound",
                "nsg/AllowAzureLoadBalancerInBound",
                "nsg/DenyAllInBound"
            ]
        );
        assert_eq!(filter.outbound.len(), 1);
    }

    #[test]
    fn s3_3_the_nic_goes_first_outbound_and_last_inbound() {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .nsg("of-subnet", &[])
            .nsg("of-nic", &[])
            .subnet_nsg("a/default", "of-subnet");
        let of_nic = builder.nsg_id("of-nic");
        let network = builder.vm_with("a1", &["10.0.0.4"], |vm| vm.nics[0].nsg = Some(of_nic)).build();
        let order =
            |groups: &[Arc<RuleGroup>]| groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
        let filter = filter_of(&network, "a1");
        assert_eq!(order(&filter.outbound), ["of-nic", "of-subnet"]);
        assert_eq!(order(&filter.inbound), ["of-subnet", "of-nic"]);
    }

    /// web and db share a subnet and its group. "Deny to db" says nothing about web; "from web" means web's addresses for
    /// everybody; an empty group is nobody.
    #[test]
    fn s3_5_asgs_are_their_members_and_rules_about_the_own_side_are_for_members() {
        let builder = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .asg("web")
            .asg("db")
            .asg("empty")
            .nsg(
                "nsg",
                &[
                    "100 Inbound Allow Tcp asg/web asg/db:1433",
                    "200 Inbound Deny * * asg/db",
                    "300 Inbound Deny * asg/empty *",
                ],
            )
            .subnet_nsg("a/default", "nsg");
        let (web, db) = (builder.asg_id("web"), builder.asg_id("db"));
        let network = builder
            .vm_with("web1", &["10.0.0.4"], |vm| vm.nics[0].asgs = vec![web])
            .vm_with("web2", &["10.0.0.5"], |vm| vm.nics[0].asgs = vec![web])
            .vm_with("db1", &["10.0.0.8"], |vm| {
                vm.nics[0].asgs = vec![db];
                vm.nics[0].addresses.push([10, 0, 0, 9].into());
            })
            .build();
        let custom = |vm: &str| {
            let filter = filter_of(&network, vm);
            let rules = filter.inbound[0].rules.iter().filter(|rule| rule.priority < 65000);
            let side = |set: &AddressSet| set.prefixes().iter().map(ToString::to_string).collect::<Vec<_>>();
            rules
                .map(|rule| {
                    let (source, destination) = (side(&rule.source), side(&rule.destination));
                    format!("{} {} → {}", rule.name, source.join(","), destination.join(","))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            custom("db1"),
            [
                "rule-100 10.0.0.4/31 → 10.0.0.8/31",
                "rule-200 0.0.0.0/0 → 10.0.0.8/31",
                "rule-300  → 0.0.0.0/0"
            ]
        );
        assert_eq!(custom("web1"), ["rule-300  → 0.0.0.0/0"]);
    }

    /// Inbound from AzurePlatformDNS would otherwise cut health probes, which come from the same address.
    #[test]
    fn s3_8_platform_tags_are_for_packets_to_the_platform_only() {
        let mut network = NetworkBuilder::new()
            .vnet("a", "10.0.0.0/16")
            .nsg("nsg", &["100 Inbound Deny * * *", "100 Outbound Deny * * *"])
            .subnet_nsg("a/default", "nsg")
            .vm("a1", "10.0.0.4")
            .build();
        let dns = RulePeer::Prefixes(vec![AddressPrefix::Tag(ServiceTag::AzurePlatformDns)]);
        for rule in &mut network.network_security_groups[0].rules {
            match rule.direction {
                Direction::Inbound => rule.source = dns.clone(),
                Direction::Outbound => rule.destination = dns.clone(),
            }
        }
        let filter = filter_of(&network, "a1");
        assert!(filter.inbound[0].rules[0].source.is_empty());
        let destination = &filter.outbound[0].rules[0].destination;
        assert!(destination.contains(super::super::tags::WIRE_SERVER));
    }
}
