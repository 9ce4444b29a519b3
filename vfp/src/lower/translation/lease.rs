//! Ports of addresses that other NICs use, too: so many flows at a time to a destination, and no more.
//!
//! One port serves one flow to each destination, that is address, protocol and port. The kernel finds a free port by trying; it tries
//! 128 in a row and then some by chance, and a flow that finds none is lost without a word. So leases are cut into parts in which it
//! tries them all, and flows are counted: a part that is full is passed over, and when all of them are, that is said.
//! <https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections#port-exhaustion>

use goal_state::DropReason;
use goal_state::drop_sentence::SNAT_PORTS;
use goal_state::nsg::{Direction, PortRange};
use goal_state::translation::{OutboundTranslation, PortLease, WayOut};

use super::outbound::to_internet;
use super::{WAY_OUT, drop_mark};
use crate::lower::drop_log::DropMark;
use crate::ruleset::{Action, ConnectionSet, Counter, Key, Match, Rule};

/// So many the kernel tries in a row.
const PART: u32 = 128;
/// At most so many parts. Larger leases have larger ones, in which the last free ports may not be found at the first trial.
const PARTS: u32 = 64;
/// So many destinations at a time are counted.
const DESTINATIONS: u32 = 65_536;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Translates by the first part that has a free port, or drops. Only TCP and UDP have ports.
pub(super) fn rules(place: usize, way: &OutboundTranslation, leases: &[PortLease]) -> Vec<Rule> {
    let matches = || {
        let all = way.protocol.number().is_none();
        let ports = all.then(|| Match::Protocol(vec![TCP, UDP]));
        to_internet(way).into_iter().chain(ports).collect::<Vec<_>>()
    };
    let translate = |(number, part): (usize, PortLease)| {
        let most = u32::from(part.last - part.first) + 1;
        let ports = PortRange::new(part.first, part.last);
        let set = set_name(place, number);
        let few = Match::FewConnections { set, most };
        let matches = matches().into_iter().chain([few]).collect();
        Rule::new(matches, vec![Action::SourceNat(part.address, ports)])
    };
    let mark = drop_mark(DropReason::OutboundAccess, Direction::Outbound, place);
    let mark = DropMark { number: mark.number.saturating_add(WAY_OUT), ..mark };
    let exhausted = vec![Action::Count(counter_name(place)), mark.log(), Action::Drop];
    parts(leases).into_iter().enumerate().map(translate).chain([Rule::new(matches(), exhausted)]).collect()
}

/// The sets of a way out, one for each part.
pub(super) fn connection_sets((place, way): (usize, &OutboundTranslation)) -> Vec<ConnectionSet> {
    let WayOut::Ports { leases, .. } = &way.way else { return vec![] };
    let keys = || vec![Key::Destination, Key::Protocol, Key::DestinationPort];
    let set = |number| ConnectionSet { name: set_name(place, number), keys: keys(), size: DESTINATIONS };
    (0..parts(leases).len()).map(set).collect()
}

/// Counts the flows that found no port.
pub(super) fn counter((place, way): (usize, &OutboundTranslation)) -> Option<Counter> {
    let WayOut::Ports { resource, .. } = &way.way else { return None };
    Some(Counter { name: counter_name(place), comment: format!("{resource}/{SNAT_PORTS}") })
}

fn parts(leases: &[PortLease]) -> Vec<PortLease> {
    let ports: u32 = leases.iter().map(|lease| u32::from(lease.last - lease.first) + 1).sum();
    let size = ports.div_ceil(PARTS).max(PART);
    let of_lease = |lease: &PortLease| {
        let PortLease { address, first, last } = *lease;
        let begins = (u32::from(first)..=u32::from(last)).step_by(size as usize);
        let part = move |begin: u32| {
            let end = (begin + size - 1).min(u32::from(last));
            Some(PortLease { address, first: u16::try_from(begin).ok()?, last: u16::try_from(end).ok()? })
        };
        begins.filter_map(part).collect::<Vec<_>>()
    };
    leases.iter().flat_map(of_lease).collect()
}

fn set_name(place: usize, part: usize) -> String {
    format!("flows_{place}_{part}")
}

fn counter_name(place: usize) -> String {
    format!("snat_ports_{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(first: u16, last: u16) -> PortLease {
        PortLease { address: [203, 0, 113, 5].into(), first, last }
    }

    #[test]
    fn leases_are_cut_into_parts_in_which_every_port_is_tried() {
        assert_eq!(parts(&[lease(1024, 1031)]), [lease(1024, 1031)]);
        let cut = [lease(1024, 1151), lease(1152, 1279), lease(1280, 1283), lease(2000, 2000)];
        assert_eq!(parts(&[lease(1024, 1283), lease(2000, 2000)]), cut);
    }

    /// 64,000 ports, as many as an address has.
    #[test]
    fn large_leases_have_few_parts_and_lose_no_port() {
        let parts = parts(&[lease(1024, 65_023)]);
        assert_eq!(parts.len(), 64);
        assert_eq!((parts[0].first, parts[63].last), (1024, 65_023));
        assert!(parts.windows(2).all(|two| two[0].last + 1 == two[1].first));
    }
}
