//! The first rule of a group that matches a packet, in a time that hardly grows with the number of rules.
//!
//! Each dimension of a packet (protocol, addresses, ports) is cut at every border of every rule. Between two borders the
//! same rules match, so a row of bits per interval says which. A packet has one row in each dimension; the first bit that is
//! set in all of them is the rule. It finds what [`crate::verdict::rule_match::first_match`] finds.

use std::collections::HashMap;

use goal_state::nsg::{AddressSet, PortRange, Protocol, Rule, RuleGroup};

use crate::verdict::Packet;
use crate::verdict::rule_match::first_position;

/// Shorter lists are looked through: that is as quick.
const FEW: usize = 8;
/// Longer sums of rows than this many words are not kept: such a group is looked through.
const MOST_WORDS: usize = 1 << 22;
/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// First and last value.
type Interval = (u32, u32);

/// One group of rules, ready to be asked often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classifier(Option<Tables>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tables {
    /// Words of a row.
    width: usize,
    protocols: Dimension,
    sources: Dimension,
    destinations: Dimension,
    source_ports: Dimension,
    destination_ports: Dimension,
}

impl Classifier {
    /// Prepares `group`. Later questions must be about the same group.
    #[must_use]
    pub fn new(group: &RuleGroup) -> Self {
        Self((group.rules.len() > FEW).then(|| Tables::new(&group.rules)).flatten())
    }

    /// The first rule of `group` that matches `packet`. `group` is the one that this was made for.
    #[must_use]
    pub fn first_match<'g>(&self, group: &'g RuleGroup, packet: &Packet) -> Option<&'g Rule> {
        group.rules.get(self.position(group, packet)?)
    }

    /// The position of that rule.
    #[must_use]
    pub fn position(&self, group: &RuleGroup, packet: &Packet) -> Option<usize> {
        match &self.0 {
            Some(tables) => tables.position(packet),
            None => first_position(group, packet),
        }
    }
}

impl Tables {
    /// None when they would be too large.
    fn new(rules: &[Rule]) -> Option<Self> {
        let width = rules.len().div_ceil(WORD);
        let dimension = |ranges: &dyn Fn(&Rule, &mut Vec<Interval>)| {
            let mut list = Vec::new();
            for (position, rule) in rules.iter().enumerate() {
                let mut of_rule = Vec::new();
                ranges(rule, &mut of_rule);
                list.extend(disjoint(of_rule).into_iter().map(|range| (range, position)));
            }
            Dimension::new(list, width)
        };
        Some(Self {
            width,
            protocols: dimension(&|rule, into| into.push(protocols(rule.protocol)))?,
            sources: dimension(&|rule, into| addresses(&rule.source, into))?,
            destinations: dimension(&|rule, into| addresses(&rule.destination, into))?,
            source_ports: dimension(&|rule, into| ports(&rule.source_ports, into))?,
            destination_ports: dimension(&|rule, into| ports(&rule.destination_ports, into))?,
        })
    }

    fn position(&self, packet: &Packet) -> Option<usize> {
        let protocol = self.protocols.row(packet.protocol.0.into(), self.width);
        let source = self.sources.row(packet.source.to_bits(), self.width);
        let destination = self.destinations.row(packet.destination.to_bits(), self.width);
        let addresses = protocol.iter().zip(source).zip(destination).map(|((a, b), c)| a & b & c);
        if !packet.protocol.has_ports() {
            return first_bit(addresses);
        }
        let source_ports = self.source_ports.row(packet.source_port.into(), self.width);
        let destination_ports = self.destination_ports.row(packet.destination_port.into(), self.width);
        first_bit(addresses.zip(source_ports).zip(destination_ports).map(|((a, b), c)| a & b & c))
    }
}

fn first_bit(words: impl Iterator<Item = u64>) -> Option<usize> {
    words.enumerate().find_map(|(index, word)| {
        (word != 0).then(|| index * WORD + usize::try_from(word.trailing_zeros()).unwrap_or_default())
    })
}

/// One dimension: which rules match what value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dimension {
    /// Where intervals begin, sorted. What is before the first belongs to no rule.
    starts: Vec<u32>,
    /// The row of each interval. Intervals with the same rules share one.
    row_of: Vec<u32>,
    /// Rows, one after another; the first is empty.
    rows: Vec<u64>,
}

impl Dimension {
    /// From inclusive ranges, each with the position of its rule; those of one rule do not touch.
    fn new(ranges: Vec<(Interval, usize)>, width: usize) -> Option<Self> {
        let mut borders = Vec::with_capacity(2 * ranges.len());
        for ((first, last), rule) in ranges {
            borders.push((first, rule));
            borders.extend(last.checked_add(1).map(|after| (after, rule)));
        }
        borders.sort_unstable();
        let mut row = vec![0; width];
        let mut dimension = Self { starts: Vec::new(), row_of: Vec::new(), rows: row.clone() };
        let mut known: HashMap<Vec<u64>, u32> = HashMap::from([(row.clone(), 0)]);
        for border in borders.chunk_by(|one, next| one.0 == next.0) {
            for &(_, rule) in border {
                row[rule / WORD] ^= 1 << (rule % WORD);
            }
            let next = u32::try_from(known.len()).ok()?;
            let number = *known.entry(row.clone()).or_insert(next);
            if number == next {
                dimension.rows.extend_from_slice(&row);
            }
            dimension.starts.push(border[0].0);
            dimension.row_of.push(number);
            if dimension.rows.len() > MOST_WORDS {
                return None;
            }
        }
        Some(dimension)
    }

    fn row(&self, value: u32, width: usize) -> &[u64] {
        let after = self.starts.partition_point(|start| *start <= value);
        let number = after.checked_sub(1).map_or(0, |interval| self.row_of[interval]);
        let start = usize::try_from(number).unwrap_or_default() * width;
        &self.rows[start..start + width]
    }
}

/// The same values as ranges that neither overlap nor touch.
fn disjoint(mut ranges: Vec<Interval>) -> Vec<Interval> {
    ranges.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn protocols(protocol: Protocol) -> Interval {
    protocol.number().map_or((0, 255), |number| (number.into(), number.into()))
}

fn addresses(set: &AddressSet, into: &mut Vec<Interval>) {
    into.extend(
        set.prefixes().iter().map(|prefix| (prefix.network().to_bits(), prefix.broadcast().to_bits())),
    );
}

fn ports(ranges: &[PortRange], into: &mut Vec<Interval>) {
    into.extend(ranges.iter().map(|range| (range.first().into(), range.last().into())));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::rule_match::first_match;
    use crate::verdict::rule_match::tests::{any_group, any_packet};

    proptest! {
        #[test]
        fn it_finds_what_a_look_through_the_list_finds(
            group in any_group(0..150), packets in proptest::collection::vec(any_packet(), 1..20),
        ) {
            let classifier = Classifier::new(&group);
            let tables = Tables::new(&group.rules).unwrap();
            for packet in packets {
                let expected = first_match(&group, &packet);
                prop_assert_eq!(classifier.first_match(&group, &packet), expected);
                prop_assert_eq!(tables.position(&packet).map(|at| &group.rules[at]), expected);
            }
        }
    }

    #[test]
    fn ranges_of_a_rule_that_overlap_or_touch_are_one() {
        assert_eq!(
            disjoint(vec![(5, 9), (0, 3), (4, 4), (20, u32::MAX), (30, 40)]),
            [(0, 9), (20, u32::MAX)]
        );
    }

    #[test]
    fn rules_with_equal_values_share_a_row() {
        let ranges = (0..1000).map(|at| ((2 * at, 2 * at), 0)).collect();
        let dimension = Dimension::new(ranges, 1).unwrap();
        assert_eq!((dimension.starts.len(), dimension.rows.len()), (2000, 2));
        assert_eq!(
            (dimension.row(4, 1), dimension.row(5, 1), dimension.row(5000, 1)),
            (&[1][..], &[0][..], &[0][..])
        );
    }
}
