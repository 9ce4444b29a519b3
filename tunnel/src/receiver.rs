//! The keys that records may come with: those in use, and for a while those before.
//!
//! Records do not say which keys they were sealed with; the newest are tried first. A trial that fails destroys the record,
//! so it is copied before, but only while there is more than one set of keys, or while records fail.
//!
//! The wire has 16 bits of a record's number. Where more than 32,767 records were lost at once, the nearest number that ends
//! in them is a wrong one, and no record would ever be opened again. So from the second failure in a row numbers further
//! ahead are tried, once trials for all of them have been saved up: each record that arrives earns a few, and a forger
//! cannot make records cost more than those.

use crate::record::{Jump, OpenError, Opened, Opener, Place, record_prefix};

/// How far ahead is looked for the number of a record, in multiples of 65,536.
const JUMPS: u32 = 64;
/// Trials that each record earns.
const EARNED: u32 = 4;
/// Trials that are saved up at most: two whole searches.
const SAVED: u32 = 2 * JUMPS;

/// Names the keys that one handshake ended with. Of two, the greater is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Opens the records of one peer, with whichever keys they were sealed.
#[derive(Debug)]
pub struct Receiver {
    /// Newest first.
    sessions: Vec<(SessionId, Opener)>,
    /// The record as it came.
    original: Original,
    /// Whether the record before was not opened.
    failing: bool,
    /// Trials saved up.
    trials: u32,
    /// The keys with which other numbers are tried next: those that opened last, unless that was in vain.
    searched: SessionId,
}

impl Receiver {
    /// Without keys.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sessions: Vec::new(),
            original: Original(Vec::new()),
            failing: false,
            trials: SAVED,
            searched: SessionId(0),
        }
    }

    /// From now on tries these keys, and before all others.
    pub fn add(&mut self, id: SessionId, opener: Opener) {
        self.sessions.insert(0, (id, opener));
    }

    /// Opens nothing more with these keys.
    pub fn forget(&mut self, id: SessionId) {
        self.sessions.retain(|(session, _)| *session != id);
    }

    /// Whether there are no keys at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Opens the record that `record` begins with, in place, and says with which keys.
    ///
    /// # Errors
    ///
    /// It is no record, is there for the second time, or was sealed with none of the keys.
    pub fn open<'d>(&mut self, record: &'d mut [u8]) -> Result<(SessionId, Opened<'d>), OpenError> {
        let record = record_prefix(record)?;
        self.trials = (self.trials + EARNED).min(SAVED);
        let outcome = self.find(record);
        // What is authentic is no failure, whatever it carries.
        self.failing = !matches!(outcome, Ok(_) | Err(OpenError::NotARecord));
        let (id, place) = outcome?;
        self.searched = id;
        Ok((id, place.within(record)))
    }

    /// Tries all keys, then other numbers.
    fn find(&mut self, record: &mut [u8]) -> Result<(SessionId, Place), OpenError> {
        if let ([(id, opener)], false) = (self.sessions.as_mut_slice(), self.failing) {
            return Ok((*id, opener.try_open(record, Jump::NONE)?));
        }
        self.original.keep(record);
        let mut error = OpenError::NotAuthentic;
        for (id, opener) in &mut self.sessions {
            match opener.try_open(record, Jump::NONE) {
                Ok(place) => return Ok((*id, place)),
                Err(OpenError::NotARecord) => return Err(OpenError::NotARecord),
                // With other keys its number may be another one, and new.
                Err(OpenError::Replayed) => error = OpenError::Replayed,
                Err(OpenError::NotAuthentic) => self.original.restore(record),
            }
        }
        if self.failing { self.search(record, error) } else { Err(error) }
    }

    /// Tries numbers further ahead with one set of keys, once there are trials for a whole search.
    fn search(&mut self, record: &mut [u8], error: OpenError) -> Result<(SessionId, Place), OpenError> {
        let at = self.sessions.iter().position(|(id, _)| *id == self.searched).unwrap_or_default();
        if self.trials < JUMPS || self.sessions.is_empty() {
            return Err(error);
        }
        let next = (at + 1) % self.sessions.len();
        self.searched = self.sessions[next].0;
        let (id, opener) = &mut self.sessions[at];
        for jump in 1..=JUMPS {
            self.trials -= 1;
            match opener.try_open(record, Jump(u64::from(jump))) {
                Ok(place) => return Ok((*id, place)),
                Err(OpenError::NotARecord) => return Err(OpenError::NotARecord),
                Err(OpenError::Replayed) => {}
                Err(OpenError::NotAuthentic) => self.original.restore(record),
            }
        }
        Err(error)
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy of a record. Room for it is made when the first one is kept, and used again.
struct Original(Vec<u8>);

impl Original {
    fn keep(&mut self, record: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(record);
    }

    fn restore(&self, record: &mut [u8]) {
        record.copy_from_slice(&self.0);
    }
}

impl std::fmt::Debug for Original {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Original(..)")
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
