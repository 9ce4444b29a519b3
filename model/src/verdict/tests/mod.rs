//! Stories: who sends what, and what must happen.

mod encryption;
mod gateways;
mod guests;
mod load_balancers;
mod paths;
mod pipeline;
mod platform;
mod ports;
mod private_endpoints;
mod public_side;
mod questions;
mod random;
mod security_admin;
mod switch;
mod switches;
mod tags;
mod topologies;

use goal_state::nsg::Access;
use goal_state::vm::{Listen, Transport};

use super::*;
use crate::network::build::NetworkBuilder;

fn ask(network: &Network, from: &str, to: &str, protocol: IpProtocol, port: Option<u16>) -> Explanation {
    let question = Question {
        from: from.to_owned(),
        to: to.to_owned(),
        protocol,
        port,
        source_port: None,
        source_ip: None,
    };
    explain(&Policy::new(network), &question).unwrap()
}

fn tcp(network: &Network, from: &str, to: &str, port: u16) -> Explanation {
    ask(network, from, to, IpProtocol::TCP, Some(port))
}

fn ping(network: &Network, from: &str, to: &str) -> Explanation {
    ask(network, from, to, IpProtocol::ICMP, None)
}

/// `Allow a>b>c`, or `Deny networkSecurityGroup nsg-db/DenyAllInBound at db1 a>b`.
fn said(explanation: &Explanation) -> String {
    let path = explanation.path.join(">");
    match &explanation.reason {
        None => format!("Allow {path}"),
        Some(reason) => {
            let by = [reason.resource.as_deref(), reason.rule.as_deref()];
            let by = by.into_iter().flatten().collect::<Vec<_>>().join("/");
            let words = ["Deny", reason.layer.as_str(), &by, "at", &reason.at, &path];
            words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Two spokes that only the hub joins: each sends everything to the appliance in the hub.
fn hub_and_spokes() -> NetworkBuilder {
    NetworkBuilder::new()
        .vnet("hub", "10.0.0.0/16")
        .vnet("spoke1", "10.1.0.0/16")
        .vnet("spoke2", "10.2.0.0/16")
        .peer("hub", "spoke1")
        .peer("hub", "spoke2")
        .route_table("rt-spoke", &["default 0.0.0.0/0 10.0.0.4"])
        .subnet_routes("spoke1/default", "rt-spoke")
        .subnet_routes("spoke2/default", "rt-spoke")
        .vm("web1", "10.1.0.4")
        .vm("db1", "10.2.0.4")
}
