//! Who is no NIC of the lab gets no keys, not even at the address of one: certificates of another authority are refused.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use integration_tests::encryption::Associations;
use integration_tests::forgery::inside;
use integration_tests::wire::provider_addresses;
use integration_tests::{Lab, User, wait};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType, SubjectPublicKeyInfo,
};
use rustls_pki_types::UnixTime;
use tunnel::handshake::{Handshake, Progress, Role};
use tunnel::identity::{Identity, KeyPair, PeerName};

const TOPOLOGY: &str = "\
name: foreign
hosts: 3
virtualNetworks:
  net: {addressSpace: [10.1.0.0/16], encryption: {enabled: true}, subnets: {a: {addressPrefix: 10.1.0.0/24}}}
virtualMachines:
  web: {subnet: net/a, privateIPAddress: 10.1.0.4, host: host1}
  db: {subnet: net/a, privateIPAddress: 10.1.0.5, host: host2}
";

/// Web's name on a certificate of an authority that is not the lab's.
fn impostor() -> Identity {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = Arc::new(KeyPair::generate().unwrap());
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = vec![SanType::URI("vnetlab://nic/web/nic0".try_into().unwrap())];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let public = SubjectPublicKeyInfo::from_der(key.public_key()).unwrap();
    let certificate = leaf.signed_by(&public, &authority).unwrap();
    Identity::new(certificate.der(), key, authority.der()).unwrap()
}

/// Whoever begins a handshake with the impostor sees its certificate first. How many have begun one, until `stop`.
fn serve(socket: &UdpSocket, identity: &Identity, stop: &AtomicBool) -> usize {
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (mut begun, mut data) = (0, [0; 2048]);
    let mut served: Option<([u8; 32], Handshake)> = None;
    while !stop.load(Ordering::Acquire) {
        let received = socket.recv(&mut data).map_or(&[][..], |length| &data[..length]);
        if let Some(random) = random_of_hello(received)
            && served.as_ref().is_none_or(|(known, _)| *known != random)
        {
            let peer = PeerName::new("vnetlab://nic/db/nic0");
            begun += 1;
            served =
                Some((random, Handshake::new(Role::Server, identity, peer, Instant::now(), UnixTime::now())));
        }
        let Some((_, handshake)) = &mut served else { continue };
        match received {
            [] => handshake.handle_timeout(Instant::now()),
            datagram => handshake.handle(datagram, Instant::now()),
        }
        loop {
            match handshake.poll() {
                Progress::Send(datagram) => drop(socket.send(&datagram)),
                Progress::Done(_) => panic!("keys for an impostor"),
                Progress::Wait(_) | Progress::Failed(_) | Progress::Idle => break,
            }
        }
    }
    begun
}

/// The random number of a ClientHello (RFC 9147, sections 4, 5.2 and 5.3); the same one when it is sent again.
fn random_of_hello(datagram: &[u8]) -> Option<[u8; 32]> {
    let is_hello = datagram.first() == Some(&22) && datagram.get(13) == Some(&1);
    datagram.get(27..).filter(|_| is_hello)?.first_chunk().copied()
}

/// host3 takes host1's place on the underlay: its address, and with that the port of its NIC.
#[test]
fn a_certificate_of_another_authority_is_refused_at_the_address_of_a_peer_as_root() {
    let lab = Lab::up(User::Root, TOPOLOGY);
    let ping = || lab.exec("web", &["ping", "-c", "2", "-i", "0.1", "-W", "5", "10.1.0.5"]);
    let _ = ping().ok();
    let status = Associations::of(&lab);
    let address = |vm: &str, peer: &str| -> SocketAddrV4 {
        status.between(vm, peer).unwrap()["peerAddress"].as_str().unwrap().parse().unwrap()
    };
    let (web, db) = (address("db", "web"), address("web", "db"));
    assert_eq!(*web.ip(), provider_addresses(&lab)[0].1);
    let refused = || Associations::of(&lab).of_host("host2", "handshakesRefused");
    let before = refused();

    let run = |host: &str, command: &str| {
        let _ = lab.in_namespace(host, &["bash", "-c", command]).ok();
    };
    run("host-host1", "ip link set underlay0 down");
    run("host-host3", &format!("ip address add {}/32 dev underlay0", web.ip()));
    let mac = lab.in_namespace("host-host3", &["cat", "/sys/class/net/underlay0/address"]).ok();
    run("host-host2", &format!("ip neigh replace {} lladdr {} dev underlay0", web.ip(), mac.trim()));
    let socket = inside(&lab, "host-host3", move || {
        let socket = UdpSocket::bind(web).unwrap();
        socket.connect(db).unwrap();
        socket
    });
    let (identity, stop) = (impostor(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(&socket, &identity, &stop));
        // Silence moves db's host to try for new keys.
        wait::until("the impostor to be refused", || {
            let _ = lab.exec("db", &["ping", "-c", "5", "-i", "0.1", "-W", "1", "10.1.0.4"]);
            (refused() > before).then_some(())
        });
        stop.store(true, Ordering::Release);
        assert!(served.join().unwrap() > 0);
    });
    drop(socket);

    run("host-host3", &format!("ip address del {}/32 dev underlay0", web.ip()));
    run("host-host1", "ip link set underlay0 up");
    run(
        "host-host2",
        &format!("ip neigh flush dev underlay0; ip neigh del {} dev underlay0 2>/dev/null || true", web.ip()),
    );
    wait::until("the pair to go on", || (ping().status == Some(0)).then_some(()));
    assert!(Associations::of(&lab).established("db", "web"));
}
