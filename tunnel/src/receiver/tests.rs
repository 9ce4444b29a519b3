use super::*;
use crate::record::{Cipher, Content, Sealer, TrafficSecret, record_len};

/// Both ends of one direction.
pub(super) fn keys(secret: u8) -> (Sealer, Opener) {
    let secret = TrafficSecret::new(&[secret; 32]);
    (Sealer::new(Cipher::Aes128Gcm, &secret), Opener::new(Cipher::Aes128Gcm, &secret))
}

/// A receiver with these keys, the last ones newest.
fn receiver(secrets: &[u8]) -> (Vec<Sealer>, Receiver) {
    let mut receiver = Receiver::new();
    let mut sealers = Vec::new();
    for (id, secret) in (0..).zip(secrets) {
        let (sealer, opener) = keys(*secret);
        sealers.push(sealer);
        receiver.add(SessionId(id), opener);
    }
    (sealers, receiver)
}

pub(super) fn sealed(sealer: &mut Sealer, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0; record_len(payload.len())];
    sealer.seal(&mut record, Content::ApplicationData, [payload, &[], &[]]).unwrap();
    record
}

/// The session and the payload of what is opened.
fn open(receiver: &mut Receiver, mut record: Vec<u8>) -> Result<(u64, Vec<u8>), OpenError> {
    receiver.open(&mut record).map(|(id, opened)| (id.0, opened.payload.to_vec()))
}

#[test]
fn records_of_all_keys_are_opened_and_say_which() {
    let (mut sealers, mut receiver) = receiver(&[1, 2, 3]);
    for round in 0..200_u8 {
        for (id, sealer) in (0..).zip(&mut sealers) {
            assert_eq!(open(&mut receiver, sealed(sealer, &[round, 7])), Ok((id, vec![round, 7])));
        }
    }
}

#[test]
fn keys_that_are_forgotten_open_nothing() {
    let (mut sealers, mut receiver) = receiver(&[1, 2]);
    receiver.forget(SessionId(0));
    assert_eq!(open(&mut receiver, sealed(&mut sealers[0], b"old")), Err(OpenError::NotAuthentic));
    assert_eq!(open(&mut receiver, sealed(&mut sealers[1], b"new")), Ok((1, b"new".to_vec())));
    receiver.forget(SessionId(1));
    assert!(receiver.is_empty());
    assert_eq!(open(&mut receiver, sealed(&mut sealers[1], b"new")), Err(OpenError::NotAuthentic));
}

#[test]
fn a_replayed_record_is_told_from_a_forged_one_whatever_keys_there_are() {
    let (mut sealers, mut receiver) = receiver(&[1, 2]);
    for sealer in &mut sealers {
        let record = sealed(sealer, b"once");
        assert!(open(&mut receiver, record.clone()).is_ok());
        assert_eq!(open(&mut receiver, record), Err(OpenError::Replayed));
    }
    let (mut foreign, _) = keys(9);
    let strange = (0..50).map(|_| open(&mut receiver, sealed(&mut foreign, b"forged")));
    assert!(strange.into_iter().all(|outcome| outcome.is_err()));
}

#[test]
fn the_second_record_after_any_loss_is_opened() {
    for lost in [32_766, 32_767, 32_768, 40_000, 65_535, 65_536, 65_537, 100_000, 1 << 20, 64 << 16] {
        for secrets in [&[1][..], &[1, 2], &[2, 1]] {
            let (mut sealers, mut receiver) = receiver(secrets);
            let id = secrets.iter().position(|secret| *secret == 1).unwrap();
            let sealer = &mut sealers[id];
            // Near 0 more is known: nothing lies below.
            for _ in 0..4 {
                assert!(open(&mut receiver, sealed(sealer, b"before")).is_ok());
                sealer.skip(30_000);
            }
            assert!(open(&mut receiver, sealed(sealer, b"before")).is_ok());
            sealer.skip(lost);
            let first = open(&mut receiver, sealed(sealer, b"first"));
            assert_eq!(first.is_ok(), lost <= 32_768, "{lost} lost");
            for _ in 0..100 {
                assert_eq!(
                    open(&mut receiver, sealed(sealer, b"after")),
                    Ok((id as u64, b"after".to_vec())),
                    "{lost} lost"
                );
            }
        }
    }
}
