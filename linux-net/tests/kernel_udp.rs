//! What we believe about UDP in bulk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use common::{pair, sandboxed};
use linux_net::NetNs;
use linux_net::udp::{Batch, MOST_BYTES, MOST_SEGMENTS, Socket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const A: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 0, 0, 1), 7000);
const B: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 0, 0, 2), 8000);

fn bind(namespace: &NetNs, address: SocketAddrV4) -> Socket {
    namespace.run(|| Socket::bind(address)).unwrap().unwrap()
}

/// Waits until `count` datagrams have come; their sources, sizes and first bytes, and how many messages it took.
fn receive(socket: &Socket, count: usize) -> (Vec<(SocketAddrV4, usize, u8)>, usize) {
    let mut batch = Batch::new();
    let (mut all, mut messages) = (Vec::new(), 0);
    while all.len() < count {
        let mut readable = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut readable, PollTimeout::from(10_000u16)).unwrap(), 1, "only {} came", all.len());
        messages += socket.receive(&mut batch).unwrap();
        for datagrams in batch.datagrams() {
            let source = datagrams.source;
            all.extend(
                datagrams.bytes.chunks(datagrams.segment).map(|bytes| (source, bytes.len(), bytes[0])),
            );
        }
    }
    (all, messages)
}

/// As many datagrams as fit go out and come in as one; a shorter one ends them; the boundaries stay.
#[test]
fn datagrams_go_in_bulk() {
    sandboxed(|| {
        let (a, b) = pair();
        let (from, to) = (bind(&a, A), bind(&b, B));
        let bytes: Vec<u8> = (0..42u8).flat_map(|number| vec![number; 1400]).chain([99; 300]).collect();
        from.send(B, &bytes, 1400).unwrap();
        let (received, messages) = receive(&to, 43);
        let mut expected: Vec<_> = (0..42).map(|number| (A, 1400, number)).collect();
        expected.push((A, 300, 99));
        assert_eq!(received, expected);
        assert_eq!(messages, 1);
        assert_eq!(to.receive(&mut Batch::new()).unwrap(), 0);
    });
}

/// The limits are those of the kernel.
#[test]
fn how_much_goes_at_once() {
    sandboxed(|| {
        let (a, b) = pair();
        let (from, to) = (bind(&a, A), bind(&b, B));
        from.send(B, &vec![1; MOST_SEGMENTS * 100], 100).unwrap();
        assert_eq!(receive(&to, MOST_SEGMENTS).0.len(), MOST_SEGMENTS);
        from.send(B, &vec![1; MOST_BYTES], 1400).unwrap();
        assert_eq!(receive(&to, 47).0.iter().map(|(_, length, _)| length).sum::<usize>(), MOST_BYTES);
        assert!(from.send(B, &vec![1; MOST_BYTES + 1], 1400).is_err());
        // The device takes 1500 bytes.
        assert!(from.send(B, &[1; 4000], 2000).is_err());
        from.send(B, &[2; 10], 10).unwrap();
        assert_eq!(receive(&to, 1).0, [(A, 10, 2)]);
    });
}

/// A plain socket receives what was sent in bulk as single datagrams, and single ones are received in bulk.
#[test]
fn the_other_side_needs_not_know() {
    sandboxed(|| {
        let (a, b) = pair();
        let from = bind(&a, A);
        let to = b.run(|| UdpSocket::bind(B)).unwrap().unwrap();
        to.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        from.send(B, &[3; 2500], 1000).unwrap();
        let mut buffer = [0; 4000];
        let lengths: Vec<usize> = (0..3).map(|_| to.recv(&mut buffer).unwrap()).collect();
        assert_eq!(lengths, [1000, 1000, 500]);
        for number in 0..20 {
            to.send_to(&[number; 200], A).unwrap();
        }
        let expected: Vec<_> = (0..20).map(|number| (B, 200, number)).collect();
        assert_eq!(receive(&from, 20).0, expected);
    });
}

#[test]
fn a_port_is_taken_once() {
    sandboxed(|| {
        let (a, _b) = pair();
        let first = bind(&a, A);
        assert_eq!(first.local_address().unwrap(), A);
        assert!(a.run(|| Socket::bind(A)).unwrap().is_err());
        assert!(a.run(|| Socket::bind(B)).unwrap().is_err(), "not an address of this namespace");
    });
}
