//! Backend pools: which interfaces may stand behind a load balancer.

use std::collections::hash_map::Entry;

use crate::network::public::{LoadBalancerSku, PublicIpSku};
use crate::network::{NicIndex, NicRef, VmId, VnetId};
use crate::topology::{self, Spanned};

use super::super::limits;
use super::super::report::Report;
use super::Context;
use super::frontend::DraftFrontend;

impl Context<'_, '_, '_> {
    pub(super) fn backend_pools(
        &mut self,
        balancer: &Spanned<String>,
        raw: &topology::LoadBalancer,
        sku: LoadBalancerSku,
        frontends: &[DraftFrontend],
        report: &mut Report,
    ) -> Vec<(String, Vec<NicRef>)> {
        let mut vnet = frontends.iter().find_map(DraftFrontend::subnet).map(|subnet| subnet.vnet);
        let public = vnet.is_none();
        let mut pools = Vec::new();
        for (name, typed) in &raw.backend_address_pools {
            let what = format!("members of backend pool `{balancer}/{name}`");
            report.at_most(limits::MEMBERS_PER_BACKEND_POOL, typed.len(), name.span, &what);
            let mut members = Vec::new();
            for reference in typed.iter().take(limits::MEMBERS_PER_BACKEND_POOL) {
                let Some(nic) = self.nic(reference, report) else { continue };
                if members.contains(&nic) {
                    let message = format!("`{reference}` is in backend pool `{balancer}/{name}` twice");
                    report.error("DuplicateBackend", reference.span, message, "leave one out");
                    continue;
                }
                self.check_vnet(balancer, reference, nic, &mut vnet, report);
                if public {
                    self.check_region(balancer, raw, reference, nic, report);
                }
                self.check_sku(balancer, sku, reference, nic, report);
                members.push(nic);
            }
            pools.push((name.value.clone(), members));
        }
        pools
    }

    /// The interface that `VM` or `VM/NIC` names; of a VM alone the first one.
    pub(super) fn nic(&self, reference: &Spanned<String>, report: &mut Report) -> Option<NicRef> {
        let (vm, nic) =
            reference.value.split_once('/').map_or((&*reference.value, None), |(vm, nic)| (vm, Some(nic)));
        let at = reference.span;
        let vm = report.resolve_in("", "virtual machine", &self.directory.virtual_machines, vm, at)?;
        let Some(nic) = nic else { return Some(NicRef { vm: VmId(vm), index: NicIndex(0) }) };
        let nics = &self.machines.get(vm)?.nics;
        let named = |name: &str| name.eq_ignore_ascii_case(nic);
        let found =
            nics.iter().position(|known| known.name.as_ref().is_some_and(|name| named(name.as_str())));
        if found.is_none() && report.is_readable() {
            let message = format!("there is no network interface `{reference}`");
            let names: Vec<_> =
                nics.iter().filter_map(|nic| nic.name.as_ref()).map(|name| format!("`{name}`")).collect();
            let help = format!("there is {}", names.join(", "));
            report.error("InvalidResourceReference", at, message, help);
        }
        found.map(|index| NicRef { vm: VmId(vm), index: NicIndex(index) })
    }

    fn vnet_of(&self, nic: NicRef) -> Option<VnetId> {
        self.machines.get(nic.vm.0)?.nics.get(nic.index.0)?.subnet.map(|subnet| subnet.vnet)
    }

    /// All members, and the frontend of an internal load balancer, are in one virtual network.
    fn check_vnet(
        &self,
        balancer: &Spanned<String>,
        reference: &Spanned<String>,
        nic: NicRef,
        vnet: &mut Option<VnetId>,
        report: &mut Report,
    ) {
        let Some(theirs) = self.vnet_of(nic) else { return };
        let first = *vnet.get_or_insert(theirs);
        if first != theirs {
            let (one, other) = (&self.vnets[first.0].name, &self.vnets[theirs.0].name);
            let message =
                format!("load balancer `{balancer}` is in `{one}`, `{reference}` behind it in `{other}`");
            let help = "frontend and backend pools of a load balancer are in one virtual network";
            report.error("LoadBalancerInSeveralVirtualNetworks", reference.span, message, help);
        }
    }

    fn check_region(
        &self,
        balancer: &Spanned<String>,
        raw: &topology::LoadBalancer,
        reference: &Spanned<String>,
        nic: NicRef,
        report: &mut Report,
    ) {
        let Some(vnet) = self.vnet_of(nic).and_then(|vnet| self.vnets.get(vnet.0)) else { return };
        let region = self.directory.locations.of(raw.location.as_ref());
        if region != vnet.location {
            let message = format!(
                "load balancer `{balancer}` is in {region}, `{reference}` behind it in {}",
                vnet.location
            );
            let help =
                format!("give the load balancer and its public addresses `location: {}`", vnet.location);
            report.error("ResourcesInDifferentRegions", reference.span, message, help);
        }
    }

    /// An interface is either Basic in all that it has, or in nothing.
    fn check_sku(
        &mut self,
        balancer: &Spanned<String>,
        sku: LoadBalancerSku,
        reference: &Spanned<String>,
        nic: NicRef,
        report: &mut Report,
    ) {
        const CODE: &str = "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed";
        let help = "all public addresses and load balancers of a network interface have one SKU";
        let requests =
            self.machines.get(nic.vm.0).and_then(|vm| vm.nics.get(nic.index.0)).map(|nic| &nic.requests);
        let mut public_ips = requests.into_iter().flatten().filter_map(|request| request.public_ip);
        let basic = sku == LoadBalancerSku::Basic;
        if public_ips.any(|id| (self.public_ips.sku(id) == PublicIpSku::Basic) != basic) {
            let message = format!(
                "load balancer `{balancer}` is {sku}, the public address of `{reference}` behind it is not"
            );
            report.error(CODE, reference.span, message, help);
        }
        match self.members.entry(nic) {
            Entry::Vacant(free) => drop(free.insert((balancer.value.clone(), sku))),
            Entry::Occupied(other) if (other.get().1 == LoadBalancerSku::Basic) != basic => {
                let message = format!(
                    "`{reference}` is behind load balancer `{balancer}`, which is {sku}, and behind `{}`, which is not",
                    other.get().0
                );
                report.error(CODE, reference.span, message, help);
            }
            Entry::Occupied(_) => {}
        }
    }
}
