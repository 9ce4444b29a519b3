//! From what was typed to what it means: every reference resolved, every rule of Azure checked, every number assigned.
//!
//! What Azure Resource Manager would refuse is an error. What Azure accepts and then does not carry is a warning, and so is
//! what a review of the design would ask about.
//! All problems are told at once.

mod address_allocation;
mod application_security_group;
mod behavior;
mod directory;
mod fnv;
mod guest;
mod host;
mod internet;
mod limits;
mod location;
mod mac;
mod name;
mod nat_gateway;
mod network_interface;
mod network_security_group;
mod on_premises;
mod overlap;
mod peering;
mod peering_gateway;
mod peering_scope;
mod peering_space;
mod placement;
mod private_address;
mod public_address;
mod public_ip_address;
mod region;
mod report;
mod route_table;
mod rule_side;
mod service_endpoint;
mod service_tag;
mod service_tag_file;
mod service_tag_names;
mod special_subnet;
mod subnet;
mod subnet_property;
mod test_case;
#[cfg(test)]
mod tests;
mod user_next_hop;
mod virtual_machine;
mod virtual_network;
mod virtual_network_property;
mod vni;

use crate::diagnostic::{Diagnostic, Severity, line_column};
use crate::network::public::PublicIpSku;
use crate::network::{Network, Peering, PublicIpAddress, VirtualMachine};
use crate::review::review;
use crate::topology::{self, Span, Topology};

use directory::Directory;
use nat_gateway::BasicUse;
pub(crate) use overlap::overlaps_within;
pub(crate) use peering::peered_by_subnet;
use public_ip_address::PublicIps;
use report::Report;
use service_tag::Catalogue;
pub use service_tag::TagFile;
pub(crate) use special_subnet::takes_network_security_group;
use virtual_machine::DraftVm;
use virtual_network::{DraftVnet, VnetContext};

/// What came of a topology file.
#[derive(Debug)]
pub struct Loaded {
    /// What it means; none when there are errors.
    pub network: Option<Network>,
    /// Errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// The problems for which the file is refused.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Error)
    }

    /// The problems with which it is accepted.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Warning)
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |diagnostic| diagnostic.severity == severity)
    }
}

/// Reads and validates a topology file that needs no other file. Never panics, whatever the text is.
#[must_use]
pub fn load(text: &str) -> Loaded {
    load_with(text, NO_FILE)
}

/// The same with the file that `serviceTags` may name.
#[must_use]
pub fn load_with(text: &str, tag_file: TagFile<'_>) -> Loaded {
    read(text, tag_file, |_, _| Vec::new())
}

/// The same as [`load`], with what a review of the design would ask about among the warnings.
#[must_use]
pub fn check(text: &str) -> Loaded {
    check_with(text, NO_FILE)
}

/// The same with the file that `serviceTags` may name.
#[must_use]
pub fn check_with(text: &str, tag_file: TagFile<'_>) -> Loaded {
    read(text, tag_file, review)
}

/// Where the text of the topology is all that there is.
const NO_FILE: TagFile<'static> = &|_| Err("only the text of the topology is at hand".to_owned());

fn read(
    text: &str,
    tag_file: TagFile<'_>,
    review: impl Fn(&Topology, &Network) -> Vec<Diagnostic>,
) -> Loaded {
    let parsed = topology::parse(text);
    let readable = parsed.diagnostics.is_empty();
    let validated = parsed.topology.as_ref().map(|topology| {
        let report = Report::new(&topology.omitted, readable);
        validate(topology, text, tag_file, report)
    });
    let (network, found) = match validated {
        Some(Ok((network, warnings))) => (Some(network), warnings),
        Some(Err(problems)) => (None, problems),
        None => (None, Vec::new()),
    };
    let network = network.filter(|_| readable);
    let mut diagnostics = parsed.diagnostics.clone();
    diagnostics.extend(found);
    if let (Some(topology), Some(network)) = (&parsed.topology, &network) {
        diagnostics.extend(review(topology, network));
    }
    Loaded { network, diagnostics: parsed.with_paths(diagnostics) }
}

/// The network that `topology`, read from `text`, means, and the warnings; or all errors, and the warnings after them.
fn validate(
    topology: &Topology,
    text: &str,
    tag_file: TagFile<'_>,
    mut report: Report,
) -> Result<(Network, Vec<Diagnostic>), Vec<Diagnostic>> {
    let network = network_of(topology, text, tag_file, &mut report);
    if let Some(network) = &network {
        test_case::check_senders(topology, network, &mut report);
    }
    let readable = report.is_readable();
    let warnings = report.finish()?;
    match network {
        Some(network) => Ok((network, warnings)),
        // What is missing could not be read, and that has been told.
        None if !readable => Err(warnings),
        // Every step that gives up says why, so this is a defect of ours; better told than a panic.
        None => Err(vec![Diagnostic::error(
            "Incomplete",
            topology.name.span,
            "the topology could not be completed",
        )]),
    }
}

fn network_of(
    topology: &Topology,
    text: &str,
    tag_file: TagFile<'_>,
    report: &mut Report,
) -> Option<Network> {
    location::check_locations(topology, report);
    let directory = Directory::new(topology, report);
    let behavior = behavior::behavior(topology, report);
    let mut tags = Catalogue::new(topology, tag_file, report);
    let application_security_groups =
        application_security_group::application_security_groups(topology, report);
    let network_security_groups =
        network_security_group::network_security_groups(topology, &directory, &mut tags, report);
    let route_tables = route_table::route_tables(topology, &mut tags, report);
    let service_tags = tags.into_tags();
    let context = VnetContext {
        topology,
        directory: &directory,
        route_tables: &route_tables,
        service_tags: &service_tags,
        behavior,
    };
    let vnets = virtual_network::virtual_networks(&context, report);
    let peerings = peering::peerings(topology, &directory, &vnets, report);
    let hosts = host::hosts(topology, &directory, &vnets, report);
    let mut public_ips = PublicIps::new(topology, &directory, report);
    let nat_gateways = nat_gateway::nat_gateways(topology, &directory, &mut public_ips, report);
    nat_gateway::check_subnets(topology, &vnets, report);
    let drafts = virtual_machine::drafts(topology, &directory, &vnets, &mut public_ips, report);
    application_security_group::check_members(topology, &directory, &drafts, &vnets, report);
    let lab = topology.name.value.0.as_str();
    let machines = virtual_machine::virtual_machines(lab, &drafts, &directory, &vnets, &hosts, report);
    let basic = basic_uses(&drafts, &public_ips);
    nat_gateway::check_basic(topology, &vnets, &basic, report);
    let services = internet::services(topology, &directory, report);
    let on_premises = on_premises::sites(topology, report);
    let public_ip_addresses = public_ip_addresses(topology, public_ips, &vnets, report);
    let line_of = |span: Span| line_column(text, span.start).line;
    let tests = test_case::test_cases(topology, &directory, &line_of, report);
    if !report.is_clean() {
        return None;
    }
    Some(Network {
        name: lab.to_owned(),
        hosts: hosts.list,
        virtual_networks: finish_vnets(vnets, peerings)?,
        network_security_groups,
        application_security_groups,
        route_tables,
        virtual_machines: machines.into_iter().collect::<Option<Vec<VirtualMachine>>>()?,
        subscription: topology
            .subscription
            .as_ref()
            .map_or(topology::Subscription::EnterpriseAgreement, |subscription| subscription.value),
        behavior,
        service_tags,
        security_admin_configurations: Vec::new(),
        public_ip_addresses: public_ip_addresses?,
        nat_gateways,
        load_balancers: Vec::new(),
        private_endpoints: Vec::new(),
        services,
        internet_hosts: internet::internet_hosts(topology),
        virtual_network_gateways: Vec::new(),
        local_network_gateways: Vec::new(),
        express_route_circuits: Vec::new(),
        connections: Vec::new(),
        route_servers: Vec::new(),
        on_premises,
        tests,
    })
}

/// Network interfaces with a public address that is Basic.
fn basic_uses(drafts: &[DraftVm<'_>], public_ips: &PublicIps<'_>) -> Vec<BasicUse> {
    let nics = drafts.iter().flat_map(|draft| draft.nics.iter().map(move |nic| (draft, nic)));
    let basic = nics.filter(|(_, nic)| {
        let mut used = nic.requests.iter().filter_map(|request| request.public_ip);
        used.any(|id| public_ips.sku(id) == PublicIpSku::Basic)
    });
    basic
        .filter_map(|(draft, nic)| {
            let what = format!("the public address of virtual machine `{}`", draft.name());
            Some(BasicUse { subnet: nic.subnet?, what })
        })
        .collect()
}

/// The public addresses with their numbers, all different from each other and from whatever else is public.
fn public_ip_addresses(
    topology: &Topology,
    public_ips: PublicIps<'_>,
    vnets: &[DraftVnet],
    report: &mut Report,
) -> Option<Vec<PublicIpAddress>> {
    let spaces = vnets.iter().flat_map(|vnet| vnet.space.iter().map(|space| (*space, vnet.name.as_str())));
    let spaces: Vec<_> = spaces.collect();
    let numbers = public_ips.typed().chain(internet::numbers(topology)).collect();
    let taken = public_address::check(numbers, &spaces, report);
    let spaces: Vec<_> = spaces.into_iter().map(|(space, _)| space).collect();
    public_ips.finish(&taken, &spaces, report)
}

fn finish_vnets(
    drafts: Vec<DraftVnet>,
    peerings: Vec<Vec<Peering>>,
) -> Option<Vec<crate::network::VirtualNetwork>> {
    drafts.into_iter().zip(peerings).map(|(draft, peerings)| draft.finish(peerings)).collect()
}
