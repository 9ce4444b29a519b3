use proptest::prelude::*;

use super::*;

fn ends() -> (Sealer, Opener) {
    let secret = TrafficSecret::new(&[0x42; 32]);
    (Sealer::new(Cipher::Aes128Gcm, &secret), Opener::new(Cipher::Aes128Gcm, &secret))
}

fn sealed(sealer: &mut Sealer, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0; record_len(payload.len())];
    sealer.seal(&mut record, Content::ApplicationData, [payload, &[], &[]]).unwrap();
    record
}

/// Opens a copy.
fn error(opener: &mut Opener, record: &[u8]) -> Option<OpenError> {
    opener.open(&mut record.to_vec()).err()
}

#[test]
fn lengths_are_whole_blocks_and_the_rest() {
    assert_eq!(record_len(0), 3 + 16 + 16);
    assert_eq!(record_len(15), 3 + 16 + 16);
    assert_eq!(record_len(16), 3 + 32 + 16);
    assert_eq!(record_len(1 + 1500), 3 + 1504 + 16, "a packet as long as a virtual network takes");
}

#[test]
fn only_records_of_epoch_3_with_16_bits_of_number_are_ours() {
    let ours: Vec<u8> = (0..=255).filter(|first| is_ours(&[*first])).collect();
    assert_eq!(ours, [0b0010_1011, 0b0010_1111]);
    assert!(!is_ours(&[]));
}

#[test]
fn every_kind_and_every_length_comes_back() {
    let (mut sealer, mut opener) = ends();
    for content in [Content::Alert, Content::Handshake, Content::ApplicationData, Content::Ack] {
        for len in (0..200).chain([1400, 1501, MAX_PAYLOAD]) {
            let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let (one, two) = payload.split_at(len / 2);
            let mut record = vec![0xff; record_len(len)];
            sealer.seal(&mut record, content, [one, &[], two]).unwrap();
            let opened = opener.open(&mut record).unwrap();
            assert_eq!((opened.content, &*opened.payload), (content, payload.as_slice()));
            assert_eq!(opened.number, FIRST_NUMBER + sealer.sealed() - 1);
        }
    }
}

#[test]
fn a_payload_of_zeros_is_no_padding() {
    let (mut sealer, mut opener) = ends();
    for len in 0..40 {
        let mut record = sealed(&mut sealer, &vec![0; len]);
        assert_eq!(opener.open(&mut record).unwrap().payload, vec![0; len]);
    }
}

#[test]
fn a_record_with_any_bit_changed_is_not_opened_and_the_true_one_is() {
    let (mut sealer, mut opener) = ends();
    let record = sealed(&mut sealer, b"forty bytes of payload, give or take one");
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(error(&mut opener, &changed).is_some(), "bit {bit}");
    }
    assert_eq!(error(&mut opener, &record), None);
    assert_eq!(error(&mut opener, &record), Some(OpenError::Replayed));
}

#[test]
fn a_record_cut_short_or_made_longer_is_not_opened_and_the_true_one_is() {
    let (mut sealer, mut opener) = ends();
    let record = sealed(&mut sealer, b"forty bytes of payload, give or take one");
    for len in 0..record.len() {
        let expected = if len < 20 { OpenError::NotARecord } else { OpenError::NotAuthentic };
        assert_eq!(error(&mut opener, &record[..len]), Some(expected), "{len} bytes");
    }
    for more in 1..40 {
        let longer = [record.as_slice(), &vec![0; more]].concat();
        assert_eq!(error(&mut opener, &longer), Some(OpenError::NotAuthentic), "{more} bytes more");
    }
    assert_eq!(error(&mut opener, &record), None);
}

#[test]
fn a_datagram_that_is_too_long_for_a_record_is_none() {
    let (_, mut opener) = ends();
    for len in [MAX_RECORD_LEN - 1, 65_507] {
        assert_eq!(error(&mut opener, &vec![0b0010_1011; len]), Some(OpenError::NotARecord), "{len}");
    }
}

#[test]
fn the_other_direction_and_the_other_cipher_do_not_open() {
    let (mut sealer, _) = ends();
    let record = sealed(&mut sealer, b"one way");
    let other = TrafficSecret::new(&[0x43; 32]);
    assert!(error(&mut Opener::new(Cipher::Aes128Gcm, &other), &record).is_some());
    let same = TrafficSecret::new(&[0x42; 32]);
    assert!(error(&mut Opener::new(Cipher::Aes256Gcm, &same), &record).is_some());
}

#[test]
fn keys_that_are_used_up_seal_nothing() {
    let (mut sealer, _) = ends();
    sealer.skip(23_726_565);
    let mut record = vec![0; record_len(0)];
    assert_eq!(sealer.seal(&mut record, Content::ApplicationData, [&[]; 3]), Ok(()));
    for _ in 0..3 {
        let before = record.clone();
        assert_eq!(sealer.seal(&mut record, Content::ApplicationData, [&[]; 3]), Err(Exhausted));
        assert_eq!(record, before);
        assert_eq!(sealer.sealed(), 23_726_566);
    }
}

#[test]
#[should_panic(expected = "a record's buffer")]
fn a_buffer_of_another_length_is_a_mistake() {
    let (mut sealer, _) = ends();
    let _ = sealer.seal(&mut [0; 64], Content::ApplicationData, [&[1, 2, 3], &[], &[]]);
}

#[test]
fn secrets_and_keys_are_not_printed() {
    let (sealer, opener) = ends();
    assert_eq!(format!("{sealer:?}"), "Sealer { sealed: 0, .. }");
    assert_eq!(format!("{opener:?}"), "Opener { next: 0, .. }");
    assert_eq!(format!("{:?}", TrafficSecret::new(b"secret")), "TrafficSecret(..)");
}

/// Bytes as a forger would send them, most of them with the first byte of a record.
fn forged() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![Just(0x2b), Just(0x2f), any::<u8>()];
    // As long as its header says, or of any length.
    let rest = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(any::<u8>(), 19..200).prop_map(|mut rest| {
            let sealed = (rest.len() - 4) as u16;
            rest[2..4].copy_from_slice(&sealed.to_be_bytes());
            rest
        }),
    ];
    (first, rest).prop_map(|(first, rest)| [vec![first], rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_somebody_made_up_is_not_opened(datagrams in prop::collection::vec(forged(), 1..10)) {
        let (mut sealer, mut opener) = ends();
        for datagram in datagrams {
            prop_assert!(error(&mut opener, &datagram).is_some());
        }
        prop_assert_eq!(error(&mut opener, &sealed(&mut sealer, b"true")), None);
    }
}
