//! Opened packets of one flow, joined so that the kernel receives them as one: the reverse of cutting. The rules are those of the
//! kernel's own generic receive offload, so that what is cut again is what was sent.

use std::io::IoSlice;

use super::checksum;
use super::packet::{ETHERNET, LARGEST_HEAD, Layout, Transport};
use super::segment::Malformed;
use super::virtio::{self, Cut, Header};

/// Most packets in one.
const MOST: usize = 128;

/// TCP's flags: ACK must be there, FIN and PSH may be with the last one, and none else.
const ACK: u8 = 0x10;
const LAST_ONLY: u8 = 0x09;

/// Where the IPv4 packet begins behind the TAP's header.
const PACKET: usize = virtio::LENGTH + ETHERNET;

/// Packets that wait to be written as one. They lie where they were opened, only their headers are copied.
pub(crate) struct Coalescer<'d> {
    /// TAP's header, Ethernet header, and the first packet's headers, or as much of it as is needed.
    head: [u8; PACKET + LARGEST_HEAD],
    /// What the first packet is; none when it cannot be joined.
    layout: Option<Layout>,
    payloads: [IoSlice<'d>; MOST],
    count: usize,
    /// Bytes of the payloads together.
    length: usize,
    /// Bytes of each payload but the last.
    size: usize,
    /// The first packet's checksum is open.
    partial: bool,
    /// Nothing may follow.
    complete: bool,
    /// The TAP takes joined UDP.
    joins_udp: bool,
}

impl<'d> Coalescer<'d> {
    /// For frames that begin with `ethernet`.
    pub(crate) fn new(ethernet: [u8; ETHERNET], joins_udp: bool) -> Self {
        let mut head = [0; PACKET + LARGEST_HEAD];
        head[virtio::LENGTH..PACKET].copy_from_slice(&ethernet);
        Self {
            head,
            layout: None,
            payloads: [IoSlice::new(&[]); MOST],
            count: 0,
            length: 0,
            size: 0,
            partial: false,
            complete: false,
            joins_udp,
        }
    }

    /// Adds a packet whose length has been checked; what cannot be joined with it is written before.
    pub(crate) fn push(
        &mut self,
        partial: bool,
        packet: &'d [u8],
        write: impl FnMut(&[IoSlice<'_>]),
    ) -> Result<(), Malformed> {
        let layout = Layout::of(packet);
        if partial && layout.is_none() {
            return Err(Malformed);
        }
        let joinable = layout.filter(|layout| self.may_be_joined(partial, packet, layout));
        if let Some(layout) = joinable.filter(|layout| self.continues(packet, layout)) {
            self.join(packet, &layout);
        } else {
            self.flush(write);
            self.begin(partial, packet, layout, joinable.is_some());
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self, mut write: impl FnMut(&[IoSlice<'_>])) {
        if self.count == 0 {
            return;
        }
        let head = self.finish_head();
        let mut parts = [IoSlice::new(&[]); MOST + 1];
        parts[0] = IoSlice::new(&self.head[..head]);
        parts[1..=self.count].copy_from_slice(&self.payloads[..self.count]);
        // A packet that cannot be joined has no payload apart.
        write(&parts[..=self.count]);
        self.count = 0;
    }

    /// Whether the packet could be one of several, whatever the others are: nothing about it is lost by joining.
    fn may_be_joined(&self, partial: bool, packet: &[u8], layout: &Layout) -> bool {
        let (ip, rest) = packet.split_at(layout.ip);
        let plain = match layout.transport {
            Transport::Tcp => rest[13] & !LAST_ONLY == ACK,
            Transport::Udp => {
                self.joins_udp
                    && usize::from(u16::from_be_bytes([rest[4], rest[5]])) == rest.len()
                    && (partial || rest[6..8] != [0, 0])
            }
        };
        plain
            && layout.ip == 20
            && packet.len() > layout.head
            // A wrong checksum stays wrong, and is for the receiver to find.
            && (partial || checksum::is_right(ip, layout.transport.protocol(), rest))
    }

    /// Whether a packet that may be joined is the next one of those that wait.
    fn continues(&self, packet: &[u8], layout: &Layout) -> bool {
        let payload = packet.len() - layout.head;
        if self.count == 0
            || self.complete
            || self.layout != Some(*layout)
            || payload > self.size
            || layout.head + self.length + payload > usize::from(u16::MAX)
            || self.count == MOST
        {
            return false;
        }
        let first = &self.head[PACKET..PACKET + layout.head];
        // Identifications count up, unless nobody will ever look at them (RFC 6864).
        let next = u16::from_be_bytes([first[4], first[5]]).wrapping_add(self.count as u16);
        let numbered = packet[6] & 0x40 != 0 || packet[4..6] == next.to_be_bytes();
        let ip =
            first[..2] == packet[..2] && first[6..10] == packet[6..10] && first[12..20] == packet[12..20];
        let (mine, theirs) = (&first[20..], &packet[20..layout.head]);
        let transport = match layout.transport {
            Transport::Tcp => {
                let number = u32::from_be_bytes([mine[4], mine[5], mine[6], mine[7]]);
                theirs[4..8] == number.wrapping_add(self.length as u32).to_be_bytes()
                    && mine[..4] == theirs[..4]
                    // Acknowledgement, header length, and then window; urgent pointer and options.
                    && mine[8..13] == theirs[8..13]
                    && mine[14..16] == theirs[14..16]
                    && mine[18..] == theirs[18..]
            }
            Transport::Udp => mine[..4] == theirs[..4],
        };
        numbered && ip && transport
    }

    fn join(&mut self, packet: &'d [u8], layout: &Layout) {
        let payload = &packet[layout.head..];
        self.payloads[self.count] = IoSlice::new(payload);
        self.count += 1;
        self.length += payload.len();
        self.complete = payload.len() < self.size;
        if layout.transport == Transport::Tcp {
            let last = packet[layout.ip + 13] & LAST_ONLY;
            self.head[PACKET + layout.ip + 13] |= last;
            self.complete |= last != 0;
        }
    }

    fn begin(&mut self, partial: bool, packet: &'d [u8], layout: Option<Layout>, joinable: bool) {
        let (head, payload) = packet.split_at(layout.map_or(20, |layout| layout.head));
        self.head[PACKET..PACKET + head.len()].copy_from_slice(head);
        self.payloads[0] = IoSlice::new(payload);
        self.layout = layout;
        self.count = 1;
        self.length = payload.len();
        self.size = payload.len();
        self.partial = partial;
        let last = layout.is_some_and(|layout| {
            layout.transport == Transport::Tcp && packet[layout.ip + 13] & LAST_ONLY != 0
        });
        self.complete = !joinable || last;
    }

    /// Makes the headers those of all that waits; bytes of them.
    fn finish_head(&mut self) -> usize {
        let Some(layout) = self.layout.filter(|_| self.count > 1 || self.partial) else {
            self.head[..virtio::LENGTH].copy_from_slice(&Header::DONE.to_bytes());
            return PACKET + self.layout.map_or(20, |layout| layout.head);
        };
        let (before, packet) = self.head.split_at_mut(PACKET);
        let head = &mut packet[..layout.head];
        let total = layout.head + self.length;
        let length = ((total - layout.ip) as u16).to_be_bytes();
        if self.count > 1 {
            head[2..4].copy_from_slice(&(total as u16).to_be_bytes());
            checksum::complete_ip(&mut head[..layout.ip]);
            if layout.transport == Transport::Udp {
                head[layout.ip + 4..layout.ip + 6].copy_from_slice(&length);
            }
        }
        let pseudo = checksum::addresses(head, layout.transport.protocol());
        let pseudo = checksum::fold(checksum::add_number(pseudo, u16::from_be_bytes(length)));
        let at = layout.ip + layout.transport.checksum_offset();
        head[at..at + 2].copy_from_slice(&pseudo);
        let header = Header {
            checksum_start: Some((ETHERNET + layout.ip) as u16),
            checksum_offset: layout.transport.checksum_offset() as u16,
            cut: match layout.transport {
                _ if self.count == 1 => Cut::Not,
                Transport::Tcp => Cut::Tcp,
                Transport::Udp => Cut::Udp,
            },
            header_length: (ETHERNET + layout.head) as u16,
            segment: self.size as u16,
        };
        before[..virtio::LENGTH].copy_from_slice(&header.to_bytes());
        PACKET + layout.head
    }
}

#[cfg(test)]
mod tests;
