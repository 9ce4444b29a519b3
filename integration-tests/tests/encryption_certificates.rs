//! Who is no NIC of the lab gets no keys, not even at the address of one: certificates of another authority are refused.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
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

/// A handshake as client, until it ends or nobody answers any more. It trusts whoever answers as little as it is trusted, so
/// what it comes to is for the other side to say. How many datagrams came back.
fn knock(socket: &UdpSocket, identity: &Identity) -> usize {
    let peer = PeerName::new("vnetlab://nic/db/nic0");
    let began = Instant::now();
    let mut handshake = Handshake::new(Role::Client, identity, peer, began, UnixTime::now());
    let (mut answers, mut data) = (0, [0; 2048]);
    while began.elapsed() < Duration::from_secs(4) {
        let wake = loop {
            match handshake.poll() {
                Progress::Send(datagram) => drop(socket.send(&datagram)),
                Progress::Wait(at) => break at,
                Progress::Done(_) => panic!("keys for an impostor"),
                Progress::Failed(_) | Progress::Idle => return answers,
            }
        };
        let patience = wake.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(patience)).unwrap();
        match socket.recv(&mut data) {
            Ok(length) => {
                answers += 1;
                handshake.handle(&data[..length], Instant::now());
            }
            Err(_) => handshake.handle_timeout(Instant::now()),
        }
    }
    answers
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
    let identity = impostor();
    let answers = wait::until("the impostor to be refused", || {
        let answers = knock(&socket, &identity);
        (refused() > before).then_some(answers)
    });
    assert!(answers > 0, "the agent has let it present its certificate");
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
