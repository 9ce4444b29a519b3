//! From what was typed to what it means: every reference resolved, every rule of Azure checked, every number assigned.
//!
//! What Azure Resource Manager would refuse is an error. What Azure accepts and then does not carry is a warning, and so is
//! what a review of the design would ask about.
//! All problems are told at once.

mod address_allocation;
mod announcement;
mod application_security_group;
mod autonomous_system;
mod bastion;
mod behavior;
mod connection;
mod directory;
mod firewall;
pub(crate) mod fnv;
mod gateway;
mod guest;
mod host;
mod internet;
mod limits;
mod load_balancer;
mod local_network_gateway;
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
mod private_dns_zone;
mod private_endpoint;
mod public_address;
mod public_ip_address;
mod region;
mod report;
mod route_server;
mod route_table;
mod rule_side;
mod security_admin;
mod service;
mod service_endpoint;
mod service_subnet;
mod service_tag;
mod service_tag_file;
mod service_tag_names;
mod special_subnet;
mod subnet;
mod subnet_property;
mod subnet_reference;
mod surroundings;
mod test_case;
#[cfg(test)]
mod tests;
mod user_next_hop;
mod virtual_machine;
mod virtual_network;
mod virtual_network_property;
mod vni;

use crate::diagnostic::{Diagnostic, Lines, Severity};
use crate::network::edge::add_edge;
use crate::network::{Network, Peering, VirtualMachine};
use crate::review::review;
use crate::topology::{self, Span, Topology};

use directory::Directory;
pub(crate) use fnv::hash_of_names;
pub(crate) use mac::mac_of;
pub(crate) use overlap::overlaps_within;
pub(crate) use peering::peered_by_subnet;
use private_address::private_addresses;
use public_ip_address::PublicIps;
use report::Report;
use service_tag::Catalogue;
pub use service_tag::TagFile;
pub(crate) use special_subnet::takes_network_security_group;
use surroundings::{DraftSurroundings, public_ip_addresses};
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
    let security_admin_configurations =
        security_admin::security_admin_configurations(topology, &directory, &mut tags, report);
    let service_tags = tags.into_tags();
    let context = VnetContext {
        topology,
        directory: &directory,
        network_security_groups: &network_security_groups,
        route_tables: &route_tables,
        service_tags: &service_tags,
        behavior,
    };
    let vnets = virtual_network::virtual_networks(&context, report);
    let peerings = peering::peerings(topology, &directory, &vnets, report);
    let hosts = host::hosts(topology, &directory, &vnets, report);
    let mut public_ips = PublicIps::new(topology, &directory, report);
    let drafts = virtual_machine::drafts(topology, &directory, &vnets, &mut public_ips, report);
    application_security_group::check_members(topology, &directory, &drafts, &vnets, report);
    let lab = topology.name.value.0.as_str();
    let surroundings = DraftSurroundings::new(topology, &directory, &vnets, &drafts, &mut public_ips, report);
    let mut claims: Vec<_> = drafts.iter().flat_map(DraftVm::claims).collect();
    let of_machines = claims.len();
    claims.extend(surroundings.claims());
    let mut addresses = private_addresses(&claims, &vnets, report);
    let of_surroundings = addresses.split_off(of_machines).into_iter();
    let machines =
        virtual_machine::virtual_machines(lab, &drafts, addresses, &directory, &vnets, &hosts, report);
    let public_ip_addresses = public_ip_addresses(topology, public_ips, &vnets, report);
    let private_dns_zones = private_dns_zone::private_dns_zones(topology, &directory, report);
    // Made when the first test asks.
    let lines = std::cell::OnceCell::new();
    let line_of = |span: Span| lines.get_or_init(|| Lines::new(text)).position(span.start).line;
    let tests = test_case::test_cases(topology, &directory, &line_of, report);
    if !report.is_clean() {
        return None;
    }
    let machines = machines.into_iter().collect::<Option<Vec<VirtualMachine>>>()?;
    let surroundings = surroundings.finish(of_surroundings, &machines)?;
    let mut network = Network {
        edge: None,
        name: lab.to_owned(),
        hosts: hosts.list,
        virtual_networks: finish_vnets(vnets, peerings)?,
        network_security_groups,
        application_security_groups,
        route_tables,
        virtual_machines: machines,
        subscription: topology
            .subscription
            .as_ref()
            .map_or(topology::Subscription::EnterpriseAgreement, |subscription| subscription.value),
        behavior,
        service_tags,
        security_admin_configurations,
        public_ip_addresses: public_ip_addresses?,
        nat_gateways: surroundings.nat_gateways,
        load_balancers: surroundings.load_balancers,
        private_endpoints: surroundings.private_endpoints,
        private_dns_zones,
        services: surroundings.services,
        internet_hosts: surroundings.internet_hosts,
        virtual_network_gateways: surroundings.virtual_network_gateways,
        local_network_gateways: surroundings.local_network_gateways,
        express_route_circuits: surroundings.express_route_circuits,
        connections: surroundings.connections,
        route_servers: surroundings.route_servers,
        on_premises: surroundings.on_premises,
        tests,
    };
    add_edge(&mut network);
    Some(network)
}

fn finish_vnets(
    drafts: Vec<DraftVnet>,
    peerings: Vec<Vec<Peering>>,
) -> Option<Vec<crate::network::VirtualNetwork>> {
    drafts.into_iter().zip(peerings).map(|(draft, peerings)| draft.finish(peerings)).collect()
}
