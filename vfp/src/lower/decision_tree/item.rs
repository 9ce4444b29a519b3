//! A rule of a list, as what it asks in each dimension.

use goal_state::nsg::{Protocol, Rule};

use super::span::{self, Spans};
use crate::lower::rule_list::ListedRule;
use crate::ruleset::Span;

/// What is looked up, after the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Dimension {
    DestinationPort,
    Source,
    Destination,
    SourcePort,
}

impl Dimension {
    pub(super) const ALL: [Self; 4] =
        [Self::DestinationPort, Self::Source, Self::Destination, Self::SourcePort];

    /// Everything that a packet can have there.
    pub(super) fn whole(self) -> Span {
        let last = match self {
            Self::Source | Self::Destination => u32::MAX,
            Self::SourcePort | Self::DestinationPort => u32::from(u16::MAX),
        };
        Span { first: 0, last }
    }

    pub(super) fn is_port(self) -> bool {
        matches!(self, Self::SourcePort | Self::DestinationPort)
    }
}

/// A rule that can match something.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The rule's place in the list.
    pub(super) place: usize,
    /// The protocol's number; none for all.
    pub(super) protocol: Option<u8>,
    /// What it asks, in the order of [`Dimension::ALL`]; none where everything will do. Ports count for TCP and UDP only.
    asks: [Option<Spans>; 4],
}

impl Item {
    pub(super) fn asks(&self, dimension: Dimension) -> Option<&Spans> {
        self.asks[dimension as usize].as_ref()
    }
}

/// The rules of a list that can match something.
pub(super) fn items(list: &[ListedRule<'_>]) -> Vec<Item> {
    list.iter().enumerate().filter_map(|(place, listed)| item(place, listed.rule)).collect()
}

fn item(place: usize, rule: &Rule) -> Option<Item> {
    let asks = Dimension::ALL.map(|dimension| {
        let spans = match dimension {
            Dimension::DestinationPort => span::of_ports(&rule.destination_ports),
            Dimension::SourcePort => span::of_ports(&rule.source_ports),
            Dimension::Source => span::of_addresses(&rule.source),
            Dimension::Destination => span::of_addresses(&rule.destination),
        };
        (spans != [dimension.whole()]).then_some(spans)
    });
    let impossible = |dimension: Dimension| {
        let counts = !dimension.is_port() || rule.protocol.has_ports();
        counts && asks[dimension as usize].as_ref().is_some_and(Vec::is_empty)
    };
    if Dimension::ALL.into_iter().any(impossible) {
        return None;
    }
    let ports_count = rule.protocol.has_ports() || rule.protocol == Protocol::Any;
    let asks = if ports_count { asks } else { without_ports(asks) };
    Some(Item { place, protocol: rule.protocol.number(), asks })
}

fn without_ports(mut asks: [Option<Spans>; 4]) -> [Option<Spans>; 4] {
    for dimension in Dimension::ALL.into_iter().filter(|dimension| dimension.is_port()) {
        asks[dimension as usize] = None;
    }
    asks
}
