//! Security admin configurations of Azure Virtual Network Manager: where they are deployed, and their rules.
//!
//! <https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins>

use goal_state::nsg::RuleAccess;

use crate::network::security_admin::NetworkIntentPolicyServices;
use crate::network::{
    AddressPrefix, RulePeer, SecurityAdminConfiguration, SecurityAdminRule, ServiceTag, VnetId,
};
use crate::topology::{self, SecurityAdminAccess, Span, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::rule_side::{Side, SideReader, TypedSide};
use super::service_tag::Catalogue;

/// Every security admin configuration of the file, in its order, without the rules that are wrong.
pub(super) fn security_admin_configurations(
    topology: &Topology,
    directory: &Directory,
    tags: &mut Catalogue,
    report: &mut Report,
) -> Vec<SecurityAdminConfiguration> {
    let all = &topology.security_admin_configurations;
    report.names("security admin configuration", limits::RESOURCE_NAME, all.names());
    check_prefixes(topology, report);
    let mut reader = SideReader::new(directory, tags, report);
    all.iter().map(|(name, raw)| configuration(name, raw, &mut reader)).collect()
}

/// Prefixes are counted over the rules of all configurations.
fn check_prefixes(topology: &Topology, report: &mut Report) {
    let configurations = topology.security_admin_configurations.iter();
    let rules = configurations.flat_map(|(_, configuration)| configuration.rules.iter());
    let sides = rules.flat_map(|(_, rule)| [&rule.source_address_prefix, &rule.destination_address_prefix]);
    let typed = sides.flatten().flatten();
    let is_prefix =
        |typed: &&Spanned<topology::AddressPrefix>| matches!(typed.value, topology::AddressPrefix::Prefix(_));
    let prefixes: Vec<Span> = typed.filter(is_prefix).map(|typed| typed.span).collect();
    if let Some(&at) = prefixes.get(limits::ADMIN_RULE_PREFIXES) {
        report.at_most(limits::ADMIN_RULE_PREFIXES, prefixes.len(), at, "prefixes in security admin rules");
    }
}

fn configuration(
    name: &Spanned<String>,
    raw: &topology::SecurityAdminConfiguration,
    reader: &mut SideReader<'_>,
) -> SecurityAdminConfiguration {
    let report = &mut *reader.report;
    report.names("security admin rule", limits::RESOURCE_NAME, raw.rules.names());
    let what = format!("rules of `{name}`");
    report.at_most(limits::ADMIN_RULES_PER_LEVEL, raw.rules.len(), name.span, &what);
    let virtual_networks = virtual_networks(name, raw, reader.directory, report);
    let mut rules: Vec<_> = raw.rules.iter().filter_map(|(name, raw)| rule(name, raw, reader)).collect();
    rules.sort_by_key(|rule| (rule.direction, rule.priority));
    SecurityAdminConfiguration {
        name: name.value.clone(),
        virtual_networks,
        apply_on_network_intent_policy_based_services: raw
            .apply_on_network_intent_policy_based_services
            .as_ref()
            .map_or(NetworkIntentPolicyServices::None, |typed| typed.value),
        rules,
    }
}

/// `*` or names; sorted.
fn virtual_networks(
    name: &Spanned<String>,
    raw: &topology::SecurityAdminConfiguration,
    directory: &Directory,
    report: &mut Report,
) -> Vec<VnetId> {
    let typed = &raw.virtual_networks;
    let names = &directory.virtual_networks;
    if typed.is_empty() {
        let message = format!("security admin configuration `{name}` is deployed to no virtual network");
        let help = "name some, or write `virtualNetworks: \"*\"`";
        report.empty("SecurityAdminConfigurationScope", name.span, message, help);
    }
    if let Some(all) = typed.iter().find(|name| name.value == "*") {
        if typed.len() > 1 {
            let message = format!("`*` stands beside other virtual networks in `{name}`");
            report.error(
                "SecurityAdminConfigurationScope",
                all.span,
                message,
                "`*` is all of them: let it stand alone",
            );
        }
        return (0..names.len()).map(VnetId).collect();
    }
    let mut found: Vec<_> =
        typed.iter().filter_map(|vnet| report.resolve("virtual network", names, vnet).map(VnetId)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn rule(
    name: &Spanned<String>,
    raw: &topology::SecurityAdminRule,
    reader: &mut SideReader<'_>,
) -> Option<SecurityAdminRule> {
    let priority = priority(name, &raw.priority, reader.report);
    let source = TypedSide {
        side: Side::Source,
        prefixes: raw.source_address_prefix.as_ref(),
        groups: None,
        ports: raw.source_port_range.as_ref(),
    };
    let destination = TypedSide {
        side: Side::Destination,
        prefixes: raw.destination_address_prefix.as_ref(),
        groups: None,
        ports: raw.destination_port_range.as_ref(),
    };
    reader.begin(name, [source, destination]);
    let peers = (reader.peer(name, source), reader.peer(name, destination));
    let ports = (reader.ports(name, source), reader.ports(name, destination));
    for (typed, peer) in [(source, &peers.0), (destination, &peers.1)] {
        refuse_platform_tags(name, typed, peer.as_ref(), reader.report);
    }
    Some(SecurityAdminRule {
        name: name.value.clone(),
        priority: priority?,
        direction: raw.direction.value.into(),
        access: access(raw.access.value),
        protocol: raw.protocol.value.into(),
        source: peers.0?,
        source_ports: ports.0,
        destination: peers.1?,
        destination_ports: ports.1,
    })
}

fn access(access: SecurityAdminAccess) -> RuleAccess {
    match access {
        SecurityAdminAccess::Allow => RuleAccess::Allow,
        SecurityAdminAccess::AlwaysAllow => RuleAccess::AlwaysAllow,
        SecurityAdminAccess::Deny => RuleAccess::Deny,
    }
}

fn priority(name: &Spanned<String>, raw: &Spanned<u32>, report: &mut Report) -> Option<u16> {
    let priority = u16::try_from(raw.value).ok();
    let priority = priority.filter(|priority| limits::ADMIN_RULE_PRIORITIES.contains(priority));
    if priority.is_none() {
        let message = format!("security admin rule `{name}` has priority {}", raw.value);
        report.error("SecurityAdminRuleInvalidPriority", raw.span, message, "priorities go from 1 to 4096");
    }
    priority
}

fn refuse_platform_tags(
    name: &Spanned<String>,
    typed: TypedSide<'_>,
    peer: Option<&RulePeer>,
    report: &mut Report,
) {
    let Some(RulePeer::Prefixes(prefixes)) = peer else { return };
    let is_platform = |prefix: &AddressPrefix| {
        use ServiceTag::{AzurePlatformDns, AzurePlatformImds, AzurePlatformLkm};
        matches!(prefix, AddressPrefix::Tag(AzurePlatformDns | AzurePlatformImds | AzurePlatformLkm))
    };
    let Some(at) = prefixes.iter().position(is_platform) else { return };
    let Some(word) = typed.prefixes.and_then(|typed| typed.get(at)) else { return };
    let message = format!("security admin rule `{name}` names service tag `{}`", word.value);
    let help = "the platform's tags are for network security groups only: write a rule in one";
    report.error("SecurityAdminRulePlatformTag", word.span, message, help);
}
