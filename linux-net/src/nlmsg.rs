//! The framing that all netlink families share: messages in a datagram, acknowledgements, attributes.

/// Netlink's header.
pub(crate) const HEADER: usize = 16;

const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const FLAG_CAPPED: u16 = 0x100;
const FLAG_ACK_TLVS: u16 = 0x200;
/// The text of an extended acknowledgement (`NLMSGERR_ATTR_MSG`).
const ERROR_TEXT: u16 = 1;
/// The flag of an attribute whose value is attributes.
pub(crate) const NESTED: u16 = 0x8000;
/// The upper two bits of an attribute's type are flags.
const ATTRIBUTE_TYPE: u16 = 0x3fff;

/// One message as it is in the datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Header and payload.
    pub(crate) bytes: &'a [u8],
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
}

/// What a message is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An acknowledgement, or an error.
    Answer(Verdict),
    /// The end of a list, or an error.
    Done(Verdict),
    /// Anything else: what the family defines.
    Data,
}

/// 0 for success, else an error number and perhaps the kernel's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) errno: i32,
    pub(crate) text: Option<String>,
}

/// Netlink aligns messages and attributes to 4 bytes.
pub(crate) fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The messages of a datagram; a malformed rest is left out.
pub(crate) fn frames(datagram: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32_at(rest, 0)? as usize;
        let bytes = rest.get(..length).filter(|bytes| bytes.len() >= HEADER)?;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some(Frame { bytes, kind: u16_at(bytes, 4)?, flags: u16_at(bytes, 6)?, sequence: u32_at(bytes, 8)? })
    })
}

impl<'a> Frame<'a> {
    pub(crate) fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The list changed while the kernel was writing it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.flags & FLAG_DUMP_INTERRUPTED != 0
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.kind {
            TYPE_ERROR => Kind::Answer(self.verdict(4 + self.echoed())),
            TYPE_DONE => Kind::Done(self.verdict(4)),
            _ => Kind::Data,
        }
    }

    /// How much of the request an acknowledgement repeats before its attributes.
    fn echoed(&self) -> usize {
        let whole = u32_at(self.payload(), 4).unwrap_or_default() as usize;
        if self.flags & FLAG_CAPPED != 0 { HEADER } else { align(whole) }
    }

    fn verdict(&self, attributes_at: usize) -> Verdict {
        let errno = u32_at(self.payload(), 0).map_or(0, |code| -(code as i32));
        let tlvs = self.payload().get(attributes_at..).filter(|_| self.flags & FLAG_ACK_TLVS != 0);
        let text = attributes(tlvs.unwrap_or_default())
            .find(|(kind, _)| *kind == ERROR_TEXT)
            .map(|(_, value)| text(value));
        Verdict { errno, text }
    }
}

/// The attributes in `bytes`: type without flags, and value. A malformed rest is left out.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let value = rest.get(4..length)?;
        let kind = u16_at(rest, 2)? & ATTRIBUTE_TYPE;
        rest = rest.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Appends one attribute, padded.
pub(crate) fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = 4 + value.len();
    bytes.extend_from_slice(&(length as u16).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(align(bytes.len()), 0);
}

/// A C string, as far as it is text.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + payload.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&7u32.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(payload);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    #[test]
    fn a_refusal_carries_number_and_words() {
        let mut payload = (-17i32).to_ne_bytes().to_vec();
        payload.extend_from_slice(&[0; HEADER]);
        push_attribute(&mut payload, ERROR_TEXT, b"taken\0");
        let datagram = message(TYPE_ERROR, FLAG_CAPPED | FLAG_ACK_TLVS, &payload);
        let frame = frames(&datagram).next().unwrap();
        assert_eq!(frame.sequence, 7);
        assert_eq!(frame.kind(), Kind::Answer(Verdict { errno: 17, text: Some("taken".into()) }));
    }

    #[test]
    fn messages_follow_each_other_aligned() {
        let mut datagram = message(40, 0, &[1]);
        datagram.extend(message(TYPE_DONE, 0, &0u32.to_ne_bytes()));
        let kinds: Vec<_> = frames(&datagram).map(|frame| frame.kind).collect();
        assert_eq!(kinds, [40, TYPE_DONE]);
    }

    #[test]
    fn a_cut_datagram_ends_the_iteration() {
        let datagram = message(40, 0, &[1, 2, 3, 4]);
        for length in 0..datagram.len() {
            assert_eq!(frames(&datagram[..length]).count(), 0, "{length}");
        }
    }
}
