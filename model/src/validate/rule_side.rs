//! The sides of a security rule: addresses, tags, groups and ports, and what may stand together.
//!
//! <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>

use goal_state::nsg::PortRange;

use crate::network::{AddressPrefix, AsgId, RulePeer};
use crate::topology::{self, OneOrMany, Span, Spanned};

use super::directory::Directory;
use super::limits;
use super::report::Report;
use super::service_tag::Catalogue;

/// A side of a rule, as the fields of it are called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
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

/// What was typed for one side.
#[derive(Clone, Copy)]
pub(super) struct TypedSide<'t> {
    pub(super) side: Side,
    pub(super) prefixes: Option<&'t OneOrMany<topology::AddressPrefix>>,
    pub(super) groups: Option<&'t OneOrMany<String>>,
    pub(super) ports: Option<&'t OneOrMany<topology::PortRange>>,
}

/// Reads the sides of rules.
pub(super) struct SideReader<'a> {
    pub(super) directory: &'a Directory,
    pub(super) tags: &'a mut Catalogue,
    pub(super) report: &'a mut Report,
    /// Whether the present rule mixes IPv4 and IPv6, which has been told.
    mixes_families: bool,
}

impl<'a> SideReader<'a> {
    /// Reads sides that refer to what is in `directory` and `tags`.
    pub(super) fn new(directory: &'a Directory, tags: &'a mut Catalogue, report: &'a mut Report) -> Self {
        Self { directory, tags, report, mixes_families: false }
    }

    /// Begins with the next rule: IPv4 and IPv6 never stand in one.
    /// <https://learn.microsoft.com/azure/virtual-network/ip-services/ipv6-overview>
    pub(super) fn begin(&mut self, rule: &Spanned<String>, sides: [TypedSide<'_>; 2]) {
        let typed = || sides.iter().filter_map(|side| side.prefixes).flatten();
        let has_ipv4 = typed().any(|prefix| matches!(prefix.value, topology::AddressPrefix::Prefix(_)));
        let ipv6 = typed().find(|prefix| matches!(prefix.value, topology::AddressPrefix::Ipv6(_)));
        self.mixes_families = has_ipv4 && ipv6.is_some();
        if let Some(ipv6) = ipv6.filter(|_| has_ipv4) {
            let message = format!("rule `{rule}` has IPv4 and IPv6 addresses, such as {}", ipv6.value);
            let help = "a rule is for one of them: write a rule for each";
            self.report.error("SecurityRuleAddressFamiliesMixed", ipv6.span, message, help);
        }
    }

    /// Who stands on a side; none when that is wrong.
    pub(super) fn peer(&mut self, rule: &Spanned<String>, typed: TypedSide<'_>) -> Option<RulePeer> {
        match (typed.prefixes, typed.groups) {
            (Some(_), Some(groups)) => {
                let side = typed.side.as_str();
                let message =
                    format!("rule `{rule}` has {side} addresses and {side} application security groups");
                let help = format!("keep {side}AddressPrefix or {side}ApplicationSecurityGroups");
                self.report.error("SecurityRuleSideConflict", first_span(rule, groups), message, help);
                None
            }
            (None, None) => Some(RulePeer::Prefixes(vec![AddressPrefix::Any])),
            (Some(prefixes), None) => self.prefixes(rule, typed.side, prefixes).map(RulePeer::Prefixes),
            (None, Some(groups)) => self.groups(rule, typed.side, groups).map(RulePeer::Asgs),
        }
    }

    /// The ports of a side; never empty, unless that was told.
    pub(super) fn ports(&mut self, rule: &Spanned<String>, typed: TypedSide<'_>) -> Vec<PortRange> {
        let Some(raw) = typed.ports else { return vec![PortRange::ALL] };
        let side = typed.side.as_str();
        if raw.is_empty() {
            let message = format!("rule `{rule}` has an empty list of {side} ports");
            self.report.empty("SecurityRuleEmptySide", rule.span, message, "leave it out for every port");
        }
        let what = format_args!("{side} port ranges of rule `{rule}`");
        self.report.at_most(limits::ENTRIES_PER_SIDE, raw.len(), first_span(rule, raw), what);
        raw.iter().map(|range| range.value.0).collect()
    }

    fn prefixes(
        &mut self,
        rule: &Spanned<String>,
        side: Side,
        raw: &OneOrMany<topology::AddressPrefix>,
    ) -> Option<Vec<AddressPrefix>> {
        let side = side.as_str();
        if raw.is_empty() {
            let message = format!("rule `{rule}` has an empty list of {side} addresses");
            let help = format!("leave it out for any {side}");
            self.report.empty("SecurityRuleEmptySide", rule.span, message, help);
            return None;
        }
        let what = format_args!("{side} addresses of rule `{rule}`");
        self.report.at_most(limits::ENTRIES_PER_SIDE, raw.len(), first_span(rule, raw), what);
        self.check_stands_alone(rule, side, raw);
        let prefixes: Vec<_> = raw.iter().filter_map(|prefix| self.prefix(prefix)).collect();
        (prefixes.len() == raw.len()).then_some(prefixes)
    }

    /// `*` or a service tag stands alone; only addresses and prefixes may stand in a list.
    fn check_stands_alone(
        &mut self,
        rule: &Spanned<String>,
        side: &str,
        raw: &OneOrMany<topology::AddressPrefix>,
    ) {
        use topology::AddressPrefix::{Any, Tag};
        let mut words = raw.iter().filter(|prefix| matches!(prefix.value, Any | Tag(_)));
        let (Some(first), true) = (words.next(), raw.len() > 1) else { return };
        let at = words.next().unwrap_or(first);
        let message = format!("rule `{rule}` has `{}` in a list of {side} addresses", at.value);
        let help = "one service tag or `*` stands alone on a side; write a rule for each";
        self.report.error("SecurityRuleParameterContainsUnsupportedValue", at.span, message, help);
    }

    fn prefix(&mut self, raw: &Spanned<topology::AddressPrefix>) -> Option<AddressPrefix> {
        match &raw.value {
            topology::AddressPrefix::Any => Some(AddressPrefix::Any),
            topology::AddressPrefix::Prefix(prefix) => Some(AddressPrefix::Prefix(*prefix)),
            topology::AddressPrefix::Ipv6(_) => {
                if !self.mixes_families {
                    self.report.error("NotBuiltYet", raw.span, "IPv6 is not built yet", "write IPv4");
                }
                None
            }
            topology::AddressPrefix::Tag(word) => {
                let tag = self.tags.resolve(word, raw.span, "SecurityRuleInvalidAddressPrefix", self.report);
                tag.map(AddressPrefix::Tag)
            }
        }
    }

    fn groups(&mut self, rule: &Spanned<String>, side: Side, raw: &OneOrMany<String>) -> Option<Vec<AsgId>> {
        let side = side.as_str();
        if raw.is_empty() {
            let message = format!("rule `{rule}` has an empty list of {side} application security groups");
            let help = format!("leave it out for any {side}");
            self.report.empty("SecurityRuleEmptySide", rule.span, message, help);
            return None;
        }
        let what = format_args!("{side} application security groups of rule `{rule}`");
        self.report.at_most(limits::ASGS_PER_RULE_SIDE, raw.len(), first_span(rule, raw), what);
        let names = &self.directory.application_security_groups;
        let report = &mut *self.report;
        let found: Vec<_> = raw
            .iter()
            .filter_map(|asg| report.resolve("application security group", names, asg).map(AsgId))
            .collect();
        (found.len() == raw.len()).then_some(found)
    }
}

/// Where a list begins, or the rule when there is nothing in it.
pub(super) fn first_span<T>(rule: &Spanned<String>, list: &OneOrMany<T>) -> Span {
    list.first().map_or(rule.span, |first| first.span)
}
