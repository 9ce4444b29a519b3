//! How the edge is drawn.

use proptest::collection;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::{number, rarely};
use crate::random::{Balancer, Edge, Service};

/// Something at the edge.
pub(super) fn edge() -> impl Strategy<Value = Edge> {
    let place = || (number(), number());
    let addresses = collection::vec(number(), 0..=2);
    (addresses, weighted(0.4, place()), weighted(0.5, balancer()), weighted(0.5, service())).prop_map(
        |(public_addresses, nat_gateway, balancer, service)| Edge {
            public_addresses,
            nat_gateway,
            balancer,
            service,
        },
    )
}

fn balancer() -> impl Strategy<Value = Balancer> {
    let distribution = select(vec!["Default", "SourceIP", "SourceIPProtocol"]);
    (any::<bool>(), collection::vec(number(), 1..=3), rarely(0.5), Just(false), distribution).prop_map(
        |(public, pool, disable_outbound_snat, floating, distribution)| Balancer {
            public,
            pool,
            disable_outbound_snat,
            floating,
            distribution,
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let place = || (number(), number());
    let endpoints = (weighted(0.4, place()), weighted(0.5, place()));
    (Just(false), rarely(0.3), endpoints, rarely(0.3), rarely(0.8)).prop_map(
        |(is_storage, listens, (endpoint, private_endpoint), policies, approved)| Service {
            is_storage,
            listens,
            endpoint,
            private_endpoint,
            policies,
            approved,
        },
    )
}
