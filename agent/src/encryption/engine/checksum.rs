//! The Internet checksum (RFC 1071). Sums are in the machine's byte order, as the RFC allows: what is folded is stored as it is.

/// Adds the 16-bit words of `bytes` to `sum`; an odd last byte counts as if a zero followed.
pub(crate) fn add(mut sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        sum += u64::from(u32::from_ne_bytes(*word));
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_ne_bytes(last))
}

/// Adds one number.
pub(crate) fn add_number(sum: u64, number: u16) -> u64 {
    sum + u64::from(number.to_be())
}

/// What a sum comes to, as two bytes to be stored.
pub(crate) fn fold(mut sum: u64) -> [u8; 2] {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (sum as u16).to_ne_bytes()
}

/// The complement of what a sum comes to: the checksum, as two bytes to be stored.
pub(crate) fn finish(sum: u64) -> [u8; 2] {
    fold(sum).map(|byte| !byte)
}

/// The sum of the pseudo header of TCP and UDP (RFC 9293, section 3.1) but for the length.
///
/// `ip` is an IPv4 header.
pub(crate) fn addresses(ip: &[u8], protocol: u8) -> u64 {
    add_number(add(0, &ip[12..20]), u16::from(protocol))
}

/// Puts the checksum of `bytes` where `offset` says. What is there counts: it is the sum of the pseudo header.
///
/// `udp` says that 0 would mean "none" (RFC 768).
pub(crate) fn complete(bytes: &mut [u8], offset: usize, udp: bool) {
    let mut sum = finish(add(0, bytes));
    if udp && sum == [0, 0] {
        sum = [0xff, 0xff];
    }
    bytes[offset..offset + 2].copy_from_slice(&sum);
}

/// Puts the checksum of an IPv4 header into it.
pub(crate) fn complete_ip(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum = finish(add(0, header));
    header[10..12].copy_from_slice(&sum);
}

/// Whether the checksum of a TCP segment or UDP datagram is right. `ip` is the IPv4 header.
pub(crate) fn is_right(ip: &[u8], protocol: u8, segment: &[u8]) -> bool {
    let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
    finish(add(add_number(addresses(ip, protocol), length), segment)) == [0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1071, section 3, and one with an odd length.
    #[test]
    fn sums_are_those_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(add(0, &bytes)), [0xdd, 0xf2]);
        assert_eq!(finish(add(0, &bytes)), [0x22, 0x0d]);
        assert_eq!(fold(add(0, &bytes[..3])), [0xf2, 0x01]);
        assert_eq!(fold(add_number(0, 0x1234)), [0x12, 0x34]);
    }

    /// <https://en.wikipedia.org/wiki/Internet_checksum>: the checksum is b861.
    #[test]
    fn an_ip_header_is_completed() {
        let mut header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xff, 0xff, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        complete_ip(&mut header);
        assert_eq!(header[10..12], [0xb8, 0x61]);
    }

    #[test]
    fn what_is_completed_is_right() {
        let ip = [0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let mut udp = [0x13, 0x88, 0x17, 0x70, 0, 11, 0, 0, b'a', b'b', b'c'];
        let pseudo = fold(add_number(addresses(&ip, 17), 11));
        udp[6..8].copy_from_slice(&pseudo);
        complete(&mut udp, 6, true);
        assert!(is_right(&ip, 17, &udp));
        udp[8] ^= 1;
        assert!(!is_right(&ip, 17, &udp));
    }

    /// 0 would say that there is none.
    #[test]
    fn udp_has_never_zero() {
        let mut bytes = [0xff, 0xff, 0, 0];
        complete(&mut bytes, 2, true);
        assert_eq!(bytes[2..], [0xff, 0xff]);
        let mut bytes = [0xff, 0xff, 0, 0];
        complete(&mut bytes, 2, false);
        assert_eq!(bytes[2..], [0, 0]);
    }
}
