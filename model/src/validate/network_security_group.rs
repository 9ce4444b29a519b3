//! Network security groups: priorities, ports, and who may stand on the sides of a rule.
//!
//! <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>

use std::collections::{BTreeSet, HashMap};

use goal_state::nsg::PortRange;

use crate::diagnostic::did_you_mean;
use crate::network::{AddressPrefix, AsgId, NetworkSecurityGroup, RulePeer, SecurityRule};
use crate::topology::{self, OneOrMany, Span, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::service_tag::{self, Word};

/// Every network security group of the file, in its order, without the rules that are wrong.
pub(super) fn network_security_groups(
    topology: &Topology,
    directory: &Directory,
    report: &mut Report,
) -> Vec<NetworkSecurityGroup> {
    let groups = &topology.network_security_groups;
    if let Some(last) = groups.names().last() {
        report.at_most(limits::NETWORK_SECURITY_GROUPS, groups.len(), last.span, "network security groups");
    }
    groups.iter().map(|(name, group)| network_security_group(name, group, directory, report)).collect()
}

fn network_security_group(
    name: &Spanned<String>,
    raw: &topology::NetworkSecurityGroup,
    directory: &Directory,
    report: &mut Report,
) -> NetworkSecurityGroup {
    report.names("security rule", limits::RESOURCE_NAME, raw.security_rules.names());
    report.at_most(
        limits::RULES_PER_GROUP,
        raw.security_rules.len(),
        name.span,
        &format!("rules of `{name}`"),
    );
    let mut rules: Vec<_> = raw
        .security_rules
        .iter()
        .filter_map(|(rule, raw)| security_rule(rule, raw, directory, report))
        .collect();
    report_conflicts(name, raw, report);
    let asgs: BTreeSet<_> = rules.iter().flat_map(asgs_of).collect();
    let what = format!("application security groups in the rules of `{name}`");
    report.at_most(limits::ASGS_PER_GROUP, asgs.len(), name.span, &what);
    rules.sort_by_key(|rule| (rule.direction, rule.priority));
    NetworkSecurityGroup { name: name.value.clone(), rules }
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
    directory: &Directory,
    report: &mut Report,
) -> Option<SecurityRule> {
    let priority = priority(name, &raw.priority, report);
    let source = peer(
        name,
        Side::Source,
        raw.source_address_prefix.as_ref(),
        raw.source_application_security_groups.as_ref(),
        directory,
        report,
    );
    let destination = peer(
        name,
        Side::Destination,
        raw.destination_address_prefix.as_ref(),
        raw.destination_application_security_groups.as_ref(),
        directory,
        report,
    );
    let source_ports = ports(name, Side::Source, raw.source_port_range.as_ref(), report);
    let destination_ports = ports(name, Side::Destination, raw.destination_port_range.as_ref(), report);
    Some(SecurityRule {
        name: name.value.clone(),
        priority: priority?,
        direction: raw.direction.value.into(),
        access: raw.access.value.into(),
        protocol: raw.protocol.value.into(),
        source: source?,
        source_ports,
        destination: destination?,
        destination_ports,
    })
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

/// A side of a rule, as the fields of it are called.
#[derive(Debug, Clone, Copy)]
enum Side {
    Source,
    Destination,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

fn peer(
    rule: &Spanned<String>,
    side: Side,
    prefixes: Option<&OneOrMany<topology::AddressPrefix>>,
    asgs: Option<&OneOrMany<String>>,
    directory: &Directory,
    report: &mut Report,
) -> Option<RulePeer> {
    match (prefixes, asgs) {
        (Some(_), Some(asgs)) => {
            let side = side.as_str();
            let message =
                format!("rule `{rule}` has {side} addresses and {side} application security groups");
            let help = format!("keep {side}AddressPrefix or {side}ApplicationSecurityGroups");
            report.error("SecurityRuleSideConflict", first_span(rule, asgs), message, help);
            None
        }
        (None, None) => Some(RulePeer::Prefixes(vec![AddressPrefix::Any])),
        (Some(prefixes), None) => address_prefixes(rule, side, prefixes, report).map(RulePeer::Prefixes),
        (None, Some(asgs)) => {
            application_security_groups(rule, side, asgs, directory, report).map(RulePeer::Asgs)
        }
    }
}

fn first_span<T>(rule: &Spanned<String>, list: &OneOrMany<T>) -> Span {
    list.first().map_or(rule.span, |first| first.span)
}

fn address_prefixes(
    rule: &Spanned<String>,
    side: Side,
    raw: &OneOrMany<topology::AddressPrefix>,
    report: &mut Report,
) -> Option<Vec<AddressPrefix>> {
    let side = side.as_str();
    if raw.is_empty() {
        let message = format!("rule `{rule}` has an empty list of {side} addresses");
        report.empty("SecurityRuleEmptySide", rule.span, message, format!("leave it out for any {side}"));
        return None;
    }
    let what = format!("{side} addresses of rule `{rule}`");
    report.at_most(limits::ENTRIES_PER_RULE_SIDE, raw.len(), first_span(rule, raw), &what);
    check_stands_alone(rule, side, raw, report);
    let prefixes: Vec<_> = raw.iter().filter_map(|prefix| address_prefix(prefix, report)).collect();
    (prefixes.len() == raw.len()).then_some(prefixes)
}

/// `*` or a service tag stands alone; only addresses and prefixes may stand in a list.
fn check_stands_alone(
    rule: &Spanned<String>,
    side: &str,
    raw: &OneOrMany<topology::AddressPrefix>,
    report: &mut Report,
) {
    let is_prefix = |prefix: &&Spanned<topology::AddressPrefix>| {
        matches!(prefix.value, topology::AddressPrefix::Prefix(_))
    };
    let mut words = raw.iter().filter(|prefix| !is_prefix(prefix));
    let (Some(first), true) = (words.next(), raw.len() > 1) else { return };
    let at = words.next().unwrap_or(first);
    let message = format!("rule `{rule}` has `{}` in a list of {side} addresses", at.value);
    let help = "one service tag or `*` stands alone on a side; write a rule for each";
    report.error("SecurityRuleParameterContainsUnsupportedValue", at.span, message, help);
}

fn address_prefix(raw: &Spanned<topology::AddressPrefix>, report: &mut Report) -> Option<AddressPrefix> {
    let word = match &raw.value {
        topology::AddressPrefix::Any => return Some(AddressPrefix::Any),
        topology::AddressPrefix::Prefix(prefix) => return Some(AddressPrefix::Prefix(*prefix)),
        topology::AddressPrefix::Tag(word) => word,
    };
    match service_tag::look_up(word) {
        Word::Built(tag) => return Some(AddressPrefix::Tag(tag)),
        Word::NotBuilt(_) => report.not_built(raw.span, format_args!("service tag {word}")),
        Word::Unknown => {
            let help = match did_you_mean(word, service_tag::names().chain(["*"])) {
                _ if word.eq_ignore_ascii_case("any") => "write `*`".to_owned(),
                Some(similar) => format!("did you mean `{similar}`?"),
                None => {
                    "write `*`, an address, a prefix or a service tag such as `VirtualNetwork`".to_owned()
                }
            };
            let message = format!("there is no service tag `{word}`");
            report.error("SecurityRuleInvalidAddressPrefix", raw.span, message, help);
        }
    }
    None
}

fn application_security_groups(
    rule: &Spanned<String>,
    side: Side,
    raw: &OneOrMany<String>,
    directory: &Directory,
    report: &mut Report,
) -> Option<Vec<AsgId>> {
    let side = side.as_str();
    if raw.is_empty() {
        let message = format!("rule `{rule}` has an empty list of {side} application security groups");
        report.empty("SecurityRuleEmptySide", rule.span, message, format!("leave it out for any {side}"));
        return None;
    }
    let what = format!("{side} application security groups of rule `{rule}`");
    report.at_most(limits::ASGS_PER_RULE_SIDE, raw.len(), first_span(rule, raw), &what);
    let names = &directory.application_security_groups;
    let found: Vec<_> = raw
        .iter()
        .filter_map(|asg| report.resolve("application security group", names, asg).map(AsgId))
        .collect();
    (found.len() == raw.len()).then_some(found)
}

fn ports(
    rule: &Spanned<String>,
    side: Side,
    raw: Option<&OneOrMany<topology::PortRange>>,
    report: &mut Report,
) -> Vec<PortRange> {
    let Some(raw) = raw else { return vec![PortRange::ALL] };
    let side = side.as_str();
    if raw.is_empty() {
        let message = format!("rule `{rule}` has an empty list of {side} ports");
        report.empty("SecurityRuleEmptySide", rule.span, message, "leave it out for every port");
    }
    let what = format!("{side} port ranges of rule `{rule}`");
    report.at_most(limits::ENTRIES_PER_RULE_SIDE, raw.len(), first_span(rule, raw), &what);
    raw.iter().map(|range| range.value.0).collect()
}
