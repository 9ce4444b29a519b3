//! What handshakes cost: processor time and memory. Both ends run on this thread, without a network between them.
//!
//! `cargo run --release -p tunnel --example handshakes [COUNT]`

#![allow(clippy::print_stdout, reason = "what it measures is what it is for")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, SanType,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::UnixTime;
use tunnel::handshake::{Handshake, Progress, Role};
use tunnel::identity::{Identity, KeyPair, PeerName};
use tunnel::record::{Cipher, Secrets};

type Error = Box<dyn std::error::Error>;

/// Bytes in a page, as `/proc/self/statm` counts them on the machines that this runs on.
const PAGE: usize = 4096;

fn identity(ca: &CertifiedIssuer<'_, rcgen::KeyPair>, name: &str) -> Result<(Identity, PeerName), Error> {
    let key = Arc::new(KeyPair::generate()?);
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(name.try_into()?)];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = params.signed_by(&SubjectPublicKeyInfo::from_der(key.public_key())?, ca)?;
    Ok((Identity::new(leaf.der(), key, ca.der())?, PeerName::new(name)))
}

/// One handshake: the client, which lives on, what both ends end with, and the bytes of all datagrams.
fn shake(
    cipher: Cipher,
    a: &(Identity, PeerName),
    b: &(Identity, PeerName),
    now: Instant,
) -> Result<(Handshake, [Secrets; 2], usize), Error> {
    let wall = UnixTime::since_unix_epoch(SystemTime::now().duration_since(UNIX_EPOCH)?);
    let mut client = Handshake::with_cipher(cipher, Role::Client, &a.0, b.1.clone(), now, wall);
    let mut server = Handshake::with_cipher(cipher, Role::Server, &b.0, a.1.clone(), now, wall);
    let (mut first, mut bytes) = (None, 0);
    loop {
        match client.poll() {
            Progress::Send(datagram) => {
                bytes += datagram.len();
                server.handle(&datagram, now);
                continue;
            }
            Progress::Done(secrets) => first = Some(secrets),
            Progress::Wait(_) => {}
            other => return Err(format!("client: {other:?}").into()),
        }
        match server.poll() {
            Progress::Send(datagram) => {
                bytes += datagram.len();
                client.handle(&datagram, now);
            }
            Progress::Done(second) => {
                let first = first.ok_or("the server was done before the client")?;
                return Ok((client, [first, second], bytes));
            }
            other => return Err(format!("server: {other:?}").into()),
        }
    }
}

/// Processor time of this thread so far: others may be busy, too.
fn busy() -> Result<Duration, Error> {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = schedstat.split_whitespace().next().ok_or("schedstat is empty")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn resident() -> Result<usize, Error> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split_whitespace().nth(1).ok_or("statm has no second word")?.parse()?;
    Ok(pages * PAGE)
}

fn main() -> Result<(), Error> {
    let count: usize = env::args().nth(1).map_or(Ok(2000), |count| count.parse())?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate()?)?;
    let (a, b) = (identity(&ca, "vnetlab://nic/a/nic0")?, identity(&ca, "vnetlab://nic/b/nic0")?);

    for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
        let now = Instant::now();
        let (_, _, bytes) = shake(cipher, &a, &b, now)?;
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let start = busy()?;
            for _ in 0..count / 5 {
                shake(cipher, &a, &b, now)?;
            }
            best = best.min(busy()? - start);
        }
        let each = best.as_secs_f64() / (count / 5) as f64;
        println!(
            "{}: {:.0} handshakes/s on one core, {:.3} ms for both ends together, {bytes} bytes of datagrams",
            cipher.as_str(),
            1.0 / each,
            each * 1e3
        );
    }

    let now = Instant::now();
    let before = resident()?;
    let outcomes =
        (0..count).map(|_| shake(Cipher::Aes128Gcm, &a, &b, now)).collect::<Result<Vec<_>, _>>()?;
    let with_client = resident()?.saturating_sub(before) / count;
    println!("memory: {with_client} bytes for a handshake whose client waits for its confirmation");
    drop(outcomes);
    Ok(())
}
