//! Network security groups: names, priorities and limits of their rules. Their sides are read by [`super::rule_side`].
//!
//! <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>

use std::collections::{BTreeSet, HashMap};

use crate::network::{AsgId, NetworkSecurityGroup, RulePeer, SecurityRule};
use crate::topology::{self, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::rule_side::{Side, SideReader, TypedSide};
use super::service_tag::Catalogue;

/// Every network security group of the file, in its order, without the rules that are wrong.
pub(super) fn network_security_groups(
    topology: &Topology,
    directory: &Directory,
    tags: &mut Catalogue,
    report: &mut Report,
) -> Vec<NetworkSecurityGroup> {
    let groups = &topology.network_security_groups;
    if let Some(last) = groups.names().last() {
        report.at_most(limits::NETWORK_SECURITY_GROUPS, groups.len(), last.span, "network security groups");
    }
    let mut reader = SideReader::new(directory, tags, report);
    groups.iter().map(|(name, group)| network_security_group(name, group, &mut reader)).collect()
}

fn network_security_group(
    name: &Spanned<String>,
    raw: &topology::NetworkSecurityGroup,
    reader: &mut SideReader<'_>,
) -> NetworkSecurityGroup {
    let report = &mut *reader.report;
    report.check_names("security rule", limits::RESOURCE_NAME, raw.security_rules.names());
    report.at_most(
        limits::RULES_PER_GROUP,
        raw.security_rules.len(),
        name.span,
        format_args!("rules of `{name}`"),
    );
    let mut rules: Vec<_> =
        raw.security_rules.iter().filter_map(|(rule, raw)| security_rule(rule, raw, reader)).collect();
    let report = &mut *reader.report;
    report_conflicts(name, raw, report);
    check_entries(name, raw, report);
    let asgs: BTreeSet<_> = rules.iter().flat_map(asgs_of).collect();
    let what = format_args!("application security groups in the rules of `{name}`");
    report.at_most(limits::ASGS_PER_GROUP, asgs.len(), name.span, what);
    rules.sort_by_key(|rule| (rule.direction, rule.priority));
    NetworkSecurityGroup { name: name.value.clone(), rules }
}

/// Prefixes and ports are counted over all rules of a group, sources and destinations apart.
fn check_entries(group: &Spanned<String>, raw: &topology::NetworkSecurityGroup, report: &mut Report) {
    let mut counts = [0; 4];
    for (_, rule) in &raw.security_rules {
        let of_rule = [
            rule.source_address_prefix.as_ref().map_or(0, |list| list.len()),
            rule.destination_address_prefix.as_ref().map_or(0, |list| list.len()),
            rule.source_port_range.as_ref().map_or(0, |list| list.len()),
            rule.destination_port_range.as_ref().map_or(0, |list| list.len()),
        ];
        // A single rule with more has been told.
        if of_rule.iter().any(|&count| count > limits::ENTRIES_PER_SIDE) {
            return;
        }
        counts.iter_mut().zip(of_rule).for_each(|(sum, count)| *sum += count);
    }
    let whats =
        ["source addresses", "destination addresses", "source port ranges", "destination port ranges"];
    for (what, count) in whats.into_iter().zip(counts) {
        let what = format!("{what} in the rules of `{group}`");
        report.at_most(limits::ENTRIES_PER_SIDE, count, group.span, &what);
    }
}

/// The application security groups of a rule.
pub(super) fn asgs_of(rule: &SecurityRule) -> impl Iterator<Item = AsgId> {
    [&rule.source, &rule.destination].into_iter().flat_map(|peer| match peer {
        RulePeer::Asgs(asgs) => asgs.clone(),
        RulePeer::Prefixes(_) => Vec::new(),
    })
}

fn report_conflicts(group: &Spanned<String>, raw: &topology::NetworkSecurityGroup, report: &mut Report) {
    let mut first_of_priority = HashMap::new();
    for (name, rule) in &raw.security_rules {
        let key = (rule.direction.value, rule.priority.value);
        if let Some(first) = first_of_priority.insert(key, name) {
            let (direction, priority) = key;
            let message = format!(
                "rules `{first}` and `{name}` of `{group}` both have priority {priority} {direction}"
            );
            let help = "a priority stands once per direction: give one of them another";
            report.error("SecurityRuleConflict", rule.priority.span, message, help);
        }
    }
}

fn security_rule(
    name: &Spanned<String>,
    raw: &topology::SecurityRule,
    reader: &mut SideReader<'_>,
) -> Option<SecurityRule> {
    let priority = priority(name, &raw.priority, reader.report);
    let (source, destination) = sides(raw);
    reader.begin(name, [source, destination]);
    let peers = (reader.peer(name, source), reader.peer(name, destination));
    let ports = (reader.ports(name, source), reader.ports(name, destination));
    Some(SecurityRule {
        name: name.value.clone(),
        priority: priority?,
        direction: raw.direction.value.into(),
        access: raw.access.value.into(),
        protocol: raw.protocol.value.into(),
        source: peers.0?,
        source_ports: ports.0,
        destination: peers.1?,
        destination_ports: ports.1,
    })
}

fn sides(raw: &topology::SecurityRule) -> (TypedSide<'_>, TypedSide<'_>) {
    let source = TypedSide {
        side: Side::Source,
        prefixes: raw.source_address_prefix.as_ref(),
        groups: raw.source_application_security_groups.as_ref(),
        ports: raw.source_port_range.as_ref(),
    };
    let destination = TypedSide {
        side: Side::Destination,
        prefixes: raw.destination_address_prefix.as_ref(),
        groups: raw.destination_application_security_groups.as_ref(),
        ports: raw.destination_port_range.as_ref(),
    };
    (source, destination)
}

fn priority(name: &Spanned<String>, raw: &Spanned<u32>, report: &mut Report) -> Option<u16> {
    let priority =
        u16::try_from(raw.value).ok().filter(|priority| limits::RULE_PRIORITIES.contains(priority));
    if priority.is_none() {
        let message = format!("rule `{name}` has priority {}", raw.value);
        report.error("SecurityRuleInvalidPriority", raw.span, message, "priorities go from 100 to 4096");
    }
    priority
}
