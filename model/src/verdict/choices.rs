//! Where several ways are equal, each flow takes one of them, and nobody can say which: a walk takes the choices that it is
//! told, and the first of each that it is not told.

use std::collections::BTreeMap;

use super::packet::Packet;
use crate::effective::FrontendRef;
use crate::network::{GatewayId, NicRef, SiteId};

/// What chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Chooser {
    /// A NIC's port, among appliances or gateways of equal cost.
    Port(NicRef),
    /// A gateway, among connections or appliances of equal cost.
    Gateway(GatewayId),
    /// A site on premises, among connections of equal cost.
    Site(SiteId),
    /// A load balancer, among backends. It keeps to its choice for both directions of a flow.
    LoadBalancer(FrontendRef),
}

/// The choices of one walk there and back.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// What each choice is to be, in the order of the walk.
    wanted: Vec<usize>,
    /// What was chosen, and among how many.
    made: Vec<(usize, usize)>,
    /// What a flow has been given already.
    kept: BTreeMap<(Chooser, Packet), usize>,
}

impl Choices {
    /// A walk that is told its first choices.
    pub(super) fn new(wanted: Vec<usize>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// The position of the chosen one among `count`, which is not 0.
    pub(super) fn among(&mut self, chooser: Chooser, packet: Packet, count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        let flow = match chooser {
            Chooser::LoadBalancer(_) => packet.min(packet.reversed()),
            Chooser::Port(_) | Chooser::Gateway(_) | Chooser::Site(_) => packet,
        };
        if let Some(&kept) = self.kept.get(&(chooser, flow)) {
            return kept.min(count - 1);
        }
        let chosen = self.wanted.get(self.made.len()).copied().unwrap_or(0);
        self.made.push((chosen, count));
        self.kept.insert((chooser, flow), chosen);
        chosen
    }

    /// The choices of the next walk, after this one is over; none when all have been walked.
    pub(super) fn next(self) -> Option<Vec<usize>> {
        let mut made = self.made;
        while let Some((chosen, count)) = made.pop() {
            if chosen + 1 < count {
                let before = made.into_iter().map(|(chosen, _)| chosen);
                return Some(before.chain([chosen + 1]).collect());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::IpProtocol;
    use super::*;
    use crate::network::{NicIndex, VmId};

    /// A walk that chooses among two, and then, only after the first of them, among three.
    #[test]
    fn every_combination_is_walked_once_and_the_first_ones_first() {
        let packet = |source_port| Packet {
            protocol: IpProtocol::TCP,
            source: [10, 0, 0, 4].into(),
            source_port,
            destination: [10, 0, 0, 5].into(),
            destination_port: 80,
        };
        let port = Chooser::Port(NicRef { vm: VmId(0), index: NicIndex(0) });
        let mut walks = Vec::new();
        let mut wanted = Some(Vec::new());
        while let Some(next) = wanted {
            let mut choices = Choices::new(next);
            let first = choices.among(port, packet(1), 2);
            assert_eq!(choices.among(port, packet(1), 2), first, "a flow keeps to its own");
            let second = if first == 0 { choices.among(port, packet(2), 3) } else { 9 };
            walks.push((first, second));
            wanted = choices.next();
        }
        assert_eq!(walks, [(0, 0), (0, 1), (0, 2), (1, 9)]);
    }
}
