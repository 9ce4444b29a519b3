//! A host is serviced until a time. The time is kept in a file, so that an agent that comes back ends it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;
use crate::clock::now_us;
use crate::state::StateFolder;

/// Whether the host is being serviced, and until when.
#[derive(Debug)]
pub(super) struct Servicing {
    /// Unix time in microseconds; none when it is not.
    end: Mutex<Option<u64>>,
    /// The end has been set, or reached.
    news: Condvar,
}

impl Servicing {
    /// That of an agent before this one. One whose time has passed has ended.
    pub(super) fn load(state: &StateFolder) -> Self {
        let end = state.load_service_end();
        let end = end.filter(|end| *end > now_us());
        if end.is_none() {
            state.clear_service_end();
        }
        Self { end: Mutex::new(end), news: Condvar::new() }
    }

    /// From now on, for that time.
    pub(super) fn begin(&self, state: &StateFolder, time: Duration) -> std::io::Result<()> {
        let mut end = lock(&self.end);
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let until = now_us().saturating_add(time);
        state.save_service_end(until)?;
        *end = Some(until);
        self.news.notify_all();
        Ok(())
    }

    pub(super) fn is_on(&self) -> bool {
        lock(&self.end).is_some()
    }

    /// Waits until there is none.
    pub(super) fn wait(&self) {
        let end = lock(&self.end);
        drop(self.news.wait_while(end, |end| end.is_some()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until there is one and its time has passed.
    pub(super) fn wait_for_end(&self) {
        let mut end = lock(&self.end);
        while let left = end.map(|end| end.saturating_sub(now_us()))
            && left != Some(0)
        {
            end = match left {
                None => self.news.wait(end).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.news.wait_timeout(end, Duration::from_micros(left));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Ends it, unless a new time has been set meanwhile; whether it did. Whoever waits is told when the VFs are back, by the
    /// lock that the caller holds.
    pub(super) fn finish(&self, state: &StateFolder) -> bool {
        let mut end = lock(&self.end);
        if end.is_none_or(|end| end > now_us()) {
            return false;
        }
        *end = None;
        state.clear_service_end();
        self.news.notify_all();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &std::path::Path) -> StateFolder {
        StateFolder::new(folder, &"host1".parse().unwrap()).unwrap()
    }

    #[test]
    fn it_survives_the_agent_and_ends_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let servicing = Servicing::load(&state);
        assert!(!servicing.is_on());
        servicing.wait();
        servicing.begin(&state, Duration::from_secs(3600)).unwrap();
        assert!(Servicing::load(&state).is_on());
        assert!(!servicing.finish(&state), "not yet");
        servicing.begin(&state, Duration::ZERO).unwrap();
        servicing.wait_for_end();
        assert!(servicing.finish(&state));
        assert!(!servicing.finish(&state), "only once");
        assert!(!servicing.is_on());
        assert_eq!(state.load_service_end(), None);
    }

    #[test]
    fn a_time_that_has_passed_without_an_agent_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        state.save_service_end(1).unwrap();
        assert!(!Servicing::load(&state).is_on());
        assert_eq!(state.load_service_end(), None);
    }
}
