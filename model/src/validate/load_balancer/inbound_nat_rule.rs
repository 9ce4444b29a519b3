//! Inbound NAT rules: a port in front for one machine, or a port for each machine of a pool.
//!
//! <https://learn.microsoft.com/azure/load-balancer/inbound-nat-rules>

use crate::network::public::LoadBalancerProtocol;
use crate::network::{InboundNatRule, LoadBalancingRule, NicRef};
use crate::topology::{self, Span, Spanned};

use super::super::limits;
use super::super::report::Report;
use super::rule::covers_same;
use super::{Balancer, Context};

/// The rules of a load balancer; none for one that has something wrong.
pub(super) fn rules(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    context: &Context<'_, '_, '_>,
    report: &mut Report,
) -> Vec<Option<InboundNatRule>> {
    report.names("inbound NAT rule", limits::RESOURCE_NAME, raw.inbound_nat_rules.names());
    let rules = raw.inbound_nat_rules.iter();
    rules.map(|(name, typed)| rule(balancer, name, typed, context, report)).collect()
}

fn rule(
    balancer: &Balancer<'_>,
    name: &Spanned<String>,
    typed: &topology::InboundNatRule,
    context: &Context<'_, '_, '_>,
    report: &mut Report,
) -> Option<InboundNatRule> {
    let what = format!("inbound NAT rule `{}/{name}`", balancer.name);
    let frontend = balancer.frontend(&typed.frontend_ip_configuration, report);
    let ports = [&typed.frontend_port, &typed.frontend_port_range_start, &typed.frontend_port_range_end];
    for port in ports.into_iter().flatten().chain([&typed.backend_port]) {
        if port.value == 0 {
            let message = format!("{what} has port 0");
            report.error("InvalidPort", port.span, message, "use a port from 1 to 65535");
        }
    }
    let idle =
        balancer.idle(&what, typed.idle_timeout_in_minutes.as_ref(), typed.enable_tcp_reset.as_ref(), report);
    let backends = match (&typed.backend, &typed.backend_address_pool) {
        (Some(backend), None) => of_machine(&what, typed, backend, context, report),
        (None, Some(pool)) => of_pool(&what, typed, pool, balancer, report),
        _ => {
            let message = format!("{what} leads to one machine or to a pool");
            report.error(
                "InboundNatRuleBackend",
                name.span,
                message,
                "write `backend` or `backendAddressPool`",
            );
            None
        }
    };
    Some(InboundNatRule {
        name: name.value.clone(),
        frontend: frontend?,
        backends: backends?,
        protocol: typed.protocol.value,
        backend_port: typed.backend_port.value,
        enable_floating_ip: typed.enable_floating_ip.as_ref().is_some_and(|flag| flag.value),
        idle,
    })
}

fn of_machine(
    what: &str,
    typed: &topology::InboundNatRule,
    backend: &Spanned<String>,
    context: &Context<'_, '_, '_>,
    report: &mut Report,
) -> Option<Vec<(NicRef, u16)>> {
    let nic = context.nic(backend, report);
    let range = [&typed.frontend_port_range_start, &typed.frontend_port_range_end];
    let Some(port) = typed.frontend_port.as_ref().filter(|_| range.iter().all(|port| port.is_none())) else {
        let message = format!("{what} leads to one machine");
        let help = "give it a `frontendPort`, and no range of ports";
        report.error("InboundNatRulePorts", backend.span, message, help);
        return None;
    };
    Some(vec![(nic?, port.value)])
}

fn of_pool(
    what: &str,
    typed: &topology::InboundNatRule,
    pool: &Spanned<String>,
    balancer: &Balancer<'_>,
    report: &mut Report,
) -> Option<Vec<(NicRef, u16)>> {
    balancer.check_standard("an inbound NAT rule for a pool", pool.span, report);
    let found = balancer.pool(pool, report);
    let range = typed.frontend_port_range_start.as_ref().zip(typed.frontend_port_range_end.as_ref());
    let Some((first, last)) = range.filter(|_| typed.frontend_port.is_none()) else {
        let message = format!("{what} leads to a pool");
        let help = "give it `frontendPortRangeStart` and `frontendPortRangeEnd`, and no `frontendPort`";
        report.error("InboundNatRulePorts", pool.span, message, help);
        return None;
    };
    let ports = first.value..=last.value;
    let members = &balancer.pools.get(found?)?.1;
    if ports.len() < members.len() || ports.is_empty() {
        let message = format!("{what} has {} ports for {} machines", ports.len(), members.len());
        let help = "each machine takes a port: write a larger range, its start before its end";
        report.error("InboundNatRulePorts", last.span, message, help);
        return None;
    }
    Some(members.iter().copied().zip(ports).collect())
}

/// What one rule takes of a frontend.
struct Taken<'a> {
    frontend: usize,
    protocol: LoadBalancerProtocol,
    ports: (u16, u16),
    name: &'a str,
    at: Span,
}

/// Rules of both kinds that share a frontend take different ports of it.
pub(super) fn check_frontend_ports(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    rules: &[Option<LoadBalancingRule>],
    nat_rules: &[Option<InboundNatRule>],
    report: &mut Report,
) {
    let mut all: Vec<Taken<'_>> = Vec::new();
    for (rule, (_, typed)) in rules.iter().zip(&raw.load_balancing_rules) {
        let Some(LoadBalancingRule { frontend, protocol, frontend_port: port, name, .. }) = rule else {
            continue;
        };
        let at = typed.frontend_port.span;
        all.push(Taken { frontend: *frontend, protocol: *protocol, ports: (*port, *port), name, at });
    }
    for (rule, (name, typed)) in nat_rules.iter().zip(&raw.inbound_nat_rules) {
        let Some(InboundNatRule { frontend, protocol, .. }) = rule else { continue };
        let single = typed.frontend_port.as_ref();
        let (first, last) = (
            single.or(typed.frontend_port_range_start.as_ref()),
            single.or(typed.frontend_port_range_end.as_ref()),
        );
        let Some((first, last)) = first.zip(last) else { continue };
        let ports = (first.value, last.value);
        all.push(Taken {
            frontend: *frontend,
            protocol: *protocol,
            ports,
            name: &name.value,
            at: first.span,
        });
    }
    // Too many have been told already.
    for (index, later) in all.iter().enumerate().take(limits::RULES_PER_LOAD_BALANCER) {
        if let Some(earlier) = all[..index].iter().find(|earlier| meet(earlier, later)) {
            let message = format!(
                "rules `{0}/{1}` and `{0}/{2}` take the same port of one frontend",
                balancer.name, earlier.name, later.name
            );
            report.error("FrontendPortInUse", later.at, message, "use another port, or another frontend");
        }
    }
}

fn meet(one: &Taken<'_>, other: &Taken<'_>) -> bool {
    let overlap = one.ports.0 <= other.ports.1 && other.ports.0 <= one.ports.1;
    // Of two ranges that overlap, the start of one is in the other.
    let (a, b) = if overlap { (1, 1) } else { (one.ports.0, other.ports.0) };
    let port = |taken: &Taken<'_>, overlapping| if taken.ports == (0, 0) { 0 } else { overlapping };
    one.frontend == other.frontend
        && covers_same((one.protocol, port(one, a)), (other.protocol, port(other, b)))
}
