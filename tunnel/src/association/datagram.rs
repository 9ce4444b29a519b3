//! What a datagram of a handshake is, as far as can be seen from outside (RFC 9147, sections 4 and 5.2).

/// Where the body of the first handshake message begins: after the headers of record (13 bytes) and message (12 bytes).
const BODY: usize = 25;
/// Where the random begins: after the body's `legacy_version`.
const RANDOM: usize = BODY + 2;

/// A datagram that is not a record of epoch 3, by its first record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Datagram {
    /// A ClientHello begins, with this random. The one after a HelloRetryRequest has the same.
    ClientHello([u8; 32]),
    /// A ClientHello goes on.
    ClientHelloRest,
    /// Another handshake message in clear: a ServerHello.
    ServerHello,
    /// A record that is sealed with the keys of a handshake.
    Protected,
    /// Nothing that anybody waits for. Alerts and acknowledgements in clear are of this kind: they could be anybody's.
    Other,
}

impl Datagram {
    pub(super) fn of(datagram: &[u8]) -> Self {
        match datagram {
            [first, ..] if first & 0b1110_0000 == 0b0010_0000 && first & 0b11 != 0b11 => Self::Protected,
            [22, ..] if datagram.get(13) == Some(&1) => Self::client_hello(datagram),
            [22, ..] if datagram.len() > BODY => Self::ServerHello,
            _ => Self::Other,
        }
    }

    fn client_hello(datagram: &[u8]) -> Self {
        let offset = datagram.get(19..22);
        let random = datagram.get(RANDOM..RANDOM + 32).and_then(|random| random.try_into().ok());
        match (offset, random) {
            (Some([0, 0, 0]), Some(random)) => Self::ClientHello(random),
            (Some([0, 0, 0]) | None, _) => Self::Other,
            (Some(_), _) => Self::ClientHelloRest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, offset: u8, random: u8) -> Vec<u8> {
        let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46];
        datagram.extend([kind, 0, 0, 34, 0, 0, 0, 0, offset, 0, 0, 34, 0xfe, 0xfd]);
        datagram.extend([random; 32]);
        datagram
    }

    #[test]
    fn kinds() {
        for (datagram, kind) in [
            (message(1, 0, 7), Datagram::ClientHello([7; 32])),
            (message(1, 9, 7), Datagram::ClientHelloRest),
            (message(1, 0, 7)[..BODY + 33].to_vec(), Datagram::Other),
            (message(1, 0, 7)[..14].to_vec(), Datagram::Other),
            (message(2, 0, 7), Datagram::ServerHello),
            (vec![22], Datagram::Other),
            (vec![0b0010_1110, 0, 0], Datagram::Protected),
            (vec![0b0010_1111, 0, 0], Datagram::Other),
            (vec![21, 0xfe, 0xfd, 0, 0], Datagram::Other),
            (vec![26, 0xfe, 0xfd, 0, 0], Datagram::Other),
            (vec![20], Datagram::Other),
            (vec![], Datagram::Other),
        ] {
            assert_eq!(Datagram::of(&datagram), kind, "{datagram:02x?}");
        }
    }
}
