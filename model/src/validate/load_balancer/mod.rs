//! Load balancers: what each part refers to, and which parts go together.
//!
//! <https://learn.microsoft.com/azure/load-balancer/components>, <https://learn.microsoft.com/azure/load-balancer/skus>
//!
//! | module | idea |
//! |---|---|
//! | `frontend` | where it listens |
//! | `backend_pool` | who is behind it |
//! | `probe` | how it asks who is well |
//! | `rule` | rules that spread flows |
//! | `inbound_nat_rule` | rules that lead to one machine |
//! | `outbound_rule` | rules for flows that machines begin |

mod backend_pool;
mod frontend;
mod inbound_nat_rule;
mod outbound_rule;
mod probe;
mod rule;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::network::public::LoadBalancerSku;
use crate::network::{
    IdleFlows, InboundNatRule, LoadBalancer, LoadBalancingRule, NicRef, OutboundRule, Probe,
};
use crate::topology::{self, Span, Spanned, Topology};

use super::directory::Directory;
use super::limits;
use super::name::Names;
use super::nat_gateway::BasicUse;
use super::private_address::AddressClaim;
use super::public_ip_address::PublicIps;
use super::report::Report;
use super::virtual_machine::DraftVm;
use super::virtual_network::DraftVnet;

use frontend::DraftFrontend;

/// Minutes after which an idle flow may be forgotten.
const IDLE_TIMEOUT: RangeInclusive<u32> = 4..=100;

/// A load balancer whose private frontends have no addresses yet.
pub(super) struct DraftLoadBalancer<'t> {
    name: &'t Spanned<String>,
    sku: LoadBalancerSku,
    frontends: Vec<DraftFrontend>,
    backend_pools: Vec<(String, Vec<NicRef>)>,
    probes: Vec<Option<Probe>>,
    load_balancing_rules: Vec<Option<LoadBalancingRule>>,
    inbound_nat_rules: Vec<Option<InboundNatRule>>,
    outbound_rules: Vec<Option<OutboundRule>>,
}

/// What load balancers are read with.
struct Context<'a, 'p, 't> {
    directory: &'a Directory,
    vnets: &'a [DraftVnet],
    machines: &'a [DraftVm<'a>],
    public_ips: &'p mut PublicIps<'t>,
    /// The first load balancer of each interface.
    members: HashMap<NicRef, (String, LoadBalancerSku)>,
}

/// The load balancer whose parts are read: what they may refer to.
struct Balancer<'a> {
    name: &'a str,
    sku: LoadBalancerSku,
    frontend_names: Names,
    frontends: Vec<DraftFrontend>,
    pool_names: Names,
    pools: Vec<(String, Vec<NicRef>)>,
    probe_names: Names,
}

/// Every load balancer of the file, in its order.
pub(super) fn drafts<'t>(
    topology: &'t Topology,
    directory: &Directory,
    vnets: &[DraftVnet],
    machines: &[DraftVm<'_>],
    public_ips: &mut PublicIps<'_>,
    report: &mut Report,
) -> Vec<DraftLoadBalancer<'t>> {
    let mut context = Context { directory, vnets, machines, public_ips, members: HashMap::new() };
    let balancers = topology.load_balancers.iter();
    balancers.map(|(name, raw)| context.draft(name, raw, report)).collect()
}

impl Context<'_, '_, '_> {
    fn draft<'t>(
        &mut self,
        name: &'t Spanned<String>,
        raw: &'t topology::LoadBalancer,
        report: &mut Report,
    ) -> DraftLoadBalancer<'t> {
        let sku = sku(name, raw, report);
        let frontends = self.frontends(name, raw, sku, report);
        let pools = self.backend_pools(name, raw, sku, &frontends, report);
        let limit = limits::RESOURCE_NAME;
        let balancer = Balancer {
            name: &name.value,
            sku,
            frontend_names: report.names("frontend", limit, raw.frontend_ip_configurations.names()),
            frontends,
            pool_names: report.names("backend pool", limit, raw.backend_address_pools.names()),
            pools,
            probe_names: report.names("probe", limit, raw.probes.names()),
        };
        let probes = probe::probes(&balancer, &raw.probes, report);
        let count = raw.load_balancing_rules.len() + raw.inbound_nat_rules.len();
        report.at_most(
            limits::RULES_PER_LOAD_BALANCER,
            count,
            name.span,
            format_args!("rules of load balancer `{name}`"),
        );
        let load_balancing_rules = rule::rules(&balancer, raw, report);
        let inbound_nat_rules = inbound_nat_rule::rules(&balancer, raw, self, report);
        inbound_nat_rule::check_frontend_ports(
            &balancer,
            raw,
            &load_balancing_rules,
            &inbound_nat_rules,
            report,
        );
        let outbound_rules = outbound_rule::rules(&balancer, raw, report);
        DraftLoadBalancer {
            name,
            sku,
            frontends: balancer.frontends,
            backend_pools: balancer.pools,
            probes,
            load_balancing_rules,
            inbound_nat_rules,
            outbound_rules,
        }
    }
}

fn sku(name: &Spanned<String>, raw: &topology::LoadBalancer, report: &mut Report) -> LoadBalancerSku {
    let Some(typed) = &raw.sku else { return LoadBalancerSku::Standard };
    match typed.value {
        LoadBalancerSku::Gateway => report.not_built(typed.span, "load balancers of the SKU Gateway"),
        LoadBalancerSku::Basic => {
            let message = format!("load balancer `{name}` is Basic, which was retired on 30 September 2025");
            report.warning("RetiredSku", typed.span, message, "use `sku: Standard`");
        }
        LoadBalancerSku::Standard => {}
    }
    typed.value
}

impl Balancer<'_> {
    fn frontend(&self, reference: &Spanned<String>, report: &mut Report) -> Option<usize> {
        let parent = format!("{}/", self.name);
        report.resolve_in(&parent, "frontend", &self.frontend_names, &reference.value, reference.span)
    }

    fn pool(&self, reference: &Spanned<String>, report: &mut Report) -> Option<usize> {
        let parent = format!("{}/", self.name);
        report.resolve_in(&parent, "backend pool", &self.pool_names, &reference.value, reference.span)
    }

    /// What becomes of idle flows, which every kind of rule may say.
    fn idle(
        &self,
        rule: &str,
        timeout: Option<&Spanned<u32>>,
        tcp_reset: Option<&Spanned<bool>>,
        report: &mut Report,
    ) -> IdleFlows {
        if let Some(timeout) = timeout {
            report.within(IDLE_TIMEOUT, timeout, &format!("idleTimeoutInMinutes of {rule}"));
        }
        if let Some(reset) = tcp_reset.filter(|reset| reset.value) {
            self.check_standard(&format!("{rule} with enableTcpReset"), reset.span, report);
        }
        let default = IdleFlows::default();
        IdleFlows {
            timeout_in_minutes: timeout.map_or(default.timeout_in_minutes, |timeout| timeout.value),
            tcp_reset: tcp_reset.map_or(default.tcp_reset, |reset| reset.value),
        }
    }

    /// An error when a Basic load balancer has `what`.
    fn check_standard(&self, what: &str, at: Span, report: &mut Report) {
        if self.sku == LoadBalancerSku::Basic {
            let message = format!("load balancer `{}` cannot have {what}: it is Basic", self.name);
            report.error("StandardLoadBalancerNeeded", at, message, "use `sku: Standard`, or leave it out");
        }
    }
}

impl DraftLoadBalancer<'_> {
    /// The addresses that its private frontends ask for.
    pub(super) fn claims(&self) -> impl Iterator<Item = AddressClaim> {
        self.frontends.iter().filter_map(DraftFrontend::claim)
    }

    /// What of it is Basic, and where.
    pub(super) fn basic_uses(&self, machines: &[DraftVm<'_>]) -> Vec<BasicUse> {
        if self.sku != LoadBalancerSku::Basic {
            return Vec::new();
        }
        let nics = self.backend_pools.iter().flat_map(|(_, nics)| nics);
        let members = nics.filter_map(|nic| machines.get(nic.vm.0)?.nics.get(nic.index.0)?.subnet);
        let frontends =
            self.frontends.iter().filter_map(DraftFrontend::claim).filter_map(|claim| claim.subnet);
        let what = || format!("load balancer `{}`", self.name);
        members.chain(frontends).map(|subnet| BasicUse { subnet, what: what() }).collect()
    }

    /// The load balancer with the addresses of [`Self::claims`]; none when a part of it is wrong.
    pub(super) fn finish(self, next: &mut impl FnMut() -> Option<Ipv4Addr>) -> Option<LoadBalancer> {
        // Every claim has an address; take them all before giving up.
        let frontends: Vec<_> = self.frontends.into_iter().map(|frontend| frontend.finish(next)).collect();
        Some(LoadBalancer {
            name: self.name.value.clone(),
            sku: self.sku,
            frontends: frontends.into_iter().collect::<Option<_>>()?,
            backend_pools: self.backend_pools,
            probes: self.probes.into_iter().collect::<Option<_>>()?,
            load_balancing_rules: self.load_balancing_rules.into_iter().collect::<Option<_>>()?,
            inbound_nat_rules: self.inbound_nat_rules.into_iter().collect::<Option<_>>()?,
            outbound_rules: self.outbound_rules.into_iter().collect::<Option<_>>()?,
        })
    }
}
