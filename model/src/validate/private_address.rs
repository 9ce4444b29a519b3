//! Private addresses of NICs, private endpoints and frontends: first those that the file names, then the first free ones in the order of the file.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::address_allocation::{AddressAllocation, reserved_for, usable};
use super::network_interface::AddressRequest;
use super::report::Report;
use super::virtual_network::DraftVnet;
use crate::network::SubnetRef;
use crate::topology::Span;

/// What wants addresses of a subnet: a NIC, a private endpoint, a frontend.
#[derive(Debug)]
pub(super) struct AddressClaim {
    pub(super) subnet: Option<SubnetRef>,
    pub(super) at: Span,
    pub(super) requests: Vec<AddressRequest>,
}

/// The addresses of each claim, in its order; none where a request cannot be met.
pub(super) fn private_addresses(
    claims: &[AddressClaim],
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Vec<Option<Vec<Ipv4Addr>>> {
    let mut assignment = Assignment {
        vnets,
        allocations: vnets.iter().map(|_| AddressAllocation::default()).collect(),
        full: Vec::new(),
    };
    let named: Vec<_> = claims.iter().map(|claim| assignment.named(claim, report)).collect();
    claims.iter().zip(named).map(|(claim, named)| assignment.rest(claim, named, report)).collect()
}

struct Assignment<'a> {
    vnets: &'a [DraftVnet],
    allocations: Vec<AddressAllocation>,
    /// Subnets whose lack of addresses has been reported.
    full: Vec<SubnetRef>,
}

impl Assignment<'_> {
    /// Takes the addresses that the file names for `claim`: one entry per request, none for a dynamic one. None when
    /// one of them cannot be had.
    fn named(&mut self, claim: &AddressClaim, report: &mut Report) -> Option<Vec<Option<Ipv4Addr>>> {
        let subnet = claim.subnet?;
        let prefix = self.prefix(subnet)?;
        let mut right = true;
        for request in &claim.requests {
            right &= self.take(subnet, prefix, request, report);
        }
        right.then(|| claim.requests.iter().map(|request| request.address).collect())
    }

    fn prefix(&self, subnet: SubnetRef) -> Option<Ipv4Net> {
        self.vnets.get(subnet.vnet.0)?.subnets.get(subnet.index)?.prefix
    }

    fn take(
        &mut self,
        subnet: SubnetRef,
        prefix: Ipv4Net,
        request: &AddressRequest,
        report: &mut Report,
    ) -> bool {
        let Some(address) = request.address else { return true };
        let (first, last) = usable(prefix);
        let help = format!("use an address from {first} to {last}");
        if !prefix.contains(&address) {
            let message = format!("{address} is not in subnet `{}` ({prefix})", self.path(subnet));
            report.error("PrivateIPAddressNotInSubnet", request.at, message, help);
            return false;
        }
        if let Some(purpose) = reserved_for(prefix, address) {
            let message =
                format!("{address} is reserved in subnet `{}` ({prefix}) for {purpose}", self.path(subnet));
            report.error("PrivateIPAddressInReservedRange", request.at, message, help);
            return false;
        }
        let free = self.allocations.get_mut(subnet.vnet.0).is_some_and(|allocation| allocation.take(address));
        if !free {
            let message =
                format!("{address} is there twice in virtual network `{}`", self.vnets[subnet.vnet.0].name);
            report.error(
                "PrivateIPAddressInUse",
                request.at,
                message,
                "give each network interface its own address",
            );
        }
        free
    }

    /// Completes the addresses of `claim` with free ones.
    fn rest(
        &mut self,
        claim: &AddressClaim,
        named: Option<Vec<Option<Ipv4Addr>>>,
        report: &mut Report,
    ) -> Option<Vec<Ipv4Addr>> {
        let subnet = claim.subnet?;
        let prefix = self.prefix(subnet)?;
        let addresses: Vec<_> = named?
            .into_iter()
            .map(|address| {
                address.or_else(|| self.allocations.get_mut(subnet.vnet.0)?.take_first_free(prefix))
            })
            .collect();
        let complete: Option<Vec<_>> = addresses.into_iter().collect();
        if complete.is_none() && !self.full.contains(&subnet) {
            self.full.push(subnet);
            let message = format!("subnet `{}` ({prefix}) has no free address left", self.path(subnet));
            let help =
                format!("a /{} has {} addresses: use a larger subnet", prefix.prefix_len(), count(prefix));
            report.error("SubnetIsFull", claim.at, message, help);
        }
        complete
    }

    fn path(&self, subnet: SubnetRef) -> String {
        let vnet = &self.vnets[subnet.vnet.0];
        format!("{}/{}", vnet.name, vnet.subnets[subnet.index].name)
    }
}

/// How many addresses of a subnet NICs may have.
fn count(prefix: Ipv4Net) -> u32 {
    let (first, last) = usable(prefix);
    u32::from(last).saturating_sub(u32::from(first)).saturating_add(1)
}
