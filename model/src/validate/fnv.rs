//! FNV-1a, 64 bits: the hash behind every number that must stay the same from one run to the next.
//!
//! The standard library's hasher is free to change between releases; this one is fixed by its published constants
//! (<https://www.ietf.org/archive/id/draft-eastlake-fnv-21.html>).

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of `parts`, joined by a byte that no name has, so that `ab`+`c` differs from `a`+`bc`. Case does not
/// count, as in Azure's names.
pub(crate) fn hash_of_names(parts: &[&str]) -> u64 {
    let mut hash = OFFSET_BASIS;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash = step(hash, b'/');
        }
        hash = part.bytes().fold(hash, |hash, byte| step(hash, byte.to_ascii_lowercase()));
    }
    hash
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_test_vectors_hold() {
        assert_eq!(hash_of_names(&[""]), OFFSET_BASIS);
        assert_eq!(hash_of_names(&["a"]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash_of_names(&["foobar"]), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn case_does_not_count_but_the_border_between_names_does() {
        assert_eq!(hash_of_names(&["Hub"]), hash_of_names(&["hub"]));
        assert_ne!(hash_of_names(&["a", "bc"]), hash_of_names(&["ab", "c"]));
    }
}
