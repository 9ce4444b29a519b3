//! A link between two handshakes, and the time that passes on it.

use std::fmt;
use std::time::{Duration, Instant};

use super::LATE;
use crate::handshake::{Handshake, HandshakeFailure, Progress, Role};
use crate::record::Secrets;

/// A datagram as it arrives, and how late.
pub(super) type Arrival = (Duration, Vec<u8>);

/// A link that does nothing to datagrams.
pub(super) fn at_once(_: Role, _: usize, datagram: &[u8]) -> Vec<Arrival> {
    vec![(Duration::ZERO, datagram.to_vec())]
}

/// How it ended.
pub(super) struct Outcome {
    /// Of client and server.
    pub(super) ends: [Result<Secrets, HandshakeFailure>; 2],
    /// All datagrams, lost ones, too.
    pub(super) sent: Vec<(Role, Vec<u8>)>,
    /// Until both had ended.
    pub(super) elapsed: Duration,
    /// When the client was done, even if it failed later.
    pub(super) client_done_after: Option<Duration>,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.sent.iter().map(|(role, datagram)| (role, datagram.len())).collect::<Vec<_>>();
        write!(formatter, "{:?} after {:?}: {sent:?}", self.ends, self.elapsed)
    }
}

/// One of the two.
struct End<'h> {
    role: Role,
    handshake: &'h mut Handshake,
    sent: usize,
    secrets: Option<Secrets>,
    failure: Option<HandshakeFailure>,
    wake: Option<Instant>,
}

/// A datagram under way.
struct Flying {
    at: Instant,
    to: usize,
    datagram: Vec<u8>,
}

/// Lets two handshakes talk until both have ended; a client ends when it has failed, or when both are done. `link` says what
/// becomes of each datagram: who sent it, as how manyeth, and its bytes.
pub(super) fn over(
    mut handshakes: [Handshake; 2],
    start: Instant,
    link: impl FnMut(Role, usize, &[u8]) -> Vec<Arrival>,
) -> Outcome {
    let [client, server] = &mut handshakes;
    over_mut([client, server], start, link)
}

/// The same, with handshakes that are still there afterwards.
pub(super) fn over_mut(
    [client, server]: [&mut Handshake; 2],
    start: Instant,
    mut link: impl FnMut(Role, usize, &[u8]) -> Vec<Arrival>,
) -> Outcome {
    let mut ends = [(Role::Client, client), (Role::Server, server)].map(|(role, handshake)| End {
        role,
        handshake,
        sent: 0,
        secrets: None,
        failure: None,
        wake: None,
    });
    let (mut flying, mut sent) = (Vec::<Flying>::new(), Vec::new());
    let (mut now, mut client_done_after) = (start, None);
    loop {
        for (index, end) in ends.iter_mut().enumerate() {
            for datagram in end.poll() {
                for (late, datagram) in link(end.role, end.sent, &datagram) {
                    flying.push(Flying { at: now + late, to: 1 - index, datagram });
                }
                end.sent += 1;
                sent.push((end.role, datagram));
            }
        }
        if ends[0].secrets.is_some() {
            client_done_after.get_or_insert(now - start);
        }
        let over = |end: &End<'_>| end.failure.is_some() || end.secrets.is_some();
        let confirmed = ends[0].failure.is_some() || ends[1].secrets.is_some();
        if confirmed && ends.iter().all(over) {
            break;
        }
        flying.sort_by_key(|datagram| datagram.at);
        let wakes = ends.iter().filter_map(|end| end.wake);
        now = flying.iter().map(|datagram| datagram.at).chain(wakes).min().expect("nothing will ever happen");
        assert!(now - start <= LATE, "no end");
        let arrived = flying.iter().take_while(|datagram| datagram.at <= now).count();
        for datagram in flying.drain(..arrived) {
            ends[datagram.to].handshake.handle(&datagram.datagram, now);
        }
        for end in ends.iter_mut().filter(|end| end.wake.is_some_and(|at| at <= now)) {
            end.handshake.handle_timeout(now);
        }
    }
    let ends = ends.map(|end| end.failure.map_or_else(|| Ok(end.secrets.unwrap()), Err));
    Outcome { ends, sent, elapsed: now - start, client_done_after }
}

impl End<'_> {
    /// What it sends now.
    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        self.wake = loop {
            match self.handshake.poll() {
                Progress::Send(datagram) => datagrams.push(datagram),
                Progress::Done(secrets) => {
                    assert!(self.secrets.replace(secrets).is_none(), "done twice");
                }
                Progress::Wait(at) => break Some(at),
                Progress::Idle => break None,
                Progress::Failed(failure) => {
                    self.failure = Some(failure);
                    break None;
                }
            }
        };
        datagrams
    }
}
