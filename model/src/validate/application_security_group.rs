//! Application security groups: all members in one virtual network, and both sides of a rule in the same one.
//!
//! <https://learn.microsoft.com/azure/virtual-network/application-security-groups>

use crate::network::{ApplicationSecurityGroup, VnetId};
use crate::topology::{OneOrMany, SecurityRule, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::virtual_machine::DraftVm;
use super::virtual_network::DraftVnet;

/// Every application security group of the file, in its order.
pub(super) fn application_security_groups(
    topology: &Topology,
    report: &mut Report,
) -> Vec<ApplicationSecurityGroup> {
    let groups = &topology.application_security_groups;
    if let Some(last) = groups.last() {
        let limit = limits::APPLICATION_SECURITY_GROUPS;
        report.at_most(limit, groups.len(), last.span, "application security groups");
    }
    groups.iter().map(|name| ApplicationSecurityGroup { name: name.value.clone() }).collect()
}

/// Checks who is a member of which group, and the rules that name groups.
pub(super) fn check_members(
    topology: &Topology,
    directory: &Directory,
    machines: &[DraftVm<'_>],
    vnets: &[DraftVnet],
    report: &mut Report,
) {
    let networks = networks_of_groups(topology, machines, vnets, report);
    let check = RuleCheck { directory, networks: &networks, vnets };
    for (_, group) in &topology.network_security_groups {
        for (name, rule) in &group.security_rules {
            check.rule(name, rule, report);
        }
    }
}

/// The virtual network of each group: that of its first member; none for an empty one.
fn networks_of_groups(
    topology: &Topology,
    machines: &[DraftVm<'_>],
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<Option<VnetId>> {
    let groups = &topology.application_security_groups;
    let mut networks: Vec<Option<VnetId>> = vec![None; groups.len()];
    let mut members = vec![0; groups.len()];
    for nic in machines.iter().flat_map(|machine| &machine.nics) {
        let Some(vnet) = nic.subnet.map(|subnet| subnet.vnet) else { continue };
        for (asg, at) in &nic.asgs {
            members[asg.0] += nic.requests.len();
            let first = *networks[asg.0].get_or_insert(vnet);
            if first != vnet {
                let group = &groups[asg.0];
                let (one, two) = (&vnets[first.0].name, &vnets[vnet.0].name);
                let message =
                    format!("application security group `{group}` has members in `{one}` and `{two}`");
                let help = format!("all members are in the virtual network of the first one, `{one}`");
                report.error("ApplicationSecurityGroupNetwork", *at, message, help);
            }
        }
    }
    for (group, members) in groups.iter().zip(members) {
        report.at_most(limits::MEMBERS_PER_ASG, members, group.span, format_args!("members of `{group}`"));
    }
    networks
}

struct RuleCheck<'a> {
    directory: &'a Directory,
    networks: &'a [Option<VnetId>],
    vnets: &'a [DraftVnet],
}

impl RuleCheck<'_> {
    fn rule(&self, name: &Spanned<String>, rule: &SecurityRule, report: &mut Report) {
        let source = rule.source_application_security_groups.as_ref();
        let destination = rule.destination_application_security_groups.as_ref();
        let source: Vec<_> = self.groups(source);
        let destination: Vec<_> = self.groups(destination);
        for (group, position) in source.iter().chain(&destination) {
            if self.networks[*position].is_none() {
                let message =
                    format!("rule `{name}` names application security group `{group}`, which has no members");
                let side =
                    if source.iter().any(|(one, _)| one.span == group.span) { &source } else { &destination };
                let beside = side.iter().any(|(_, position)| self.networks[*position].is_some());
                let help = if beside {
                    "make a network interface a member of it, or leave it out: Azure was seen to ignore a rule that names it beside another one"
                } else {
                    "make a network interface a member of it, or leave the rule out"
                };
                report.warning("ApplicationSecurityGroupEmpty", group.span, message, help);
            }
        }
        if !source.is_empty() && !destination.is_empty() {
            self.check_one_network(name, source.iter().chain(&destination), report);
        }
    }

    fn groups<'t>(&self, typed: Option<&'t OneOrMany<String>>) -> Vec<(&'t Spanned<String>, usize)> {
        let names = &self.directory.application_security_groups;
        let typed = typed.into_iter().flatten();
        typed.filter_map(|group| Some((group, names.find(&group.value)?))).collect()
    }

    fn check_one_network<'t>(
        &self,
        rule: &Spanned<String>,
        groups: impl Iterator<Item = &'t (&'t Spanned<String>, usize)>,
        report: &mut Report,
    ) {
        let mut placed = groups.filter_map(|(group, position)| Some((group, self.networks[*position]?)));
        let Some((first, network)) = placed.next() else { return };
        if let Some((other, elsewhere)) = placed.find(|(_, other)| *other != network) {
            let (here, there) = (&self.vnets[network.0].name, &self.vnets[elsewhere.0].name);
            let message = format!(
                "rule `{rule}` names `{first}`, with members in `{here}`, and `{other}`, in `{there}`"
            );
            let help = "when both sides of a rule name groups, all their members are in one virtual network";
            report.error("ApplicationSecurityGroupNetwork", other.span, message, help);
        }
    }
}
