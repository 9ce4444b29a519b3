//! What we believe about TAP devices.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::fs::OpenOptions;
use std::io::{ErrorKind, IoSlice};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use common::{address, apply, mac, namespace, sandboxed};
use linux_net::netlink::{LinkChange, LinkKind, Neighbour, Request};
use linux_net::tap::{self, Tap};
use linux_net::{NetNs, Netlink};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

const DEVICE: &str = "enc100";

/// Runs `test` in a namespace with a TAP that is 10.0.0.1/24 and knows where 10.0.0.2 is.
fn with_tap(test: impl FnOnce(&NetNs) + Send + 'static) {
    if OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_err() {
        eprintln!("SKIPPED: /dev/net/tun cannot be opened");
        return;
    }
    sandboxed(|| {
        let namespace = namespace();
        namespace.run(|| tap::create(DEVICE)).unwrap().unwrap();
        let peer = Neighbour { device: DEVICE.into(), address: [10, 0, 0, 2].into(), mac: mac(2) };
        apply(
            &namespace,
            &[
                Request::set_link(DEVICE, LinkChange::Mac(mac(1))),
                Request::set_up(DEVICE),
                address(DEVICE, "10.0.0.1/24"),
                Request::PutNeighbour(peer),
            ],
        );
        test(&namespace);
    });
}

fn attach(namespace: &NetNs) -> Tap {
    namespace.run(|| Tap::attach(DEVICE)).unwrap().unwrap()
}

fn socket(namespace: &NetNs) -> UdpSocket {
    let socket = namespace.run(|| UdpSocket::bind("10.0.0.1:5000")).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

/// The next frame with a UDP datagram to port 6000, header first.
fn next(tap: &Tap) -> Vec<u8> {
    let mut buffer = vec![0; tap::LARGEST];
    loop {
        let length = tap.read(&mut buffer).unwrap();
        let frame = &buffer[tap::HEADER..length];
        if frame[12..14] == [8, 0] && frame[23] == 17 && frame[36..38] == 6000u16.to_be_bytes() {
            return buffer[..length].to_vec();
        }
    }
}

/// 10.0.0.2:6000 to 10.0.0.1:5000, without a UDP checksum.
fn datagram(payload: &[u8]) -> Vec<u8> {
    let udp = u16::try_from(8 + payload.len()).unwrap();
    let mut frame = [mac(1).0, mac(2).0].concat();
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((20 + udp).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    let sum: u32 = frame[14..].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    frame[24..26].copy_from_slice(&folded.to_be_bytes());
    frame.extend([6000u16.to_be_bytes(), 5000u16.to_be_bytes(), udp.to_be_bytes(), [0, 0]].concat());
    frame.extend(payload);
    frame
}

/// It stays when its maker lets go, is a TAP, and making it again changes nothing.
#[test]
fn a_tap_stays() {
    with_tap(|namespace| {
        let link = || Netlink::open(namespace).unwrap().link(DEVICE).unwrap().unwrap();
        let first = link();
        assert_eq!(first.kind, LinkKind::Other("tun".into()));
        assert_eq!(first.mac, Some(mac(1)));
        namespace.run(|| tap::create(DEVICE)).unwrap().unwrap();
        assert_eq!(link(), first);
        drop(attach(namespace));
        assert_eq!(link().index, first.index);
    });
}

/// Only one program is attached; a device that is not there is not made.
#[test]
fn who_may_attach() {
    with_tap(|namespace| {
        let first = attach(namespace);
        let second = namespace.run(|| Tap::attach(DEVICE)).unwrap().unwrap_err();
        assert_eq!(second.kind(), ErrorKind::ResourceBusy);
        drop(first);
        let again = attach(namespace);
        drop(again);
        let missing = namespace.run(|| Tap::attach("enc101")).unwrap().unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(nix::libc::ENODEV));
        assert_eq!(Netlink::open(namespace).unwrap().link("enc101").unwrap(), None);
        for name in ["", "%d", "a-name-of-sixteen"] {
            assert!(namespace.run(|| tap::create(name)).unwrap().is_err(), "{name}");
        }
    });
}

/// What a socket sends is read, with its checksum left to us, in superpackets; what is written a socket receives.
#[test]
fn frames_come_and_go() {
    with_tap(|namespace| {
        let tap = attach(namespace);
        assert!(tap.cuts_udp());
        let socket = socket(namespace);
        socket.send_to(b"hello", "10.0.0.2:6000").unwrap();
        let read = next(&tap);
        assert_eq!(read[0], 1, "the checksum is not worked out");
        assert_eq!(read[1], 0, "no superpacket");
        assert_eq!(read[6..10], [34, 0, 6, 0], "where UDP begins, and where its checksum is");
        assert_eq!(read[10..22], [mac(2).0, mac(1).0].concat());
        assert_eq!(read[52..], *b"hello");

        setsockopt(&socket, sockopt::UdpGsoSegment, &1000).unwrap();
        socket.send_to(&[7; 20_500], "10.0.0.2:6000").unwrap();
        let read = next(&tap);
        assert_eq!(
            (read[1], u16::from_le_bytes([read[4], read[5]])),
            (5, 1000),
            "UDP, in segments of 1000 bytes"
        );
        assert_eq!(read.len(), 10 + 14 + 28 + 20_500);

        let frame = datagram(b"answer");
        tap.write(&[IoSlice::new(&[0; tap::HEADER]), IoSlice::new(&frame[..30]), IoSlice::new(&frame[30..])])
            .unwrap();
        let mut received = [0; 100];
        let (length, from) = socket.recv_from(&mut received).unwrap();
        assert_eq!((&received[..length], from), (&b"answer"[..], "10.0.0.2:6000".parse().unwrap()));
    });
}

/// A read that does not wait says that nothing is there; a device that goes away ends one that does.
#[test]
fn a_tap_that_goes_away_is_noticed() {
    with_tap(|namespace| {
        let tap = attach(namespace);
        let mut buffer = vec![0; tap::LARGEST];
        while tap.try_read(&mut buffer).unwrap().is_some() {}
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; tap::LARGEST];
            let error = loop {
                if let Err(error) = tap.read(&mut buffer) {
                    break error;
                }
            };
            let mut readable = [PollFd::new(tap.as_fd(), PollFlags::POLLIN)];
            poll(&mut readable, PollTimeout::ZERO).unwrap();
            assert!(readable[0].revents().unwrap().contains(PollFlags::POLLERR));
            assert!(tap.try_read(&mut buffer).is_err());
            error.raw_os_error().unwrap()
        });
        apply(namespace, &[Request::DeleteLink(DEVICE.into())]);
        let error = reader.join().unwrap();
        assert!([nix::libc::EBADFD, nix::libc::EFAULT].contains(&error), "{error}");
    });
}

/// A device that is down takes nothing and says so.
#[test]
fn a_tap_that_is_down_takes_nothing() {
    with_tap(|namespace| {
        let tap = attach(namespace);
        apply(namespace, &[Request::set_link(DEVICE, LinkChange::Down)]);
        let frame = datagram(b"lost");
        let error = tap.write(&[IoSlice::new(&[0; tap::HEADER]), IoSlice::new(&frame)]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(nix::libc::EIO));
    });
}
