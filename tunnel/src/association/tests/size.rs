//! What an association that is established occupies.

use std::mem::size_of;

use super::super::Association;
use super::super::machine::Machine;
use super::network::{Link, Network};
use super::script::Scripted;
use crate::handshake::Handshake;
use crate::receiver::Receiver;
use crate::record::{MAX_RECORD_LEN, Opener, Sealer};

#[test]
fn an_established_association_is_small() {
    let mut network = Network::scripted(&super::super::Settings::default(), Link::GOOD, 1);
    network.ping(0);
    network.run(std::time::Duration::from_secs(10));
    for node in &network.nodes {
        // The handshakes, which are by far the largest, are gone, and so are old keys.
        assert!(node.machine.client.is_none() && node.machine.server.is_none());
        assert_eq!(node.machine.sessions.len(), 1);
        assert_eq!(node.machine.actions.capacity(), 0);
    }
    assert_eq!(size_of::<Association>(), size_of::<Machine<Handshake>>());
    assert!(size_of::<Machine<Scripted>>() <= 1024);
    // Its parts: those above, keys to send with, two sets to receive with, and the receiver's copy of a record.
    let whole = size_of::<Association>() + size_of::<Sealer>() + 2 * (size_of::<Opener>() + 2048);
    let whole = whole + size_of::<Receiver>() + MAX_RECORD_LEN;
    println!("{whole} bytes, of them {} of the association", size_of::<Association>());
    assert!(whole < 30_000, "{whole} bytes");
}
