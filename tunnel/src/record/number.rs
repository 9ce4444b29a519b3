//! Whole record numbers, of which the wire has the last 16 bits (RFC 9147, section 4.2.2).

/// Numbers that the 16 bits on the wire tell apart.
pub(super) const SPAN: u64 = 1 << 16;

/// Of the numbers that end in `low`, the one nearest to `expected`.
#[inline]
pub(super) fn nearest(expected: u64, low: u16) -> u64 {
    let ahead = u64::from(low.wrapping_sub(expected as u16));
    let above = expected + ahead;
    // As far below as above is taken for above; nothing lies below 0.
    if ahead <= SPAN / 2 || above < SPAN { above } else { above - SPAN }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_number_is_taken_on_both_sides() {
        assert_eq!(nearest(0, 0), 0);
        assert_eq!(nearest(0, 40_000), 40_000, "there is nothing below 0");
        assert_eq!(nearest(10, 65_530), 65_530, "there is nothing below 0");
        assert_eq!(nearest(65_536, 65_530), 65_530);
        assert_eq!(nearest(65_530, 3), 65_539);
        assert_eq!(nearest(100_000, (100_000 + 32_767_u32) as u16), 132_767);
        assert_eq!(nearest(100_000, (100_000 + 32_768_u32) as u16), 132_768);
        assert_eq!(nearest(100_000, (100_000 + 32_769_u32) as u16), 100_000 + 32_769 - 65_536);
        assert_eq!(nearest(100_000, (100_000 - 32_767_u32) as u16), 67_233);
    }

    proptest! {
        #[test]
        fn it_ends_in_what_the_wire_has_and_is_not_far(expected in 0_u64..1 << 48, low: u16) {
            let number = nearest(expected, low);
            prop_assert_eq!(number as u16, low);
            prop_assert!(number.abs_diff(expected) <= SPAN / 2 || (expected < SPAN / 2 && number < SPAN));
        }

        #[test]
        fn a_number_within_32767_of_the_expected_one_is_found(expected in 0_u64..1 << 48, away in -32_767_i64..=32_767) {
            prop_assume!(expected as i64 + away >= 0);
            let number = (expected as i64 + away) as u64;
            prop_assert_eq!(nearest(expected, number as u16), number);
        }
    }
}
