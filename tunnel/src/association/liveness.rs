//! What the counters of records say: whether the peer hears us, whether the keys are worn out, whether anything goes at all.

use std::time::{Duration, Instant};

use super::settings::Settings;

/// Counters of a pair's records since it was first opened. Each may begin at 0 again with new keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Records sealed.
    pub sealed: u64,
    /// Records opened.
    pub opened: u64,
    /// Records that no keys could open.
    pub not_authentic: u64,
}

#[derive(Debug, Default)]
pub(super) struct Liveness {
    seen: Traffic,
    /// Records that were sealed because this association said so, and not for a packet.
    own: u64,
    keys: Option<Keys>,
}

/// How the keys in use have fared.
#[derive(Debug)]
struct Keys {
    since: Instant,
    sealed: u64,
    opened: u64,
    /// Since when they are worn out by number.
    worn_out: Option<Instant>,
    /// The last time that something authentic came.
    heard: Instant,
    /// The last time that a packet was sent.
    sent: Instant,
    /// The first packet sent since something came.
    unanswered: Option<Instant>,
    /// When the peer was asked to answer.
    asked: Option<Instant>,
    /// The last time that records came that no keys could open, and none besides.
    strange: Option<Instant>,
    /// When new keys were last tried for.
    tried: Option<Instant>,
    /// The last time that a packet went either way.
    used: Instant,
}

impl Liveness {
    /// New keys are in use. The pair is not less idle for that.
    pub(super) fn new_keys(&mut self, now: Instant) {
        let used = self.keys.as_ref().map_or(now, |keys| keys.used);
        self.keys = Some(Keys {
            since: now,
            sealed: 0,
            opened: 0,
            worn_out: None,
            heard: now,
            sent: now,
            unanswered: None,
            asked: None,
            strange: None,
            tried: None,
            used,
        });
    }

    pub(super) fn drop_keys(&mut self) {
        self.keys = None;
    }

    /// A record without a packet goes out.
    pub(super) fn sending_empty(&mut self) {
        self.own += 1;
    }

    pub(super) fn tried(&mut self, now: Instant) {
        if let Some(keys) = &mut self.keys {
            keys.tried = Some(now);
        }
    }

    /// Something authentic came.
    pub(super) fn heard(&mut self, now: Instant) {
        if let Some(keys) = &mut self.keys {
            (keys.heard, keys.unanswered, keys.asked, keys.strange) = (now, None, None, None);
        }
    }

    /// Takes in the counters. What was sent and answered between two looks counts as answered, so that answers are not asked for
    /// answers.
    pub(super) fn observe(&mut self, traffic: Traffic, settings: &Settings, goes_first: bool, now: Instant) {
        let all = since(traffic.sealed, self.seen.sealed);
        let opened = since(traffic.opened, self.seen.opened);
        let strange = since(traffic.not_authentic, self.seen.not_authentic);
        let packets = all.saturating_sub(self.own);
        (self.seen, self.own) = (traffic, 0);
        if opened > 0 {
            self.heard(now);
        }
        let Some(keys) = &mut self.keys else { return };
        keys.sealed = keys.sealed.saturating_add(all);
        keys.opened = keys.opened.saturating_add(opened);
        if packets > 0 {
            keys.sent = now;
        }
        if packets > 0 && opened == 0 {
            keys.unanswered.get_or_insert(now);
        }
        if packets > 0 || opened > 0 {
            keys.used = now;
        }
        if strange > 0 && opened == 0 {
            keys.strange = Some(now);
        }
        if keys.sealed.max(keys.opened) >= later(settings.rekey_records, goes_first) {
            keys.worn_out.get_or_insert(now);
        }
    }

    /// When the peer is to be asked to answer. Asked once more and again as long as a new handshake is not begun or packets go.
    pub(super) fn ask_at(&self, settings: &Settings) -> Option<Instant> {
        let keys = self.keys.as_ref()?;
        let unanswered = keys.unanswered?;
        let Some(asked) = keys.asked else { return Some(unanswered + settings.ask_after) };
        let again = asked + settings.ask_after;
        let early = again < unanswered + settings.ask_after + settings.renew_after;
        (early || keys.sent > asked).then_some(again)
    }

    pub(super) fn asked(&mut self, now: Instant) {
        if let Some(keys) = &mut self.keys {
            keys.asked = Some(now);
        }
    }

    /// When new keys are to be tried for.
    pub(super) fn renew_at(&self, settings: &Settings, goes_first: bool) -> Option<Instant> {
        let keys = self.keys.as_ref()?;
        let aged = Some(keys.since + later(settings.rekey_age, goes_first));
        let times = [keys.worn_out, aged, keys.dead_at(settings), keys.estranged_at(settings)];
        times.into_iter().flatten().min()
    }

    /// When nothing has gone for so long that the association is closed.
    pub(super) fn idle_at(&self, settings: &Settings) -> Option<Instant> {
        self.keys.as_ref().map(|keys| keys.used + settings.idle)
    }
}

impl Keys {
    /// The peer does not answer. Tried once, and again when packets want to go.
    fn dead_at(&self, settings: &Settings) -> Option<Instant> {
        let at = self.unanswered? + settings.ask_after + settings.renew_after;
        self.tried.is_none_or(|tried| tried < at || tried < self.sent).then_some(at)
    }

    /// The peer seems to use keys that this side does not have. Anybody can make it seem so, therefore it is believed only when
    /// nothing authentic comes, and seldom.
    fn estranged_at(&self, settings: &Settings) -> Option<Instant> {
        let last = self.tried.map_or(self.since, |tried| tried.max(self.since));
        let strange = self.strange.filter(|strange| *strange > last)?;
        Some(strange.max(self.heard + settings.ask_after).max(last + settings.retry_longest))
    }
}

/// How much a counter has grown, or since it began anew.
fn since(now: u64, before: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// A limit, and for the side that does not go first a sixteenth more.
fn later<T: Limit>(limit: T, goes_first: bool) -> T {
    if goes_first { limit } else { limit.more() }
}

trait Limit {
    fn more(self) -> Self;
}

impl Limit for u64 {
    fn more(self) -> Self {
        self.saturating_add(self / 16)
    }
}

impl Limit for Duration {
    fn more(self) -> Self {
        self.saturating_add(self / 16)
    }
}
