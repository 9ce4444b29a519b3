//! Outbound rules: flows that machines of a pool begin leave by a frontend.
//!
//! <https://learn.microsoft.com/azure/load-balancer/outbound-rules>

use crate::network::OutboundRule;
use crate::topology::{self, Spanned};

use super::super::limits;
use super::super::report::Report;
use super::Balancer;

/// Ports of a frontend that can be given to machines.
const PORTS_PER_FRONTEND: u64 = 64_000;
/// Ports are given in multiples of this, and each rule for inbound flows takes so many of its frontend.
const PORTS_AT_ONCE: u32 = 8;

/// The rules of a load balancer; none for one that has something wrong.
pub(super) fn rules(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    report: &mut Report,
) -> Vec<Option<OutboundRule>> {
    report.names("outbound rule", limits::RESOURCE_NAME, raw.outbound_rules.names());
    raw.outbound_rules.iter().map(|(name, typed)| rule(balancer, raw, name, typed, report)).collect()
}

fn rule(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    name: &Spanned<String>,
    typed: &topology::OutboundRule,
    report: &mut Report,
) -> Option<OutboundRule> {
    let what = format!("outbound rule `{}/{name}`", balancer.name);
    balancer.check_standard("an outbound rule", name.span, report);
    if typed.frontend_ip_configuration.is_empty() {
        report.empty(
            "OutboundRuleFrontend",
            name.span,
            format!("{what} has no frontend"),
            "name a public one",
        );
    }
    let frontends = typed.frontend_ip_configuration.iter().map(|reference| {
        let at = balancer.frontend(reference, report)?;
        if balancer.frontends.get(at)?.subnet().is_some() {
            let message = format!("{what} has frontend `{reference}`, which is private");
            report.error("OutboundRuleFrontend", reference.span, message, "name a public one");
        }
        Some(at)
    });
    let frontends: Vec<_> = frontends.collect();
    let backend_pool = balancer.pool(&typed.backend_address_pool, report);
    let idle =
        balancer.idle(&what, typed.idle_timeout_in_minutes.as_ref(), typed.enable_tcp_reset.as_ref(), report);
    let frontends: Vec<usize> = frontends.into_iter().collect::<Option<_>>()?;
    if let Some(ports) = &typed.allocated_outbound_ports {
        check_ports(balancer, raw, &what, ports, &frontends, backend_pool?, report);
    }
    Some(OutboundRule {
        name: name.value.clone(),
        frontends,
        backend_pool: backend_pool?,
        protocol: typed.protocol.value,
        allocated_outbound_ports: typed.allocated_outbound_ports.as_ref().map_or(0, |ports| ports.value),
        idle,
    })
}

/// The ports of all machines together come from the frontends, less what rules for inbound flows take.
fn check_ports(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    what: &str,
    ports: &Spanned<u32>,
    frontends: &[usize],
    pool: usize,
    report: &mut Report,
) {
    if !ports.value.is_multiple_of(PORTS_AT_ONCE) {
        let message = format!("{what} gives each machine {ports} ports");
        let help = format!("ports are given in multiples of {PORTS_AT_ONCE}");
        report.error("OutboundPorts", ports.span, message, help);
        return;
    }
    let uses = |reference: &Spanned<String>| {
        balancer.frontend_names.find(&reference.value).is_some_and(|at| frontends.contains(&at))
    };
    let rules =
        raw.load_balancing_rules.iter().filter(|(_, rule)| uses(&rule.frontend_ip_configuration)).count()
            + raw.inbound_nat_rules.iter().filter(|(_, rule)| uses(&rule.frontend_ip_configuration)).count();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let taken = count(rules) * u64::from(PORTS_AT_ONCE);
    let there = (count(frontends.len()) * PORTS_PER_FRONTEND).saturating_sub(taken);
    let members = balancer.pools.get(pool).map_or(0, |(_, members)| count(members.len()));
    let wanted = members * u64::from(ports.value);
    if wanted > there {
        let message =
            format!("{what} gives {members} machines {ports} ports each, {wanted} together, of {there}");
        let help = format!(
            "a frontend has {PORTS_PER_FRONTEND}, less 8 for each rule on it: give fewer, or add a frontend"
        );
        report.error("OutboundPorts", ports.span, message, help);
    }
}
