//! Handshakes over links that lose, repeat, reorder and damage datagrams, on a clock of the tests' own.

use super::*;
use crate::test_lab::{NOW, TestAuthority, at};

fn both_ways(cipher: Cipher) {
    let authority = TestAuthority::new();
    let (a, a_name) = authority.identity("vnetlab://nic/a/nic0");
    let (b, b_name) = authority.identity("vnetlab://nic/b/nic0");
    let now = Instant::now();
    let mut client = Handshake::with_cipher(cipher, Role::Client, &a, b_name, now, at(NOW));
    let mut server = Handshake::with_cipher(cipher, Role::Server, &b, a_name, now, at(NOW));
    let (mut of_client, mut of_server) = (None, None);
    for _ in 0..10 {
        loop {
            match client.poll() {
                Progress::Send(datagram) => server.handle(&datagram, now),
                Progress::Done(secrets) => of_client = Some(secrets),
                Progress::Wait(_) => break,
                other => panic!("{other:?}"),
            }
        }
        loop {
            match server.poll() {
                Progress::Send(datagram) => client.handle(&datagram, now),
                Progress::Done(secrets) => of_server = Some(secrets),
                Progress::Wait(_) | Progress::Idle => break,
                other => panic!("{other:?}"),
            }
        }
    }
    let (of_client, of_server) = (of_client.unwrap(), of_server.unwrap());
    assert_eq!(of_client.send.as_bytes(), of_server.receive.as_bytes());
    assert_eq!(of_client.receive.as_bytes(), of_server.send.as_bytes());
    assert_ne!(of_client.send.as_bytes(), of_client.receive.as_bytes());
}

#[test]
fn both_sides_get_the_same_secrets() {
    both_ways(Cipher::Aes128Gcm);
    both_ways(Cipher::Aes256Gcm);
}
