//! A map: what programs and their users share, here as raw bytes.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::libc;

use super::error::BpfError;
use super::sys::{self, Cursor, MapInfo};

/// Kinds of maps that have a value for each processor.
const PER_PROCESSOR: [u32; 4] = [5, 6, 10, 21];
/// An error of the kernel's that C libraries do not know: not supported.
const ENOTSUPP: i32 = 524;
/// Elements that are read at once.
const BATCH: u32 = 4096;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A map of the kernel. Keys and values are the bytes of the C structures, in the machine's byte order and with their
/// padding. Where each processor has a value of its own, a value is all of them, one after the other, each in a multiple of
/// 8 bytes.
///
/// Another process or a program may change a map at any time; one operation on one key is atomic.
#[derive(Clone)]
pub struct Map {
    name: String,
    fd: Arc<OwnedFd>,
    info: MapInfo,
    /// In bytes, of all processors.
    value_size: usize,
}

impl Map {
    /// The map of a descriptor.
    ///
    /// # Errors
    /// When it is no map's.
    pub(super) fn from_fd(name: &str, fd: OwnedFd) -> io::Result<Self> {
        let info = sys::map_info(fd.as_fd())?;
        let value_size = if PER_PROCESSOR.contains(&info.kind) {
            let processors = aya::util::nr_cpus().map_err(|(_, error)| error)?;
            (info.value_size as usize).next_multiple_of(8) * processors
        } else {
            info.value_size as usize
        };
        Ok(Self { name: name.to_owned(), fd: Arc::new(fd), info, value_size })
    }

    /// How many entries it can have.
    pub fn capacity(&self) -> u32 {
        self.info.max_entries
    }

    /// The size of a key, in bytes.
    pub fn key_size(&self) -> usize {
        self.info.key_size as usize
    }

    /// The size of a value, in bytes.
    pub fn value_size(&self) -> usize {
        self.value_size
    }

    /// The value at `key`.
    ///
    /// # Errors
    /// When the key has another size, or the kernel refuses.
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BpfError> {
        self.check("key", key, self.key_size())?;
        let mut value = vec![0; self.value_size];
        match sys::lookup(self.fd.as_fd(), key, &mut value) {
            Ok(()) => Ok(Some(value)),
            Err(error) if is(&error, libc::ENOENT) => Ok(None),
            Err(error) => Err(self.failed("look into", error)),
        }
    }

    /// Puts `value` at `key`, whether there is one or not.
    ///
    /// # Errors
    /// When one of them has another size, the map is full, or the kernel refuses.
    pub fn update(&self, key: &[u8], value: &[u8]) -> Result<(), BpfError> {
        self.check("key", key, self.key_size())?;
        self.check("value", value, self.value_size)?;
        sys::update(self.fd.as_fd(), key, value).map_err(|error| self.failed("write to", error))
    }

    /// Puts `value` at `key` unless there is one already, of whoever; whether it did.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn insert(&self, key: &[u8], value: &[u8]) -> Result<bool, BpfError> {
        self.check("key", key, self.key_size())?;
        self.check("value", value, self.value_size)?;
        match sys::insert(self.fd.as_fd(), key, value) {
            Ok(()) => Ok(true),
            Err(error) if is(&error, libc::EEXIST) => Ok(false),
            Err(error) => Err(self.failed("write to", error)),
        }
    }

    /// Removes what is at `key`; whether there was something.
    ///
    /// # Errors
    /// When the key has another size, or the kernel refuses: nothing is ever removed from an array.
    pub fn remove(&self, key: &[u8]) -> Result<bool, BpfError> {
        self.check("key", key, self.key_size())?;
        match sys::delete(self.fd.as_fd(), key) {
            Ok(()) => Ok(true),
            Err(error) if is(&error, libc::ENOENT) => Ok(false),
            Err(error) => Err(self.failed("remove from", error)),
        }
    }

    /// All keys and values, in no order. What comes or goes meanwhile may be there or not.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn entries(&self) -> Result<Vec<Entry>, BpfError> {
        let entries = match self.entries_in_batches() {
            Err(error) if is(&error, libc::EINVAL) || is(&error, ENOTSUPP) => self.entries_one_by_one(),
            other => other,
        };
        entries.map_err(|error| self.failed("list", error))
    }

    fn entries_in_batches(&self) -> io::Result<Vec<Entry>> {
        let mut room = self.capacity().min(BATCH);
        let mut entries = Vec::new();
        let mut cursor = self.cursor(room);
        loop {
            match sys::lookup_batch(self.fd.as_fd(), &mut cursor, room) {
                Ok(more) => {
                    entries.extend(self.pairs(&cursor));
                    if !more {
                        return Ok(entries);
                    }
                }
                // One bucket of the hash has more than there is room for. With more room the walk begins again.
                Err(error) if is(&error, libc::ENOSPC) && room < self.capacity() => {
                    room = room.saturating_mul(4).min(self.capacity());
                    cursor = self.cursor(room);
                    entries.clear();
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn cursor(&self, room: u32) -> Cursor {
        Cursor::new(room as usize, self.key_size(), self.value_size)
    }

    fn pairs<'a>(&self, cursor: &'a Cursor) -> impl Iterator<Item = Entry> + 'a {
        let keys = cursor.keys.chunks_exact(self.key_size()).map(<[u8]>::to_vec);
        let values = cursor.values.chunks_exact(self.value_size).map(<[u8]>::to_vec);
        keys.zip(values).take(cursor.count)
    }

    fn entries_one_by_one(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut last: Option<Vec<u8>> = None;
        // When the key at which the walk stands is removed it begins again, so it is bounded.
        for _ in 0..self.capacity() {
            let mut key = vec![0; self.key_size()];
            match sys::next_key(self.fd.as_fd(), last.as_deref(), &mut key) {
                Err(error) if is(&error, libc::ENOENT) => break,
                other => other?,
            }
            let mut value = vec![0; self.value_size];
            match sys::lookup(self.fd.as_fd(), &key, &mut value) {
                Ok(()) => entries.push((key.clone(), value)),
                Err(error) if is(&error, libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
            last = Some(key);
        }
        Ok(entries)
    }

    fn check(&self, what: &'static str, bytes: &[u8], wanted: usize) -> Result<(), BpfError> {
        if bytes.len() == wanted {
            return Ok(());
        }
        Err(BpfError::Size { map: self.name.clone(), what, wanted, given: bytes.len() })
    }

    fn failed(&self, what: &'static str, source: io::Error) -> BpfError {
        BpfError::Map { map: self.name.clone(), what, source }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} {})", self.info.id, self.name)
    }
}

fn is(error: &io::Error, number: i32) -> bool {
    error.raw_os_error() == Some(number)
}
