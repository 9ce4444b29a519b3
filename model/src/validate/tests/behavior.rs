//! The switches of `behavior:`.

use crate::network::Behavior;
use crate::network::behavior::*;

use super::*;

fn behavior(typed: &str) -> Behavior {
    load(&format!("name: lab\nbehavior: {{{typed}}}\n")).network.unwrap().behavior
}

#[test]
fn s16_what_is_left_out_is_as_documented() {
    let network = load("name: lab\n").network.unwrap();
    assert_eq!(network.behavior, Behavior::default());
    assert_eq!(behavior(""), Behavior::default());
    let spelt_out = "allowVirtualNetworkAccess: documented, allowForwardedTraffic: documented, serviceEndpointRoutes: documented, virtualNetworkTagRoutes: applianceInside, natGatewayOverPublicIP: true, noneRoutes: classic, liveFlowsOnRuleChange: keep, defaultOutboundAccess: implicit, encryptionSupport: current, encryptionEnforcement: offered";
    assert_eq!(behavior(spelt_out), Behavior::default());
}

#[test]
fn s16_every_switch_has_its_other_values() {
    let default = Behavior::default();
    let cases = [
        (
            "allowVirtualNetworkAccess: tagOnly",
            Behavior { allow_virtual_network_access: AllowVirtualNetworkAccessBehavior::TagOnly, ..default },
        ),
        (
            "allowForwardedTraffic: ignored",
            Behavior { allow_forwarded_traffic: AllowForwardedTrafficBehavior::Ignored, ..default },
        ),
        (
            "serviceEndpointRoutes: exactTie",
            Behavior { service_endpoint_routes: ServiceEndpointRoutesBehavior::ExactTie, ..default },
        ),
        (
            "serviceEndpointRoutes: observed",
            Behavior { service_endpoint_routes: ServiceEndpointRoutesBehavior::Observed, ..default },
        ),
        (
            "virtualNetworkTagRoutes: all",
            Behavior { virtual_network_tag_routes: VirtualNetworkTagRoutesBehavior::All, ..default },
        ),
        ("natGatewayOverPublicIP: false", Behavior { nat_gateway_over_public_ip: false, ..default }),
        ("noneRoutes: 2025-12", Behavior { none_routes: NoneRoutesBehavior::Documented202512, ..default }),
        ("noneRoutes: observed", Behavior { none_routes: NoneRoutesBehavior::Observed, ..default }),
        (
            "liveFlowsOnRuleChange: flowTimeout",
            Behavior { live_flows_on_rule_change: LiveFlowsBehavior::FlowTimeout, ..default },
        ),
        (
            "defaultOutboundAccess: private",
            Behavior { default_outbound_access: DefaultOutboundAccessBehavior::Private, ..default },
        ),
        (
            "encryptionSupport: original",
            Behavior { encryption_support: EncryptionSupportBehavior::Original, ..default },
        ),
        (
            "encryptionEnforcement: announced",
            Behavior { encryption_enforcement: EncryptionEnforcementBehavior::Announced, ..default },
        ),
    ];
    for (typed, expected) in cases {
        assert_eq!(behavior(typed), expected, "{typed}");
    }
}

#[test]
fn s16_a_switch_that_packets_do_not_follow_is_told() {
    assert!(
        problems("name: lab\nbehavior: {liveFlowsOnRuleChange: flowTimeout}\n")
            .starts_with("warning LiveFlowsAreKept")
    );
}

#[test]
fn s3_9_the_subscription_is_taken_as_written() {
    for subscription in crate::topology::Subscription::ALL {
        let network = load(&format!("name: lab\nsubscription: {subscription}\n")).network.unwrap();
        assert_eq!(network.subscription, *subscription);
    }
    let default = load("name: lab\n").network.unwrap().subscription;
    assert_eq!(default, crate::topology::Subscription::EnterpriseAgreement);
}
