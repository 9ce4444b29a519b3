//! Frontends: public addresses, or private ones in a subnet.

use std::net::Ipv4Addr;

use crate::network::public::{LoadBalancerSku, PublicIpSku};
use crate::network::{Frontend, FrontendAddress, PublicIpId, SubnetRef};
use crate::topology::{self, Span, Spanned};

use super::super::location::report_other_region;
use super::super::network_interface::AddressRequest;
use super::super::private_address::AddressClaim;
use super::super::public_ip_address::PublicIpUser;
use super::super::report::Report;
use super::super::subnet_reference::{check_ordinary, resolve_subnet};
use super::Context;

/// A frontend that may have no address yet.
#[derive(Debug)]
pub(super) struct DraftFrontend {
    name: String,
    at: Span,
    pub(super) address: DraftAddress,
}

/// The address of a frontend as far as it is known.
#[derive(Debug)]
pub(super) enum DraftAddress {
    Public(PublicIpId),
    Private {
        subnet: SubnetRef,
        request: AddressRequest,
    },
    /// Something is wrong with it, which has been told.
    Wrong,
}

impl DraftFrontend {
    /// The address that it asks for in a subnet.
    pub(super) fn claim(&self) -> Option<AddressClaim> {
        match self.address {
            DraftAddress::Private { subnet, request } => {
                Some(AddressClaim { subnet: Some(subnet), at: self.at, requests: vec![request] })
            }
            DraftAddress::Public(_) | DraftAddress::Wrong => None,
        }
    }

    /// The subnet that it is in, when it is private.
    pub(super) fn subnet(&self) -> Option<SubnetRef> {
        self.claim().and_then(|claim| claim.subnet)
    }

    pub(super) fn finish(self, next: &mut impl FnMut() -> Option<Ipv4Addr>) -> Option<Frontend> {
        let address = match self.address {
            DraftAddress::Public(id) => FrontendAddress::Public(id),
            DraftAddress::Private { subnet, .. } => FrontendAddress::Private { subnet, address: next()? },
            DraftAddress::Wrong => return None,
        };
        Some(Frontend { name: self.name, address })
    }
}

impl Context<'_, '_, '_> {
    pub(super) fn frontends(
        &mut self,
        balancer: &Spanned<String>,
        raw: &topology::LoadBalancer,
        sku: LoadBalancerSku,
        report: &mut Report,
    ) -> Vec<DraftFrontend> {
        let mut drafts: Vec<DraftFrontend> = Vec::new();
        for (name, frontend) in &raw.frontend_ip_configurations {
            let address = match (&frontend.public_ip_address, &frontend.subnet) {
                (Some(public), None) => self.public(balancer, raw, sku, public, report),
                (None, Some(_)) => self.private(balancer, raw, name, frontend, report),
                _ => {
                    report_address(balancer, name, frontend, report);
                    DraftAddress::Wrong
                }
            };
            drafts.push(DraftFrontend { name: name.value.clone(), at: name.span, address });
        }
        check_one_kind(balancer, &drafts, report);
        drafts
    }

    fn public(
        &mut self,
        balancer: &Spanned<String>,
        raw: &topology::LoadBalancer,
        sku: LoadBalancerSku,
        public: &Spanned<String>,
        report: &mut Report,
    ) -> DraftAddress {
        let region = self.directory.locations.of(raw.location.as_ref());
        let user = PublicIpUser { name: &format!("load balancer `{balancer}`"), region: Some(&region) };
        let Some(id) = self.public_ips.claim(public, user, self.directory, report) else {
            return DraftAddress::Wrong;
        };
        let theirs = self.public_ips.sku(id);
        let right = match sku {
            LoadBalancerSku::Basic => theirs == PublicIpSku::Basic,
            LoadBalancerSku::Standard | LoadBalancerSku::Gateway => theirs == PublicIpSku::Standard,
        };
        if !right {
            let message =
                format!("load balancer `{balancer}` is {sku}, its public address `{public}` {theirs}");
            report.error(
                "PublicIPAndLBSkuDoNotMatch",
                public.span,
                message,
                format!("use one with `sku: {sku}`"),
            );
        }
        DraftAddress::Public(id)
    }

    fn private(
        &self,
        balancer: &Spanned<String>,
        raw: &topology::LoadBalancer,
        name: &Spanned<String>,
        frontend: &topology::FrontendIpConfiguration,
        report: &mut Report,
    ) -> DraftAddress {
        let Some(reference) = &frontend.subnet else { return DraftAddress::Wrong };
        let Some(subnet) = resolve_subnet(reference, self.directory, self.vnets, report) else {
            return DraftAddress::Wrong;
        };
        let what = format!("frontend `{balancer}/{name}`");
        check_ordinary(&what, "frontends", subnet, self.vnets, reference.span, report);
        let vnet = &self.vnets[subnet.vnet.0];
        if let Some(location) = &raw.location {
            let region = self.directory.locations.of(Some(location));
            if region != vnet.location {
                let balancer = Spanned::new(balancer.value.clone(), location.span);
                let user = format!("virtual network `{}`", vnet.name);
                report_other_region("load balancer", &balancer, &region, &user, &vnet.location, report);
            }
        }
        let typed = frontend.private_ip_address.as_ref();
        let request = AddressRequest {
            address: typed.map(|address| address.value.0),
            at: typed.map_or(name.span, |address| address.span),
            public_ip: None,
        };
        DraftAddress::Private { subnet, request }
    }
}

fn report_address(
    balancer: &Spanned<String>,
    name: &Spanned<String>,
    frontend: &topology::FrontendIpConfiguration,
    report: &mut Report,
) {
    let both = frontend.public_ip_address.is_some();
    if !both && (report.is_omitted("subnet") || report.is_omitted("publicIPAddress")) {
        return;
    }
    let has = if both { "a public address and a subnet" } else { "neither a public address nor a subnet" };
    let message = format!("frontend `{balancer}/{name}` has {has}");
    report.error("FrontendAddress", name.span, message, "give it `publicIPAddress`, or `subnet`");
}

fn check_one_kind(balancer: &Spanned<String>, drafts: &[DraftFrontend], report: &mut Report) {
    let is_public = |draft: &&DraftFrontend| matches!(draft.address, DraftAddress::Public(_));
    let is_private = |draft: &&DraftFrontend| matches!(draft.address, DraftAddress::Private { .. });
    if let (Some(public), Some(private)) = (drafts.iter().find(is_public), drafts.iter().find(is_private)) {
        let message = format!(
            "load balancer `{balancer}` has a public frontend, `{}`, and a private one, `{}`",
            public.name, private.name
        );
        let help = "a load balancer is public or internal: make two of it";
        report.error("LoadBalancerFrontends", public.at.max(private.at), message, help);
    }
}
