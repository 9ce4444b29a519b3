//! References to subnets, and which subnets take what.

use crate::network::{SubnetRef, VnetId};
use crate::topology::{Span, Spanned, SubnetReference};

use super::directory::Directory;
use super::report::Report;
use super::special_subnet::special;
use super::virtual_network::DraftVnet;

/// The subnet that `VIRTUALNETWORK/SUBNET` names; an error when there is none.
pub(super) fn resolve_subnet(
    reference: &Spanned<SubnetReference>,
    directory: &Directory,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Option<SubnetRef> {
    let SubnetReference { virtual_network, subnet } = &reference.value;
    let at = reference.span;
    let vnet = report.resolve_in("", "virtual network", &directory.virtual_networks, virtual_network, at)?;
    let names = &vnets.get(vnet)?.subnet_names;
    let index = report.resolve_in(&format!("{virtual_network}/"), "subnet", names, subnet, at)?;
    Some(SubnetRef { vnet: VnetId(vnet), index })
}

/// An error when `what`, one of `kind`, stands in a subnet that is a service's own.
pub(super) fn check_ordinary(
    what: &str,
    kind: &str,
    subnet: SubnetRef,
    vnets: &[DraftVnet],
    at: Span,
    report: &mut Report,
) {
    let Some(draft) = vnets.get(subnet.vnet.0).and_then(|vnet| vnet.subnets.get(subnet.index)) else {
        return;
    };
    if let Some(special) = special(&draft.name) {
        let message = format!("{what} is in {}, which takes no {kind}", special.name);
        report.error("SpecialSubnetOccupied", at, message, "put it into an ordinary subnet");
    } else if let Some(delegation) = &draft.properties.delegation {
        let message = format!("{what} is in a subnet that is delegated to {delegation}");
        let help = "only that service puts interfaces there: use another subnet";
        report.error("DelegatedSubnetOccupied", at, message, help);
    }
}
