//! Which records of a datagram are for the handshake: those before the first of epoch 3.

/// Header of a record that is not encrypted (RFC 9147, section 4): type, version, epoch, number, length.
const PLAINTEXT_HEADER: usize = 13;

/// Whether a record with this first byte has the unified header, so is encrypted.
fn is_unified(first: u8) -> bool {
    first & 0b1110_0000 == 0b0010_0000
}

/// The beginning of a datagram up to the first record of epoch 3; none if nothing is before that. What has no shape of a
/// record is left for the library to refuse.
pub(super) fn of_handshake(datagram: &[u8]) -> Option<&[u8]> {
    let mut end = 0;
    while let Some(&first) = datagram.get(end) {
        if is_unified(first) && first & 0b11 == 3 {
            break;
        }
        end = end.saturating_add(record_len(&datagram[end..]));
    }
    let handshake = &datagram[..end.min(datagram.len())];
    (!handshake.is_empty()).then_some(handshake)
}

/// Whether records are all encrypted, so that the library saw none but those of the peer itself.
pub(super) fn are_protected(records: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&first) = records.get(at) {
        if !is_unified(first) {
            return false;
        }
        at += record_len(&records[at..]);
    }
    true
}

/// The length of the first record, which may be longer than what is there; at least 1.
fn record_len(records: &[u8]) -> usize {
    let length_at = |at: usize| match records.get(at..at + 2) {
        Some(length) => at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
        None => records.len(),
    };
    match records.first() {
        Some(first) if !is_unified(*first) => length_at(PLAINTEXT_HEADER - 2),
        // No length: the rest of the datagram. With one: behind a number of one or two bytes.
        Some(first) if first & 0b100 == 0 => records.len(),
        Some(first) => length_at(if first & 0b1000 == 0 { 2 } else { 3 }),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 15] = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2];
    const EPOCH_2: [u8; 8] = [0b0010_1110, 1, 2, 0, 3, 7, 7, 7];
    const EPOCH_3: [u8; 6] = [0b0010_1111, 1, 2, 0, 1, 7];

    #[test]
    fn records_of_epoch_3_are_cut_off() {
        let datagram = [&PLAIN[..], &EPOCH_2, &EPOCH_3, &EPOCH_2].concat();
        assert_eq!(of_handshake(&datagram), Some(&datagram[..PLAIN.len() + EPOCH_2.len()]));
        assert_eq!(of_handshake(&EPOCH_3), None);
        assert_eq!(of_handshake(&[0b0010_1011, 1, 2, 3]), None);
        assert_eq!(of_handshake(&[0b0010_0011, 1, 2, 3]), None);
        assert_eq!(of_handshake(&EPOCH_2), Some(&EPOCH_2[..]));
        assert_eq!(of_handshake(&[]), None);
    }

    #[test]
    fn what_is_cut_short_is_left_to_the_library() {
        let datagram = [&PLAIN[..], &EPOCH_2].concat();
        for end in 1..=datagram.len() {
            assert_eq!(of_handshake(&datagram[..end]), Some(&datagram[..end]));
        }
        assert_eq!(of_handshake(&[0b0010_1010, 0, 3, 3]), Some(&[0b0010_1010, 0, 3, 3][..]));
    }

    #[test]
    fn protected_is_what_has_no_plaintext() {
        assert!(are_protected(&[EPOCH_2, EPOCH_2].concat()));
        assert!(!are_protected(&[&EPOCH_2[..], &PLAIN].concat()));
        assert!(!are_protected(&PLAIN));
    }
}
