//! Subnets: their prefixes, what is attached to them, and the special ones.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>

use ipnet::Ipv4Net;

use crate::network::{NsgId, RouteDestination, RouteTable, RouteTableId, Subnet, UserNextHop, UserRoute};
use crate::topology::{self, Spanned};

use super::location::report_other_region;
use super::overlap::overlaps_within;
use super::report::Report;
use super::special_subnet::{RouteTables, SpecialSubnet, special, special_in_other_case};
use super::subnet_property::{PropertyCheck, SubnetProperties};
use super::virtual_network::{DraftVnet, VnetContext};

/// The prefix lengths that a subnet may have, largest subnet first.
const LENGTHS: std::ops::RangeInclusive<u8> = 2..=29;

/// A subnet whose prefix may be wrong.
#[derive(Debug, Clone)]
pub(super) struct DraftSubnet {
    pub(super) name: String,
    pub(super) prefix: Option<Ipv4Net>,
    pub(super) nsg: Option<NsgId>,
    pub(super) route_table: Option<RouteTableId>,
    pub(super) properties: SubnetProperties,
}

impl DraftSubnet {
    /// The subnet; none when its prefix is wrong.
    pub(super) fn finish(self) -> Option<Subnet> {
        let Self { name, prefix, nsg, route_table, properties } = self;
        Some(Subnet {
            name,
            prefix: prefix?,
            nsg,
            route_table,
            service_endpoints: properties.service_endpoints,
            nat_gateway: properties.nat_gateway,
            default_outbound_access: properties.default_outbound_access,
            private_endpoint_network_policies: properties.private_endpoint_network_policies,
            delegation: properties.delegation,
        })
    }
}

/// The subnets of `vnet`.
pub(super) fn subnets(
    vnet: &DraftVnet,
    raw: &topology::VirtualNetwork,
    context: &VnetContext<'_>,
    report: &mut Report,
) -> Vec<DraftSubnet> {
    let mut drafts = Vec::new();
    for (name, subnet) in &raw.subnets {
        let mut check = SubnetCheck { vnet, name, context, report };
        drafts.push(check.draft(subnet));
    }
    report_overlaps(vnet, raw, &drafts, report);
    drafts
}

fn report_overlaps(
    vnet: &DraftVnet,
    raw: &topology::VirtualNetwork,
    drafts: &[DraftSubnet],
    report: &mut Report,
) {
    let named: Vec<_> = drafts
        .iter()
        .zip(&raw.subnets)
        .filter_map(|(draft, (_, subnet))| {
            Some((&draft.name, draft.prefix?, subnet.address_prefix.first()?.span))
        })
        .collect();
    let prefixes: Vec<_> = named.iter().map(|(_, prefix, _)| *prefix).collect();
    for (later, earlier) in overlaps_within(&prefixes) {
        let ((name, prefix, span), (other, other_prefix, _)) = (named[later], named[earlier]);
        let message =
            format!("subnet `{}/{name}` ({prefix}) overlaps subnet `{other}` ({other_prefix})", vnet.name);
        report.error("NetcfgSubnetRangesOverlap", span, message, "give each subnet a range of its own");
    }
}

/// The check of one subnet.
struct SubnetCheck<'a> {
    vnet: &'a DraftVnet,
    name: &'a Spanned<String>,
    context: &'a VnetContext<'a>,
    report: &'a mut Report,
}

impl SubnetCheck<'_> {
    fn draft(&mut self, raw: &topology::Subnet) -> DraftSubnet {
        let special = special(&self.name.value);
        self.check_spelling();
        let prefix = self.prefix(raw, special);
        let nsg = raw.network_security_group.as_ref().and_then(|group| self.nsg(group, special));
        let route_table = raw.route_table.as_ref().and_then(|table| self.route_table(table, special));
        let check = PropertyCheck {
            context: self.context,
            vnet: &self.vnet.name,
            region: &self.vnet.location,
            name: &self.name.value,
        };
        let properties = check.properties(raw, self.report);
        DraftSubnet { name: self.name.value.clone(), prefix, nsg, route_table, properties }
    }

    fn check_spelling(&mut self) {
        if let Some(meant) = special_in_other_case(&self.name.value) {
            let message =
                format!("subnet `{}` is an ordinary subnet: Azure looks for `{}`", self.name, meant.name);
            let help = format!("write `{}` if it is for that service", meant.name);
            self.report.warning("SpecialSubnetCase", self.name.span, message, help);
        }
    }

    fn prefix(&mut self, raw: &topology::Subnet, special: Option<&SpecialSubnet>) -> Option<Ipv4Net> {
        let Some(prefix) = raw.address_prefix.first() else {
            let message = format!("subnet `{}` has no address prefix", self.path());
            self.report.empty(
                "SubnetPrefixMissing",
                self.name.span,
                message,
                "give it one, such as 10.0.0.0/24",
            );
            return None;
        };
        if let Some(second) = raw.address_prefix.get(1) {
            self.report.not_built(second.span, "several address prefixes in one subnet");
        }
        let net = prefix.value.0;
        let size_is_right = self.check_size(prefix, special);
        self.check_inside_space(prefix);
        size_is_right.then_some(net)
    }

    fn check_size(
        &mut self,
        prefix: &Spanned<topology::Ipv4Prefix>,
        special: Option<&SpecialSubnet>,
    ) -> bool {
        let length = prefix.value.0.prefix_len();
        if !LENGTHS.contains(&length) {
            let message = format!("subnet `{}` is a /{length}", self.path());
            let help = "subnets are /2 to /29: Azure keeps five addresses of each";
            self.report.error("SubnetSize", prefix.span, message, help);
            return false;
        }
        if let Some(special) = special.filter(|special| length > special.longest_prefix) {
            let message = format!("subnet `{}` is a /{length}, too small for its service", self.path());
            let help = format!("{} is a /{} or larger", special.name, special.longest_prefix);
            self.report.error("SubnetSize", prefix.span, message, help);
        }
        true
    }

    fn check_inside_space(&mut self, prefix: &Spanned<topology::Ipv4Prefix>) {
        let space = &self.vnet.space;
        if space.is_empty() || space.iter().any(|whole| whole.contains(&prefix.value.0)) {
            return;
        }
        let message = format!(
            "subnet `{}` ({}) is not inside an address prefix of virtual network `{}`",
            self.path(),
            prefix.value,
            self.vnet.name
        );
        let listed: Vec<_> = space.iter().map(ToString::to_string).collect();
        let help = format!("a subnet lies inside one prefix of the address space: {}", listed.join(", "));
        self.report.error("NetcfgInvalidSubnet", prefix.span, message, help);
    }

    fn nsg(&mut self, group: &Spanned<String>, special: Option<&SpecialSubnet>) -> Option<NsgId> {
        let at = self.report.resolve(
            "network security group",
            &self.context.directory.network_security_groups,
            group,
        )?;
        self.check_nsg_region(group, at);
        match special {
            Some(SpecialSubnet { name: "AzureBastionSubnet", .. }) => self.check_bastion(group, at),
            Some(special) if !special.network_security_group => {
                let message = format!("{} takes no network security group", special.name);
                self.report.error("SpecialSubnetNetworkSecurityGroup", group.span, message, "leave it out");
            }
            _ => {}
        }
        Some(NsgId(at))
    }

    /// Azure refuses a group here that lacks a rule which Bastion needs.
    fn check_bastion(&mut self, group: &Spanned<String>, at: usize) {
        let Some(rules) = self.context.network_security_groups.get(at) else { return };
        let missing = super::bastion::missing(rules, self.context.service_tags);
        if !missing.is_empty() && self.report.is_readable() {
            let message = format!(
                "network security group `{group}` on AzureBastionSubnet does not allow {}",
                missing.join(", ")
            );
            let help = "add rules with access Allow, protocol Tcp, and these ports and service tags";
            self.report.error(
                "NetworkSecurityGroupNotCompliantForAzureBastionSubnet",
                group.span,
                message,
                help,
            );
        }
    }

    /// A group that names no region is taken to be where it is used.
    fn check_nsg_region(&mut self, group: &Spanned<String>, at: usize) {
        let raw = self.context.topology.network_security_groups.iter().nth(at);
        let Some(location) = raw.and_then(|(_, raw)| raw.location.as_ref()) else { return };
        let region = self.context.directory.locations.of(Some(location));
        self.check_region("network security group", group, &region);
    }

    fn check_region(&mut self, kind: &str, resource: &Spanned<String>, region: &str) {
        let DraftVnet { name, location, .. } = self.vnet;
        if region != location {
            let vnet = format!("virtual network `{name}`");
            report_other_region(kind, resource, region, &vnet, location, self.report);
        }
    }

    fn route_table(
        &mut self,
        table: &Spanned<String>,
        special: Option<&SpecialSubnet>,
    ) -> Option<RouteTableId> {
        let at = self.report.resolve("route table", &self.context.directory.route_tables, table)?;
        let raw = self.context.topology.route_tables.iter().nth(at).map(|(_, raw)| raw)?;
        let region = self.context.directory.locations.of(raw.location.as_ref());
        self.check_region("route table", table, &region);
        if let (Some(special), Some(routes)) = (special, self.context.route_tables.get(at)) {
            self.check_special_route_table(special, table, routes);
        }
        Some(RouteTableId(at))
    }

    fn check_special_route_table(
        &mut self,
        special: &SpecialSubnet,
        at: &Spanned<String>,
        table: &RouteTable,
    ) {
        let (problem, help) = match special.route_table {
            RouteTables::Refused => (Some("takes no route table"), "leave it out"),
            RouteTables::WithoutDefaultRoute if has_default_route(table) => {
                (Some("takes no route table with 0.0.0.0/0"), "name the prefixes that have to be steered")
            }
            RouteTables::WithoutDefaultRoute if table.disable_bgp_route_propagation => (
                Some("takes no route table that disables BGP route propagation"),
                "set `disableBgpRoutePropagation: false`",
            ),
            RouteTables::OnlyInternet if !is_only_internet(table) => (
                Some("takes only a route table whose single route leads 0.0.0.0/0 to the internet"),
                "write {addressPrefix: 0.0.0.0/0, nextHopType: Internet} and nothing else",
            ),
            _ => (None, ""),
        };
        if special.route_table == RouteTables::OnlyInternet
            && problem.is_none()
            && !table.disable_bgp_route_propagation
        {
            let message = format!("{} has a route table that propagates routes of gateways", special.name);
            let help = "set `disableBgpRoutePropagation: true`, or what a gateway learns leads the firewall's own traffic away";
            self.report.warning("SpecialSubnetRouteTable", at.span, message, help);
        }
        if let Some(problem) = problem {
            let message = format!("{} {problem}", special.name);
            self.report.error("SpecialSubnetRouteTable", at.span, message, help);
        }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.vnet.name, self.name)
    }
}

fn has_default_route(table: &RouteTable) -> bool {
    table.routes.iter().any(
        |route| matches!(route.destination, RouteDestination::Prefix(prefix) if prefix.prefix_len() == 0),
    )
}

fn is_only_internet(table: &RouteTable) -> bool {
    let leads_out = |route: &UserRoute| route.next_hop == UserNextHop::Internet;
    table.routes.len() == 1 && has_default_route(table) && table.routes.iter().all(leads_out)
}
