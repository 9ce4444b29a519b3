//! The switches of a lab: where Azure's documents and observation disagree. What is left out has the documented variant.

use crate::network::Behavior;
use crate::network::behavior::LiveFlowsBehavior;
use crate::topology::{Spanned, Topology};

use super::report::Report;

/// Every switch of the file.
pub(super) fn behavior(topology: &Topology, report: &mut Report) -> Behavior {
    let default = Behavior::default();
    let Some(typed) = &topology.behavior else { return default };
    warn_of_live_flows(typed.live_flows_on_rule_change.as_ref(), report);
    Behavior {
        allow_virtual_network_access: value(
            typed.allow_virtual_network_access.as_ref(),
            default.allow_virtual_network_access,
        ),
        allow_forwarded_traffic: value(
            typed.allow_forwarded_traffic.as_ref(),
            default.allow_forwarded_traffic,
        ),
        service_endpoint_routes: value(
            typed.service_endpoint_routes.as_ref(),
            default.service_endpoint_routes,
        ),
        virtual_network_tag_routes: value(
            typed.virtual_network_tag_routes.as_ref(),
            default.virtual_network_tag_routes,
        ),
        nat_gateway_over_public_ip: value(
            typed.nat_gateway_over_public_ip.as_ref(),
            default.nat_gateway_over_public_ip,
        ),
        none_routes: value(typed.none_routes.as_ref(), default.none_routes),
        live_flows_on_rule_change: value(
            typed.live_flows_on_rule_change.as_ref(),
            default.live_flows_on_rule_change,
        ),
        default_outbound_access: value(
            typed.default_outbound_access.as_ref(),
            default.default_outbound_access,
        ),
        encryption_support: value(typed.encryption_support.as_ref(), default.encryption_support),
        encryption_enforcement: value(typed.encryption_enforcement.as_ref(), default.encryption_enforcement),
    }
}

fn value<T: Copy>(typed: Option<&Spanned<T>>, default: T) -> T {
    typed.map_or(default, |typed| typed.value)
}

/// Questions are about new flows, and packets do not know the timeout yet.
fn warn_of_live_flows(typed: Option<&Spanned<LiveFlowsBehavior>>, report: &mut Report) {
    if let Some(typed) = typed.filter(|typed| typed.value == LiveFlowsBehavior::FlowTimeout) {
        report.warning(
            "LiveFlowsAreKept",
            typed.span,
            "packets of a running lab do not follow `liveFlowsOnRuleChange: flowTimeout` yet",
            "flows that are alive go on under the old rules; close them to have them judged anew",
        );
    }
}
