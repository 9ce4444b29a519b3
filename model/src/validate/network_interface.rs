//! Network interfaces: where each is, what is attached to it, and which addresses it asks for.
//!
//! <https://learn.microsoft.com/azure/virtual-network/virtual-network-network-interface>

use std::net::Ipv4Addr;

use goal_state::ids::NicName;

use crate::network::{AsgId, NsgId, PublicIpId, SubnetRef};
use crate::topology::{
    IpConfiguration, Ipv4Address, Map, NetworkInterface, OneOrMany, Span, Spanned, SubnetReference, Topology,
    VirtualMachine,
};

use super::directory::Directory;
use super::firewall::is_firewalls;
use super::limits;
use super::public_ip_address::{PublicIpUser, PublicIps};
use super::report::Report;
use super::special_subnet::special;
use super::subnet_reference::resolve_subnet;
use super::virtual_network::DraftVnet;

/// The name of a VM's only NIC when the file gives it none.
const DEFAULT_NAME: &str = "nic0";

/// A network interface as it was typed, wherever it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypedNic<'t> {
    name: &'t str,
    at: Span,
    subnet: Option<&'t Spanned<SubnetReference>>,
    private_ip_address: Option<&'t Spanned<Ipv4Address>>,
    public_ip_address: Option<&'t Spanned<String>>,
    network_security_group: Option<&'t Spanned<String>>,
    application_security_groups: Option<&'t OneOrMany<String>>,
    enable_accelerated_networking: Option<&'t Spanned<bool>>,
    enable_ip_forwarding: Option<&'t Spanned<bool>>,
    ip_configurations: &'t Map<IpConfiguration>,
}

impl<'t> TypedNic<'t> {
    /// The only NIC of a VM that has its fields right there.
    pub(super) fn of_machine(name: &Spanned<String>, vm: &'t VirtualMachine) -> Self {
        Self {
            name: DEFAULT_NAME,
            at: name.span,
            subnet: vm.subnet.as_ref(),
            private_ip_address: vm.private_ip_address.as_ref(),
            public_ip_address: vm.public_ip_address.as_ref(),
            network_security_group: vm.network_security_group.as_ref(),
            application_security_groups: vm.application_security_groups.as_ref(),
            enable_accelerated_networking: vm.enable_accelerated_networking.as_ref(),
            enable_ip_forwarding: vm.enable_ip_forwarding.as_ref(),
            ip_configurations: &vm.ip_configurations,
        }
    }

    /// One of the NICs of `networkInterfaces`.
    pub(super) fn of_list((name, nic): &'t (Spanned<String>, NetworkInterface)) -> Self {
        Self {
            name: &name.value,
            at: name.span,
            subnet: nic.subnet.as_ref(),
            private_ip_address: nic.private_ip_address.as_ref(),
            public_ip_address: nic.public_ip_address.as_ref(),
            network_security_group: nic.network_security_group.as_ref(),
            application_security_groups: nic.application_security_groups.as_ref(),
            enable_accelerated_networking: nic.enable_accelerated_networking.as_ref(),
            enable_ip_forwarding: nic.enable_ip_forwarding.as_ref(),
            ip_configurations: &nic.ip_configurations,
        }
    }
}

/// An address that a NIC asks for: a certain one, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressRequest {
    pub(super) address: Option<Ipv4Addr>,
    pub(super) at: Span,
    pub(super) public_ip: Option<PublicIpId>,
}

/// A network interface that has no addresses yet.
#[derive(Debug)]
pub(super) struct DraftNic {
    pub(super) name: Option<NicName>,
    pub(super) at: Span,
    pub(super) subnet: Option<SubnetRef>,
    pub(super) requests: Vec<AddressRequest>,
    pub(super) nsg: Option<NsgId>,
    pub(super) asgs: Vec<(AsgId, Span)>,
    pub(super) enable_ip_forwarding: bool,
    pub(super) enable_accelerated_networking: bool,
}

/// What NICs are checked against.
#[derive(Clone, Copy)]
pub(super) struct NicCheck<'a> {
    pub(super) topology: &'a Topology,
    pub(super) directory: &'a Directory,
    pub(super) vnets: &'a [DraftVnet],
}

impl NicCheck<'_> {
    /// Resolves what `nic` of `vm` refers to.
    pub(super) fn draft(
        &self,
        vm: &str,
        nic: TypedNic<'_>,
        public_ips: &mut PublicIps<'_>,
        report: &mut Report,
    ) -> DraftNic {
        let path = format!("{vm}/{}", nic.name);
        let subnet = self.subnet(&path, nic, report);
        DraftNic {
            name: NicName::new(nic.name).ok(),
            at: nic.at,
            subnet,
            requests: self.requests(&path, nic, subnet, public_ips, report),
            nsg: nic.network_security_group.and_then(|group| self.nsg(group, subnet, report)),
            asgs: self.asgs(&path, nic, report),
            enable_ip_forwarding: nic
                .enable_ip_forwarding
                .map_or_else(|| is_firewalls(subnet, self.vnets), |flag| flag.value),
            enable_accelerated_networking: nic.enable_accelerated_networking.is_none_or(|flag| flag.value),
        }
    }

    /// The subnet of the NIC, or of its first ip-configuration. All of them name the same one.
    fn subnet(&self, path: &str, nic: TypedNic<'_>, report: &mut Report) -> Option<SubnetRef> {
        let configured =
            nic.ip_configurations.iter().filter_map(|(_, configuration)| configuration.subnet.as_ref());
        let mut references = nic.subnet.into_iter().chain(configured);
        let Some(first) = references.next() else {
            if report.is_omitted("subnet") {
                return None;
            }
            let message = format!("network interface `{path}` has no subnet");
            let help = "give it one, such as `subnet: spoke1/web`";
            report.error("SubnetMissing", nic.at, message, help);
            return None;
        };
        let subnet = resolve_subnet(first, self.directory, self.vnets, report);
        for other in references {
            let resolved = resolve_subnet(other, self.directory, self.vnets, report);
            if resolved.is_some() && subnet.is_some() && resolved != subnet {
                let message =
                    format!("network interface `{path}` has addresses in `{}` and `{}`", first, other);
                let help = "all addresses of a network interface are in one subnet";
                report.error("IpConfigurationsInDifferentSubnets", other.span, message, help);
            }
        }
        self.check_special(path, subnet?, first.span, report);
        subnet
    }

    fn check_special(&self, path: &str, subnet: SubnetRef, at: Span, report: &mut Report) {
        let Some(name) = self.vnets.get(subnet.vnet.0).and_then(|vnet| vnet.subnets.get(subnet.index)) else {
            return;
        };
        if let Some(special) = special(&name.name).filter(|special| !special.virtual_machines) {
            let message =
                format!("network interface `{path}` is in {}, which takes no virtual machines", special.name);
            report.error("SpecialSubnetVirtualMachine", at, message, "put it into an ordinary subnet");
        } else if let Some(delegation) = &name.properties.delegation {
            let message =
                format!("network interface `{path}` is in a subnet that is delegated to {delegation}");
            let help = "only that service puts interfaces there: use another subnet";
            report.error("DelegatedSubnetVirtualMachine", at, message, help);
        }
    }

    fn nsg(&self, group: &Spanned<String>, subnet: Option<SubnetRef>, report: &mut Report) -> Option<NsgId> {
        let names = &self.directory.network_security_groups;
        let at = report.resolve("network security group", names, group)?;
        let written =
            self.topology.network_security_groups.iter().nth(at).and_then(|(_, raw)| raw.location.as_ref());
        let vnet = subnet.and_then(|subnet| self.vnets.get(subnet.vnet.0));
        if let (Some(written), Some(vnet)) = (written, vnet) {
            let region = self.directory.locations.of(Some(written));
            if region != vnet.location {
                let message = format!(
                    "network security group `{group}` is in {region}, the network interface in {}",
                    vnet.location
                );
                let help = format!("use one in {}: give it `location: {}`", vnet.location, vnet.location);
                report.error("ResourcesInDifferentRegions", group.span, message, help);
            }
        }
        Some(NsgId(at))
    }

    fn asgs(&self, path: &str, nic: TypedNic<'_>, report: &mut Report) -> Vec<(AsgId, Span)> {
        let Some(typed) = nic.application_security_groups else { return Vec::new() };
        let what = format!("application security groups of `{path}`");
        report.at_most(limits::ASGS_PER_IP_CONFIGURATION, typed.len(), nic.at, &what);
        let names = &self.directory.application_security_groups;
        let mut asgs: Vec<(AsgId, Span)> = Vec::new();
        for name in typed {
            let Some(asg) = report.resolve("application security group", names, name).map(AsgId) else {
                continue;
            };
            if asgs.iter().all(|(other, _)| *other != asg) {
                asgs.push((asg, name.span));
            }
        }
        asgs
    }

    fn requests(
        &self,
        path: &str,
        nic: TypedNic<'_>,
        subnet: Option<SubnetRef>,
        public_ips: &mut PublicIps<'_>,
        report: &mut Report,
    ) -> Vec<AddressRequest> {
        let vnet = subnet.and_then(|subnet| self.vnets.get(subnet.vnet.0));
        let region = vnet.map(|vnet| vnet.location.as_str());
        let user = PublicIpUser { name: &format!("network interface `{path}`"), region };
        typed_requests(path, nic, report)
            .into_iter()
            .map(|typed| AddressRequest {
                address: typed.address.map(|address| address.value.0),
                at: typed.address.map_or(typed.at, |address| address.span),
                public_ip: typed
                    .public_ip_address
                    .and_then(|reference| public_ips.claim(reference, user, self.directory, report)),
            })
            .collect()
    }
}

/// An address of a NIC as it was typed.
struct TypedRequest<'t> {
    at: Span,
    address: Option<&'t Spanned<Ipv4Address>>,
    public_ip_address: Option<&'t Spanned<String>>,
}

fn typed_requests<'t>(path: &str, nic: TypedNic<'t>, report: &mut Report) -> Vec<TypedRequest<'t>> {
    if nic.ip_configurations.is_empty() {
        let TypedNic { at, private_ip_address, public_ip_address, .. } = nic;
        return vec![TypedRequest { at, address: private_ip_address, public_ip_address }];
    }
    report.names("ip configuration", limits::RESOURCE_NAME, nic.ip_configurations.names());
    let what = format!("addresses of `{path}`");
    report.at_most(limits::ADDRESSES_PER_NIC, nic.ip_configurations.len(), nic.at, &what);
    let help = "write the address in the first ipConfiguration";
    if let Some(address) = nic.private_ip_address {
        let message = format!("network interface `{path}` has a privateIPAddress and ipConfigurations");
        report.error("PrivateIPAddressTwice", address.span, message, help);
    }
    if let Some(address) = nic.public_ip_address {
        let message = format!("network interface `{path}` has a publicIPAddress and ipConfigurations");
        report.error("PublicIPAddressTwice", address.span, message, help);
    }
    let configurations = nic.ip_configurations.iter();
    configurations
        .map(|(name, typed)| TypedRequest {
            at: name.span,
            address: typed.private_ip_address.as_ref(),
            public_ip_address: typed.public_ip_address.as_ref(),
        })
        .collect()
}
