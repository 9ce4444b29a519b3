//! What stations of the platform log, as events.

use goal_state::drop_sentence::SNAT_PORTS;
use goal_state::event::{DropEvent, DroppedBy, Event};
use goal_state::{DropReason, HostGoalState};

use super::five_tuple;
use crate::lower::drop_log::{DropMark, LogPrefix};
use crate::station::Station;

/// What the station with this namespace logged at `time_us` (Unix time in microseconds), as an event. None when the log is not ours, the
/// station is not there any more, or the packet is not IPv4.
#[must_use]
pub fn station_event(
    goal: &HostGoalState,
    namespace: &str,
    prefix: &str,
    payload: &[u8],
    time_us: u64,
) -> Option<Event> {
    let LogPrefix::Drop(mark) = LogPrefix::parse(prefix, 0)? else { return None };
    let station = Station::all(&goal.edge).find(|station| station.namespace() == namespace)?;
    Some(Event::Drop(DropEvent {
        time_us,
        nic: None,
        at: Some(station.at()?.to_owned()),
        direction: mark.direction,
        reason: mark.reason,
        by: dropped_by(station, mark),
        packet: five_tuple(payload)?,
    }))
}

/// The resource, and its rule where the number is the place of one. A router has neither.
fn dropped_by(station: Station<'_>, mark: DropMark) -> Option<DroppedBy> {
    let place = usize::try_from(mark.number).ok();
    let (resource, rule) = match station {
        Station::Router(_) | Station::Prober(_) => return None,
        Station::NatGateway(gateway) => (&gateway.name, exhausted(mark).unwrap_or_default()),
        Station::Frontend(frontend) => {
            let rule = place.and_then(|place| frontend.rules.get(place));
            (&frontend.balancer, rule.map_or("", |rule| rule.name.as_str()))
        }
    };
    Some(DroppedBy { resource: resource.clone(), rule: rule.to_owned(), association: None })
}

/// What has no rule of its own has this one, if it ran out of ports.
fn exhausted(mark: DropMark) -> Option<&'static str> {
    (mark.reason == DropReason::OutboundAccess && mark.number != DropMark::NONE).then_some(SNAT_PORTS)
}
