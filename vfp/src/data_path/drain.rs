//! Waiting until what was sent by a VF has been received.
//!
//! A frame that is sent into one end of a pair waits on a processor until that receives it from the other end, and is lost
//! when the pair is removed meanwhile. The counters of a pair do not show this: they count a frame as received when it is sent.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use linux_net::netlink::NetlinkError;
use linux_net::{Netlink, softnet};

use crate::names::VF;

/// Between two looks. Longer than it takes to send a frame once it has been led to the VF.
const PAUSE: Duration = Duration::from_millis(1);
/// A machine that is so busy for so long loses what waits.
const LONGEST: Duration = Duration::from_millis(500);

/// Waits until nobody sends by the VF of this port any more, and then until every processor has received what waited on it.
/// The path must have been switched back before.
pub(super) fn wait(port: &mut Netlink) -> Result<(), NetlinkError> {
    let end = Instant::now() + LONGEST;
    let mut before = carried(port)?;
    loop {
        thread::sleep(PAUSE);
        let now = carried(port)?;
        if now == before || Instant::now() > end {
            break;
        }
        before = now;
    }
    if let Err(error) = wait_for_processors(end) {
        tracing::debug!(%error, "waiting for as long as it takes at most");
        thread::sleep(end.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// Packets in both directions.
fn carried(port: &mut Netlink) -> Result<(u64, u64), NetlinkError> {
    let statistics = port.statistics(VF)?.unwrap_or_default();
    Ok((statistics.rx_packets, statistics.tx_packets))
}

/// A processor that has nothing waiting at any one time from now on has received what waited before: they keep order.
fn wait_for_processors(end: Instant) -> io::Result<()> {
    let mut waiting = softnet::backlogs()?.into_iter().map(|frames| frames > 0).collect::<Vec<_>>();
    while waiting.contains(&true) && Instant::now() < end {
        thread::sleep(PAUSE);
        for (waits, frames) in waiting.iter_mut().zip(softnet::backlogs()?) {
            *waits &= frames > 0;
        }
    }
    Ok(())
}
