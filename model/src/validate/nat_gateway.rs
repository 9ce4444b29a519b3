//! NAT gateways, and the subnets that they serve.
//!
//! <https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource>

use std::ops::RangeInclusive;

use crate::network::public::PublicIpSku;
use crate::network::{NatGateway, NatGatewayId, SubnetRef, VnetId};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::public_ip_address::{PublicIpUser, PublicIps};
use super::report::Report;
use super::virtual_network::DraftVnet;

/// Minutes after which it may forget an idle TCP flow.
const IDLE_TIMEOUT: RangeInclusive<u32> = 4..=120;
const DEFAULT_IDLE_TIMEOUT: u32 = 4;

/// Every NAT gateway of the file, in its order.
pub(super) fn nat_gateways(
    topology: &Topology,
    directory: &Directory,
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> Vec<NatGateway> {
    let gateways = topology.nat_gateways.iter();
    gateways.map(|(name, raw)| nat_gateway(name, raw, directory, public_ips, report)).collect()
}

fn nat_gateway(
    name: &Spanned<String>,
    raw: &topology::NatGateway,
    directory: &Directory,
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> NatGateway {
    if raw.public_ip_addresses.is_empty() {
        let message = format!("NAT gateway `{name}` has no public address");
        let help = "give it one, such as `publicIPAddresses: [pip-nat]`: without one nothing leaves by it";
        report.empty("NatGatewayWithoutPublicIPAddress", name.span, message, help);
    }
    let what = format!("public addresses of NAT gateway `{name}`");
    report.at_most(limits::PUBLIC_IPS_PER_NAT_GATEWAY, raw.public_ip_addresses.len(), name.span, &what);
    let region = directory.locations.of(raw.location.as_ref());
    let user = PublicIpUser { name: &format!("NAT gateway `{name}`"), region: Some(&region) };
    let claimed = raw.public_ip_addresses.iter().filter_map(|reference| {
        let id = public_ips.claim(reference, user, directory, report)?;
        Some((id, reference))
    });
    let claimed: Vec<_> = claimed.collect();
    for (id, reference) in &claimed {
        check_sku(public_ips.sku(*id), public_ips.sku(claimed[0].0), name, reference, report);
    }
    NatGateway {
        name: name.value.clone(),
        public_ips: claimed.into_iter().map(|(id, _)| id).collect(),
        idle_timeout_in_minutes: idle_timeout(name, raw.idle_timeout_in_minutes.as_ref(), report),
    }
}

fn check_sku(
    sku: PublicIpSku,
    first: PublicIpSku,
    name: &Spanned<String>,
    reference: &Spanned<String>,
    report: &mut Report,
) {
    if sku == PublicIpSku::Basic {
        let message = format!("NAT gateway `{name}` cannot use public address `{reference}`, which is Basic");
        report.error(
            "NatGatewayPublicIPAddressSku",
            reference.span,
            message,
            "use a Standard public address",
        );
    } else if sku != first {
        let message = format!("NAT gateway `{name}` has public addresses of the SKUs {first} and {sku}");
        let help =
            "Standard ones make it a Standard gateway, StandardV2 ones a StandardV2 gateway: use one SKU";
        report.error("NatGatewayPublicIPAddressSku", reference.span, message, help);
    }
}

fn idle_timeout(name: &Spanned<String>, typed: Option<&Spanned<u32>>, report: &mut Report) -> u32 {
    let Some(typed) = typed else { return DEFAULT_IDLE_TIMEOUT };
    report.within(IDLE_TIMEOUT, typed, &format!("idleTimeoutInMinutes of NAT gateway `{name}`"));
    typed.value
}

/// A NAT gateway serves subnets of one virtual network only.
pub(super) fn check_subnets(topology: &Topology, vnets: &[DraftVnet], report: &mut Report) {
    let mut first: Vec<Option<VnetId>> = vec![None; topology.nat_gateways.len()];
    for (SubnetRef { vnet, .. }, NatGatewayId(gateway), at) in attachments(topology, vnets) {
        let Some(first) = first.get_mut(gateway) else { continue };
        let first = *first.get_or_insert(vnet);
        if first != vnet {
            let name = topology.nat_gateways.names().nth(gateway).map_or("", |name| &name.value);
            let (one, other) = (&vnets[first.0].name, &vnets[vnet.0].name);
            let message = format!("NAT gateway `{name}` is on subnets of `{one}` and `{other}`");
            let help = "a NAT gateway serves one virtual network: make another one";
            report.error("NatGatewayInSeveralVirtualNetworks", at, message, help);
        }
    }
}

/// A NIC with something of the SKU Basic: where it is, and what that is.
pub(super) struct BasicUse {
    pub(super) subnet: SubnetRef,
    pub(super) what: String,
}

/// A subnet with a NAT gateway has nothing Basic in it.
pub(super) fn check_basic(topology: &Topology, vnets: &[DraftVnet], basic: &[BasicUse], report: &mut Report) {
    for (subnet, _, at) in attachments(topology, vnets) {
        let Some(BasicUse { what, .. }) = basic.iter().find(|basic| basic.subnet == subnet) else { continue };
        let vnet = &vnets[subnet.vnet.0];
        let path = format!("{}/{}", vnet.name, vnet.subnets[subnet.index].name);
        let message =
            format!("subnet `{path}` cannot have a NAT gateway, for there is {what} in it, which is Basic");
        let help = "make it Standard, or leave the NAT gateway out";
        report.error("SubnetWithNatGatewayAndBasicSkuResourceNotAllowed", at, message, help);
    }
}

/// Every subnet with a NAT gateway.
fn attachments(topology: &Topology, vnets: &[DraftVnet]) -> Vec<(SubnetRef, NatGatewayId, Span)> {
    let mut found = Vec::new();
    for (vnet, (draft, (_, raw))) in vnets.iter().zip(&topology.virtual_networks).enumerate() {
        for (index, (subnet, (_, raw))) in draft.subnets.iter().zip(&raw.subnets).enumerate() {
            if let (Some(gateway), Some(typed)) = (subnet.properties.nat_gateway, &raw.nat_gateway) {
                found.push((SubnetRef { vnet: VnetId(vnet), index }, gateway, typed.span));
            }
        }
    }
    found
}
