//! Certificates that one side or both refuse.

use std::time::Duration;

use super::super::{Settings, State};
use super::network::{Link, Network};
use crate::handshake::HandshakeFailure;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// `refuses` do, and `opens` has packets for 20 s. Handshakes begun by it, and how they failed there.
fn refused(refuses: &[usize], opens: usize) -> (u64, Vec<HandshakeFailure>) {
    let mut network = Network::scripted(&Settings::default(), Link::GOOD, 1);
    for side in refuses {
        network.nodes[*side].identity.refuses.set(true);
    }
    for _ in 0..200 {
        network.packet(opens);
        network.run(ms(100));
        assert!(network.nodes.iter().all(|node| node.state() != State::Established));
        assert!(network.nodes.iter().all(|node| node.received.is_empty()));
    }
    for side in refuses {
        let failures = &network.nodes[*side].failures;
        assert!(
            failures.iter().any(|failure| matches!(failure, HandshakeFailure::Certificate(_)))
                || side != &opens
        );
    }
    let outcome = (network.nodes[opens].identity.begun.get(), network.nodes[opens].failures.clone());
    // Somebody mends it.
    refuses.iter().for_each(|side| network.nodes[*side].identity.refuses.set(false));
    let mut rounds = 0;
    while !network.established() {
        network.packet(opens);
        network.run(ms(100));
        rounds += 1;
        assert!(rounds < 100, "tried again within 10 s");
    }
    network.ping(opens);
    outcome
}

#[test]
fn a_refused_server_is_tried_every_five_seconds() {
    for opens in 0..2 {
        let (begun, failures) = refused(&[opens], opens);
        assert_eq!(begun, 4, "in 20 s");
        assert!(failures.iter().all(|failure| matches!(failure, HandshakeFailure::Certificate(_))));
        assert_eq!(refused(&[0, 1], opens).0, 4);
    }
}

#[test]
fn a_refused_client_finds_no_confirmation() {
    for opens in 0..2 {
        let (begun, failures) = refused(&[1 - opens], opens);
        // 3 s each, and longer and longer between them.
        assert!((4..=6).contains(&begun), "{begun}");
        assert!(failures.iter().all(|failure| *failure == HandshakeFailure::Unconfirmed), "{failures:?}");
    }
}
