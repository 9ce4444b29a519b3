//! Virtual machines: interfaces, host, guest.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use goal_state::VmName;

use crate::network::{HostId, Nic, PowerState, VirtualMachine, VnetId};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::firewall::{Forwarding, is_firewalls};
use super::guest::check_guest;
use super::host::Hosts;
use super::limits;
use super::mac::MacAddresses;
use super::network_interface::{DraftNic, NicCheck, TypedNic};
use super::placement::Placement;
use super::private_address::AddressClaim;
use super::public_ip_address::PublicIps;
use super::report::Report;
use super::virtual_network::DraftVnet;

/// The size of a VM that names none.
const DEFAULT_SIZE: &str = "Standard_D4s_v5";

/// A virtual machine whose NICs have no addresses yet.
#[derive(Debug)]
pub(super) struct DraftVm<'t> {
    name: &'t Spanned<String>,
    raw: &'t topology::VirtualMachine,
    pub(super) nics: Vec<DraftNic>,
}

impl DraftVm<'_> {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name.value
    }

    /// The addresses that its NICs ask for.
    pub(super) fn claims(&self) -> impl Iterator<Item = AddressClaim> {
        self.nics.iter().map(|nic| AddressClaim {
            subnet: nic.subnet,
            at: nic.at,
            requests: nic.requests.clone(),
        })
    }

    /// The virtual network of its NICs; that of the first when they are in several.
    fn vnet(&self) -> Option<VnetId> {
        self.nics.iter().find_map(|nic| nic.subnet).map(|subnet| subnet.vnet)
    }
}

/// Every virtual machine of the file with what it refers to, in the order of the file.
pub(super) fn drafts<'t>(
    topology: &'t Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> Vec<DraftVm<'t>> {
    let check = NicCheck { topology, directory, vnets };
    let machines = topology.virtual_machines.iter();
    let machines: Vec<_> = machines.map(|(name, raw)| draft(name, raw, check, public_ips, report)).collect();
    report_namespace_collisions(&machines, report);
    machines
}

/// Gives the drafts their addresses, NIC by NIC, MAC addresses and hosts. None for a machine that has something wrong.
pub(super) fn virtual_machines(
    lab: &str,
    drafts: &[DraftVm<'_>],
    addresses: Vec<Option<Vec<Ipv4Addr>>>,
    directory: &Directory,
    vnets: &[DraftVnet],
    hosts: &Hosts,
    report: &mut Report,
) -> Vec<Option<VirtualMachine>> {
    let mut addresses = addresses.into_iter();
    let placed = place(drafts, directory, vnets, hosts, report);
    let mut macs = MacAddresses::default();
    let mut machines = Vec::new();
    for (draft, host) in drafts.iter().zip(placed) {
        let mut nics = Vec::new();
        for (nic, addresses) in draft.nics.iter().zip(addresses.by_ref()) {
            nics.push(finish_nic(lab, draft, nic, addresses, &mut macs));
        }
        let is_firewall = draft.nics.iter().any(|nic| is_firewalls(nic.subnet, vnets));
        machines.push(finish(draft, is_firewall, host, nics.into_iter().collect()));
    }
    machines
}

fn draft<'t>(
    name: &'t Spanned<String>,
    raw: &'t topology::VirtualMachine,
    check: NicCheck<'_>,
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> DraftVm<'t> {
    let nics = typed_nics(name, raw, report);
    let nics: Vec<_> =
        nics.into_iter().map(|nic| check.draft(&name.value, nic, public_ips, report)).collect();
    let draft = DraftVm { name, raw, nics };
    check_one_network(&draft, check.vnets, report);
    check_region(&draft, check, report);
    check_guest(&format!("virtual machine `{name}`"), name.span, raw.listen.as_ref(), &raw.commands, report);
    draft
}

fn typed_nics<'t>(
    name: &Spanned<String>,
    raw: &'t topology::VirtualMachine,
    report: &mut Report,
) -> Vec<TypedNic<'t>> {
    if raw.network_interfaces.is_empty() {
        return vec![TypedNic::of_machine(name, raw)];
    }
    report.names("network interface", limits::RESOURCE_NAME, raw.network_interfaces.names());
    let what = format!("network interfaces of `{name}`");
    report.at_most(limits::NICS_PER_VM, raw.network_interfaces.len(), name.span, &what);
    for (field, at) in fields_of_a_nic(raw) {
        let message = format!("virtual machine `{name}` has networkInterfaces and `{field}`");
        report.error("NetworkInterfaceTwice", at, message, format!("write `{field}` on a network interface"));
    }
    raw.network_interfaces.iter().map(TypedNic::of_list).collect()
}

/// The fields of an interface that stand right on the machine.
fn fields_of_a_nic(raw: &topology::VirtualMachine) -> Vec<(&'static str, Span)> {
    let asgs = raw.application_security_groups.as_ref().and_then(|asgs| asgs.first());
    [
        ("subnet", raw.subnet.as_ref().map(|field| field.span)),
        ("privateIPAddress", raw.private_ip_address.as_ref().map(|field| field.span)),
        ("publicIPAddress", raw.public_ip_address.as_ref().map(|field| field.span)),
        ("networkSecurityGroup", raw.network_security_group.as_ref().map(|field| field.span)),
        ("applicationSecurityGroups", asgs.map(|field| field.span)),
        ("enableAcceleratedNetworking", raw.enable_accelerated_networking.as_ref().map(|field| field.span)),
        ("enableIPForwarding", raw.enable_ip_forwarding.as_ref().map(|field| field.span)),
        ("ipConfigurations", raw.ip_configurations.names().next().map(|name| name.span)),
    ]
    .into_iter()
    .filter_map(|(field, at)| Some((field, at?)))
    .collect()
}

fn check_one_network(draft: &DraftVm<'_>, vnets: &[DraftVnet], report: &mut Report) {
    let Some(first) = draft.vnet() else { return };
    for nic in &draft.nics {
        let Some(other) = nic.subnet.map(|subnet| subnet.vnet).filter(|other| *other != first) else {
            continue;
        };
        let (one, two) = (&vnets[first.0].name, &vnets[other.0].name);
        let message =
            format!("virtual machine `{}` has network interfaces in `{one}` and `{two}`", draft.name);
        let help = "all network interfaces of a virtual machine are in one virtual network";
        report.error("NetworkInterfacesInDifferentVnets", nic.at, message, help);
    }
}

fn check_region(draft: &DraftVm<'_>, check: NicCheck<'_>, report: &mut Report) {
    let (Some(location), Some(vnet)) = (&draft.raw.location, draft.vnet()) else { return };
    let (region, vnet) = (check.directory.locations.of(Some(location)), &check.vnets[vnet.0]);
    if region != vnet.location {
        let name = draft.name;
        let message = format!(
            "virtual machine `{name}` is in {region}, its virtual network `{}` in {}",
            vnet.name, vnet.location
        );
        let help = format!("leave location out, or use a virtual network in {region}");
        report.error("ResourcesInDifferentRegions", location.span, message, help);
    }
}

/// The namespace of a port is named after VM and NIC, and `a-b` with `c` reads like `a` with `b-c`.
fn report_namespace_collisions(machines: &[DraftVm<'_>], report: &mut Report) {
    let mut owners: HashMap<String, String> = HashMap::new();
    for machine in machines {
        for nic in &machine.nics {
            let Some(nic_name) = &nic.name else { continue };
            let path = format!("{}/{nic_name}", machine.name);
            let namespace = format!("port-{}-{nic_name}", machine.name);
            let Some(other) = owners.insert(namespace.clone(), path.clone()).filter(|other| *other != path)
            else {
                continue;
            };
            let message = format!("`{other}` and `{path}` would both have the namespace {namespace}");
            report.error(
                "NamespaceCollision",
                nic.at,
                message,
                "give one of the network interfaces another name",
            );
        }
    }
}

/// Hosts of all machines: those that the file names first, then the others on the least loaded of their region.
fn place(
    drafts: &[DraftVm<'_>],
    directory: &Directory,
    vnets: &[DraftVnet],
    hosts: &Hosts,
    report: &mut Report,
) -> Vec<Option<HostId>> {
    let mut placement = Placement::new(hosts.list.len());
    let pinned: Vec<_> = drafts.iter().map(|draft| pinned_host(draft, vnets, hosts, report)).collect();
    pinned.iter().flatten().for_each(|host| placement.pin(*host));
    let mut placed = Vec::new();
    for (draft, pinned) in drafts.iter().zip(pinned) {
        let region = match draft.vnet() {
            Some(vnet) => vnets[vnet.0].location.clone(),
            None => directory.locations.of(draft.raw.location.as_ref()),
        };
        let dynamic = draft.raw.host.is_none() && draft.vnet().is_some() && !hosts.list.is_empty();
        let host = if dynamic { placement.place(&hosts.in_region(&region)) } else { pinned };
        if dynamic && host.is_none() {
            let message = format!("there is no host in {region} for virtual machine `{}`", draft.name);
            let help = format!("add one to hosts with `location: {region}`");
            report.error("NoHostInRegion", draft.name.span, message, help);
        }
        placed.push(host);
    }
    placed
}

fn pinned_host(
    draft: &DraftVm<'_>,
    vnets: &[DraftVnet],
    hosts: &Hosts,
    report: &mut Report,
) -> Option<HostId> {
    let wanted = draft.raw.host.as_ref()?;
    let at = report.resolve("host", &hosts.names, wanted)?;
    let (host, vnet) = (hosts.list.get(at)?, &vnets.get(draft.vnet()?.0)?);
    if host.location != vnet.location {
        let message = format!(
            "host `{wanted}` is in {}, virtual network `{}` in {}",
            host.location, vnet.name, vnet.location
        );
        report.error("HostInOtherRegion", wanted.span, message, format!("use a host in {}", vnet.location));
    }
    Some(HostId(at))
}

fn finish_nic(
    lab: &str,
    draft: &DraftVm<'_>,
    nic: &DraftNic,
    addresses: Option<Vec<Ipv4Addr>>,
    macs: &mut MacAddresses,
) -> Option<Nic> {
    let name = nic.name.clone()?;
    let mac = macs.assign(lab, &draft.name.value, name.as_str());
    let addresses = addresses?;
    let public_ips = addresses.iter().zip(&nic.requests);
    Some(Nic {
        name,
        mac,
        subnet: nic.subnet?,
        public_ips: public_ips
            .filter_map(|(address, request)| Some((*address, request.public_ip?)))
            .collect(),
        addresses,
        nsg: nic.nsg,
        asgs: nic.asgs.iter().map(|(asg, _)| *asg).collect(),
        enable_ip_forwarding: nic.enable_ip_forwarding,
        enable_accelerated_networking: nic.enable_accelerated_networking,
    })
}

fn finish(
    draft: &DraftVm<'_>,
    is_firewall: bool,
    host: Option<HostId>,
    nics: Option<Vec<Nic>>,
) -> Option<VirtualMachine> {
    let forwarding = Forwarding::of(draft.raw.guest.as_ref(), is_firewall);
    Some(VirtualMachine {
        name: VmName::new(&draft.name.value).ok()?,
        host: host?,
        power_state: draft.raw.power_state.as_ref().map_or(PowerState::Running, |state| state.value),
        size: draft.raw.size.as_ref().map_or_else(|| DEFAULT_SIZE.to_owned(), |size| size.value.clone()),
        nics: nics?,
        guest_ip_forwarding: forwarding.ip_forwarding,
        guest_masquerade: forwarding.masquerade,
        guest_masquerade_except: forwarding.masquerade_except,
        listen: draft.raw.listen.as_ref().map(|listen| listen.iter().map(|port| port.value.0).collect()),
        commands: draft.raw.commands.iter().map(|command| command.value.clone()).collect(),
    })
}
