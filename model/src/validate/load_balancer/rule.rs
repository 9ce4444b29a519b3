//! Rules that spread flows over a pool.
//!
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-ha-ports-overview>,
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-floating-ip>

use crate::network::LoadBalancingRule;
use crate::network::public::{LoadBalancerProtocol, LoadBalancerSku, LoadDistribution};
use crate::topology::{self, Spanned};

use super::super::limits;
use super::super::report::Report;
use super::Balancer;

/// The rules of a load balancer; none for one that has something wrong.
pub(super) fn rules(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    report: &mut Report,
) -> Vec<Option<LoadBalancingRule>> {
    report.names("load balancing rule", limits::RESOURCE_NAME, raw.load_balancing_rules.names());
    let rules: Vec<_> =
        raw.load_balancing_rules.iter().map(|(name, typed)| rule(balancer, name, typed, report)).collect();
    report_backend_ports(balancer, raw, &rules, report);
    rules
}

fn rule(
    balancer: &Balancer<'_>,
    name: &Spanned<String>,
    typed: &topology::LoadBalancingRule,
    report: &mut Report,
) -> Option<LoadBalancingRule> {
    let what = format!("rule `{}/{name}`", balancer.name);
    let frontend = balancer.frontend(&typed.frontend_ip_configuration, report);
    let backend_pool = balancer.pool(&typed.backend_address_pool, report);
    let probe = typed.probe.as_ref().map(|probe| {
        let parent = format!("{}/", balancer.name);
        report.resolve_in(&parent, "probe", &balancer.probe_names, &probe.value, probe.span)
    });
    check_ports(balancer, &what, typed, frontend, report);
    let idle =
        balancer.idle(&what, typed.idle_timeout_in_minutes.as_ref(), typed.enable_tcp_reset.as_ref(), report);
    let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    Some(LoadBalancingRule {
        name: name.value.clone(),
        frontend: frontend?,
        backend_pool: backend_pool?,
        protocol: typed.protocol.value,
        frontend_port: typed.frontend_port.value,
        backend_port: typed.backend_port.value,
        probe: match probe {
            Some(found) => Some(found?),
            None => None,
        },
        load_distribution: typed
            .load_distribution
            .as_ref()
            .map_or(LoadDistribution::Default, |distribution| distribution.value),
        enable_floating_ip: flag(&typed.enable_floating_ip),
        disable_outbound_snat: flag(&typed.disable_outbound_snat),
        idle,
    })
}

/// All protocols go with all ports, and only on internal Standard load balancers.
fn check_ports(
    balancer: &Balancer<'_>,
    what: &str,
    typed: &topology::LoadBalancingRule,
    frontend: Option<usize>,
    report: &mut Report,
) {
    let (front, back) = (typed.frontend_port.value, typed.backend_port.value);
    let at = typed.protocol.span;
    if typed.protocol.value != LoadBalancerProtocol::All {
        for port in [&typed.frontend_port, &typed.backend_port] {
            if port.value == 0 {
                let message = format!("{what} has port 0 and protocol {}", typed.protocol);
                let help = "port 0 is all ports and goes with `protocol: All`: use a port from 1 to 65535";
                report.error("InvalidPort", port.span, message, help);
            }
        }
        return;
    }
    if (front, back) != (0, 0) {
        let message = format!("{what} has protocol All and the ports {front} and {back}");
        let help = "write `frontendPort: 0` and `backendPort: 0` for HA ports, or `protocol: Tcp`";
        report.error("HighAvailabilityPorts", at, message, help);
    }
    let is_private =
        frontend.and_then(|at| balancer.frontends.get(at)).map(|frontend| frontend.subnet().is_some());
    if balancer.sku == LoadBalancerSku::Basic || is_private == Some(false) {
        let message = format!(
            "{what} cannot have HA ports: load balancer `{}` is not internal and Standard",
            balancer.name
        );
        report.error(
            "HighAvailabilityPorts",
            at,
            message,
            "write a rule per port, with `protocol: Tcp` or `Udp`",
        );
    }
}

/// Two rules may not lead to one port of one pool, for its machines could not tell the flows apart.
fn report_backend_ports(
    balancer: &Balancer<'_>,
    raw: &topology::LoadBalancer,
    rules: &[Option<LoadBalancingRule>],
    report: &mut Report,
) {
    let typed = raw.load_balancing_rules.iter();
    let known: Vec<_> =
        rules.iter().zip(typed).filter_map(|(rule, (_, typed))| Some((rule.as_ref()?, typed))).collect();
    // Too many have been told already.
    for (index, (later, typed)) in known.iter().enumerate().take(limits::RULES_PER_LOAD_BALANCER) {
        let same = |(earlier, _): &&(&LoadBalancingRule, _)| {
            let apart = earlier.enable_floating_ip || later.enable_floating_ip;
            !apart
                && earlier.backend_pool == later.backend_pool
                && covers_same((earlier.protocol, earlier.backend_port), (later.protocol, later.backend_port))
        };
        if let Some((earlier, _)) = known[..index].iter().find(same) {
            let message = format!(
                "rules `{0}/{1}` and `{0}/{2}` lead to the same port of one pool without floating IP",
                balancer.name, earlier.name, later.name
            );
            let help = "use another backendPort or pool, or `enableFloatingIP: true`";
            report.error("RulesUseSameBackendPortProtocolAndPool", typed.backend_port.span, message, help);
        }
    }
}

/// Whether two protocols with a port, all protocols being all ports, have a packet in common.
pub(super) fn covers_same(one: (LoadBalancerProtocol, u16), other: (LoadBalancerProtocol, u16)) -> bool {
    let all =
        |(protocol, port): (LoadBalancerProtocol, u16)| protocol == LoadBalancerProtocol::All && port == 0;
    let protocols = one.0 == other.0 || [one.0, other.0].contains(&LoadBalancerProtocol::All);
    all(one) || all(other) || (protocols && one.1 == other.1)
}
