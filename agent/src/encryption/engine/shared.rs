//! A value that one thread replaces as a whole and others read all the time, without waiting for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The value, for whoever replaces it.
#[derive(Debug, Default)]
pub(crate) struct Shared<T> {
    value: Mutex<Arc<T>>,
    /// Counts up with each replacement.
    version: AtomicU64,
}

impl<T> Shared<T> {
    /// Replaces the value. Readers see it the next time that they look.
    pub(crate) fn replace(&self, value: T) {
        *lock(&self.value) = Arc::new(value);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The value as it is.
    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&lock(&self.value))
    }
}

/// The value, for one thread that reads it.
#[derive(Debug)]
pub(crate) struct Reader<T> {
    shared: Arc<Shared<T>>,
    value: Arc<T>,
    version: u64,
}

impl<T> Reader<T> {
    /// Reads `shared`.
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        let version = shared.version.load(Ordering::Acquire);
        Self { value: shared.get(), version, shared }
    }

    /// The value as it is. Costs one read of memory unless it was replaced.
    pub(crate) fn latest(&mut self) -> &T {
        let version = self.shared.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            self.value = self.shared.get();
        }
        &self.value
    }
}

/// Locks, whatever became of who held it before: what is behind our locks is right after every single statement.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_the_last_value() {
        let shared = Arc::new(Shared::<u32>::default());
        let mut reader = Reader::new(Arc::clone(&shared));
        assert_eq!(*reader.latest(), 0);
        shared.replace(1);
        shared.replace(2);
        assert_eq!((*reader.latest(), *shared.get()), (2, 2));
        assert_eq!(*Reader::new(shared).latest(), 2);
    }
}
