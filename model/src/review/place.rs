//! Where things stand in the file.

use crate::network::{Network, NicRef, NsgId, RouteTableId, SubnetRef, VnetId};
use crate::topology::{self, Span, Spanned, Topology};

/// The places of resources. The lists of a network and of its topology have the same order.
pub(super) struct Places<'t> {
    network: &'t Network,
    vnets: Vec<&'t (Spanned<String>, topology::VirtualNetwork)>,
    groups: Vec<&'t topology::NetworkSecurityGroup>,
    tables: Vec<&'t topology::RouteTable>,
    machines: Vec<&'t (Spanned<String>, topology::VirtualMachine)>,
}

impl<'t> Places<'t> {
    pub(super) fn new(topology: &'t Topology, network: &'t Network) -> Self {
        Self {
            network,
            vnets: topology.virtual_networks.iter().collect(),
            groups: topology.network_security_groups.iter().map(|(_, group)| group).collect(),
            tables: topology.route_tables.iter().map(|(_, table)| table).collect(),
            machines: topology.virtual_machines.iter().collect(),
        }
    }

    pub(super) fn vnet(&self, vnet: VnetId) -> Span {
        self.vnets.get(vnet.0).map(|(name, _)| name.span).unwrap_or_default()
    }

    pub(super) fn subnet(&self, subnet: SubnetRef) -> Span {
        let raw = self.vnets.get(subnet.vnet.0).and_then(|(_, raw)| raw.subnets.names().nth(subnet.index));
        raw.map(|name| name.span).unwrap_or_default()
    }

    /// A rule of a network security group, by its name.
    pub(super) fn rule(&self, nsg: NsgId, rule: &str) -> Span {
        let raw = self.groups.get(nsg.0).and_then(|group| span_of(group.security_rules.names(), rule));
        raw.unwrap_or_default()
    }

    /// A route of a table, by its name.
    pub(super) fn route(&self, table: RouteTableId, route: &str) -> Span {
        let raw = self.tables.get(table.0).and_then(|table| span_of(table.routes.names(), route));
        raw.unwrap_or_default()
    }

    pub(super) fn nic(&self, nic: NicRef) -> Span {
        let Some((vm, raw)) = self.machines.get(nic.vm.0) else { return Span::default() };
        let name = self.network.nic(nic).name.as_str();
        span_of(raw.network_interfaces.names(), name).unwrap_or(vm.span)
    }
}

fn span_of<'n>(mut names: impl Iterator<Item = &'n Spanned<String>>, wanted: &str) -> Option<Span> {
    names.find(|name| name.value == wanted).map(|name| name.span)
}

/// `spoke1/web`.
pub(super) fn subnet_name(network: &Network, subnet: SubnetRef) -> String {
    format!("{}/{}", network.vnet(subnet.vnet).name, network.subnet(subnet).name)
}
