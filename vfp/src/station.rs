//! The platform's stations of a host: what the goal state's edge has, one by one, and the names by which they are known.

use goal_state::edge::{Edge, Frontend, Leg, NatGateway, Prober, Router};
use goal_state::{HostGoalState, MacAddr};

use crate::names;

/// Where drops of routers are said to be.
pub const INTERNET: &str = "internet";

/// A station of the platform, which has a namespace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Station<'a> {
    /// A region's way into the internet.
    Router(&'a Router),
    /// A NAT gateway.
    NatGateway(&'a NatGateway),
    /// A frontend of a load balancer.
    Frontend(&'a Frontend),
    /// Who probes the backends of a virtual network.
    Prober(&'a Prober),
}

impl<'a> Station<'a> {
    /// All stations of an edge.
    pub fn all(edge: &'a Edge) -> impl Iterator<Item = Self> {
        let routers = edge.routers.iter().map(Self::Router);
        let gateways = edge.nat_gateways.iter().map(Self::NatGateway);
        let frontends = edge.frontends.iter().map(Self::Frontend);
        routers.chain(gateways).chain(frontends).chain(edge.probers.iter().map(Self::Prober))
    }

    /// Its namespace's name under /run/netns.
    #[must_use]
    pub fn namespace(self) -> String {
        match self {
            Self::Router(router) => names::router_namespace(&router.name),
            Self::NatGateway(gateway) => names::nat_gateway_namespace(&gateway.name),
            Self::Frontend(frontend) => names::frontend_namespace(&frontend.balancer, &frontend.name),
            Self::Prober(prober) => names::prober_namespace(prober.leg.vni),
        }
    }

    /// Its devices on bridges, and what they are called in its namespace.
    #[must_use]
    pub fn legs(self) -> Vec<(&'static str, &'a Leg)> {
        match self {
            Self::Router(router) => vec![(names::OUTSIDE, &router.leg)],
            Self::NatGateway(gateway) => {
                vec![(names::INSIDE, &gateway.inside), (names::OUTSIDE, &gateway.outside)]
            }
            Self::Frontend(frontend) => {
                let outside = frontend.outside.as_ref().map(|leg| (names::OUTSIDE, leg));
                [(names::INSIDE, &frontend.inside)].into_iter().chain(outside).collect()
            }
            Self::Prober(prober) => vec![(names::INSIDE, &prober.leg)],
        }
    }

    /// Where a drop of it is said to be: the load balancer, the NAT gateway, or [`INTERNET`]. A prober carries nobody's packets.
    #[must_use]
    pub fn at(self) -> Option<&'a str> {
        match self {
            Self::Router(_) => Some(INTERNET),
            Self::NatGateway(gateway) => Some(&gateway.name),
            Self::Frontend(frontend) => Some(&frontend.balancer),
            Self::Prober(_) => None,
        }
    }
}

/// The station with a leg of this Ethernet address, and that leg.
#[must_use]
pub fn with_leg(goal: &HostGoalState, mac: MacAddr) -> Option<(Station<'_>, &Leg)> {
    Station::all(&goal.edge).find_map(|station| {
        let mut legs = station.legs().into_iter();
        legs.find(|(_, leg)| leg.mac == mac).map(|(_, leg)| (station, leg))
    })
}

/// The legs of all stations.
pub(crate) fn legs(goal: &HostGoalState) -> impl Iterator<Item = &Leg> {
    Station::all(&goal.edge).flat_map(|station| station.legs().into_iter().map(|(_, leg)| leg))
}
