//! The records of a datagram that are for the handshake: those before the first of epoch 3.

/// Header of a record that is not encrypted (RFC 9147, section 4): type, version, epoch, number, length.
const PLAINTEXT_HEADER: usize = 13;

/// Whether a record with this first byte has the unified header, so is encrypted.
pub(super) fn is_protected(first: u8) -> bool {
    first & 0b1110_0000 == 0b0010_0000
}

/// The records before the first of epoch 3, one after the other. What has no shape of a record comes last, as it is.
pub(super) fn of_handshake(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let &first = rest.first()?;
        if is_protected(first) && first & 0b11 == 3 {
            return None;
        }
        let (record, behind) = rest.split_at_checked(record_len(rest)).unwrap_or((rest, &[]));
        rest = behind;
        Some(record)
    })
}

/// The length that the first record has or claims to have, never 0.
fn record_len(records: &[u8]) -> usize {
    let length_at = |at: usize| match records.get(at..at + 2) {
        Some(length) => at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
        None => records.len(),
    };
    match records[0] {
        first if !is_protected(first) => length_at(PLAINTEXT_HEADER - 2),
        // No length: the rest of the datagram. With one: behind a number of one or two bytes.
        first if first & 0b100 == 0 => records.len(),
        first => length_at(if first & 0b1000 == 0 { 2 } else { 3 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 15] = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2];
    const EPOCH_2: [u8; 8] = [0b0010_1110, 1, 2, 0, 3, 7, 7, 7];
    const EPOCH_3: [u8; 6] = [0b0010_1111, 1, 2, 0, 1, 7];

    fn records(datagram: &[u8]) -> Vec<&[u8]> {
        of_handshake(datagram).collect()
    }

    #[test]
    fn records_before_epoch_3_come_one_by_one() {
        let datagram = [&PLAIN[..], &EPOCH_2, &EPOCH_2, &EPOCH_3, &EPOCH_2].concat();
        assert_eq!(records(&datagram), [&PLAIN[..], &EPOCH_2, &EPOCH_2]);
        for nothing in [&EPOCH_3[..], &[0b0010_1011, 1, 2, 3], &[0b0010_0011, 1, 2, 3], &[0b0011_1111], &[]] {
            assert_eq!(records(nothing), Vec::<&[u8]>::new());
        }
    }

    #[test]
    fn without_a_length_a_record_is_the_rest() {
        let datagram = [&PLAIN[..], &[0b0010_1010, 1, 2], &EPOCH_2].concat();
        assert_eq!(records(&datagram), [&PLAIN[..], &datagram[PLAIN.len()..]]);
        // One byte of number, two of length.
        let short = [0b0010_0110, 1, 0, 2, 7, 7];
        assert_eq!(records(&[&short[..], &EPOCH_2].concat()), [&short[..], &EPOCH_2]);
    }

    #[test]
    fn what_is_cut_short_is_left_to_the_library() {
        let datagram = [&PLAIN[..], &EPOCH_2].concat();
        for end in 1..datagram.len() {
            let cut = &datagram[..end];
            assert_eq!(records(cut).concat(), cut);
            assert_eq!(records(cut).len(), if end <= PLAIN.len() { 1 } else { 2 });
        }
    }
}
