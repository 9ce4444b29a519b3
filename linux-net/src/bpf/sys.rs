//! bpf(2), as much of it as is needed beside loading: pins, who an object is, and the contents of maps.
//!
//! A command has a structure of attributes of its own, the beginning of `union bpf_attr` in linux/bpf.h. Pointers travel as
//! 64-bit numbers.

#![allow(unsafe_code, reason = "bpf(2) has no safe wrapper in nix")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

const MAP_LOOKUP_ELEM: libc::c_int = 1;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const MAP_DELETE_ELEM: libc::c_int = 3;
const MAP_GET_NEXT_KEY: libc::c_int = 4;
const PROG_LOAD: libc::c_int = 5;
const OBJ_GET: libc::c_int = 7;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const MAP_LOOKUP_BATCH: libc::c_int = 24;

/// `BPF_PROG_TYPE_SCHED_CLS`: a program of tc.
const SCHED_CLS: u32 = 3;

#[repr(C)]
struct Get {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
struct GetInfo {
    fd: u32,
    length: u32,
    info: u64,
}

#[repr(C)]
struct Element {
    map: u32,
    _padding: u32,
    key: u64,
    /// Or where the next key goes.
    value: u64,
    flags: u64,
}

#[repr(C)]
struct Batch {
    from: u64,
    next: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    program: u64,
    license: u64,
}

/// The beginning of `struct bpf_map_info`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MapInfo {
    /// A `BPF_MAP_TYPE_`.
    pub(super) kind: u32,
    pub(super) id: u32,
    /// In bytes.
    pub(super) key_size: u32,
    /// In bytes; for each processor, in a map that has a value per processor.
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
}

/// `struct bpf_prog_info` up to the name.
#[repr(C)]
#[derive(Default)]
struct RawProgramInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    lengths: [u32; 2],
    instructions: [u64; 2],
    load_time: u64,
    user: u32,
    map_count: u32,
    maps: u64,
    name: [u8; 16],
}

/// What the kernel says of a program.
#[derive(Debug)]
pub(super) struct ProgramInfo {
    pub(super) id: u32,
    pub(super) name: String,
}

/// Opens a pin. The path is one of ours: it has no zero byte.
pub(super) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attributes = Get { path: path.as_ptr() as u64, fd: 0, flags: 0 };
    // SAFETY: the path lives until the call returns, which only reads it.
    let fd = unsafe { call(OBJ_GET, &mut attributes) }?;
    // SAFETY: the kernel has just given us this descriptor (close-on-exec), and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What a map is; an error for what is no map.
pub(super) fn map_info(fd: BorrowedFd<'_>) -> io::Result<MapInfo> {
    let mut info = MapInfo::default();
    // SAFETY: plain numbers, for which every bit pattern is a value.
    unsafe { read_info(fd, &mut info) }?;
    // Of a program, this would be some other number.
    if info.key_size == 0 && info.max_entries == 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(info)
}

/// What a program is.
pub(super) fn program_info(fd: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    let mut info = RawProgramInfo::default();
    // SAFETY: plain numbers, for which every bit pattern is a value. Its lengths are zero, so the kernel follows none of
    // its pointers.
    unsafe { read_info(fd, &mut info) }?;
    let name = info.name.iter().take_while(|byte| **byte != 0).copied().collect::<Vec<_>>();
    Ok(ProgramInfo { id: info.id, name: String::from_utf8_lossy(&name).into_owned() })
}

/// # Safety
/// `T` is the beginning of the info structure of what `fd` is, and made of numbers only.
unsafe fn read_info<T>(fd: BorrowedFd<'_>, info: &mut T) -> io::Result<()> {
    let mut attributes =
        GetInfo { fd: number(fd), length: size_of::<T>() as u32, info: std::ptr::from_mut(info) as u64 };
    // SAFETY: `info` lives until the call returns, and the kernel writes no more than the length that it is given.
    unsafe { call(OBJ_GET_INFO_BY_FD, &mut attributes) }.map(drop)
}

/// The value at `key`, into `value`. `key` and `value` have the map's sizes.
pub(super) fn lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    element(MAP_LOOKUP_ELEM, map, Some(key), value.as_mut_ptr() as u64, ANY)
}

/// Puts `value` at `key`, whether there is one or not. `key` and `value` have the map's sizes.
pub(super) fn update(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    element(MAP_UPDATE_ELEM, map, Some(key), value.as_ptr() as u64, ANY)
}

/// Puts `value` at `key` if there is none (`EEXIST` otherwise). `key` and `value` have the map's sizes.
pub(super) fn insert(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    element(MAP_UPDATE_ELEM, map, Some(key), value.as_ptr() as u64, NOEXIST)
}

/// Removes `key`, which has the map's size.
pub(super) fn delete(map: BorrowedFd<'_>, key: &[u8]) -> io::Result<()> {
    element(MAP_DELETE_ELEM, map, Some(key), 0, ANY)
}

/// The key after `key`, or the first one, into `next`. Both have the map's size.
pub(super) fn next_key(map: BorrowedFd<'_>, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<()> {
    element(MAP_GET_NEXT_KEY, map, key, next.as_mut_ptr() as u64, ANY)
}

/// Flags of an update: whether or not there is an entry; only if there is none.
const ANY: u64 = 0;
const NOEXIST: u64 = 1;

fn element(
    command: libc::c_int,
    map: BorrowedFd<'_>,
    key: Option<&[u8]>,
    value: u64,
    flags: u64,
) -> io::Result<()> {
    let key = key.map_or(0, |key| key.as_ptr() as u64);
    let mut attributes = Element { map: number(map), _padding: 0, key, value, flags };
    // SAFETY: the callers' slices live until the call returns, and have the sizes that the kernel takes from the map.
    unsafe { call(command, &mut attributes) }.map(drop)
}

/// Where a walk through a map in batches is, and what the last batch brought.
pub(super) struct Cursor {
    /// Keys of the last batch, one after the other.
    pub(super) keys: Vec<u8>,
    /// Their values, likewise.
    pub(super) values: Vec<u8>,
    /// How many they are.
    pub(super) count: usize,
    place: Option<Vec<u8>>,
    next: Vec<u8>,
}

impl Cursor {
    /// At the beginning, for `room` elements of these sizes at a time.
    pub(super) fn new(room: usize, key_size: usize, value_size: usize) -> Self {
        // A hash map's place is a 32-bit number, another map's is a key.
        let next = vec![0; key_size.max(4)];
        Self {
            keys: vec![0; room * key_size],
            values: vec![0; room * value_size],
            count: 0,
            place: None,
            next,
        }
    }
}

/// Reads the next elements of a map, of which `cursor` has room for `room`; whether there may be more.
///
/// # Errors
/// `ENOSPC` when more must be read at once; then the cursor is where it was.
pub(super) fn lookup_batch(map: BorrowedFd<'_>, cursor: &mut Cursor, room: u32) -> io::Result<bool> {
    let mut attributes = Batch {
        from: cursor.place.as_ref().map_or(0, |place| place.as_ptr() as u64),
        next: cursor.next.as_mut_ptr() as u64,
        keys: cursor.keys.as_mut_ptr() as u64,
        values: cursor.values.as_mut_ptr() as u64,
        count: room,
        map: number(map),
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: the cursor's buffers live until the call returns, and have room for as many elements as the count says.
    let result = unsafe { call(MAP_LOOKUP_BATCH, &mut attributes) };
    let more = match result {
        Ok(_) => true,
        // The last elements.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => false,
        Err(error) => return Err(error),
    };
    cursor.count = attributes.count as usize;
    cursor.place = Some(cursor.next.clone());
    Ok(more)
}

/// Loads a program of tc: instructions of 8 bytes each.
pub(super) fn load(program: &[u64]) -> io::Result<OwnedFd> {
    let mut attributes = Load {
        kind: SCHED_CLS,
        instructions: program.len() as u32,
        program: program.as_ptr() as u64,
        // Some helpers are for programs under this licence only.
        license: c"GPL".as_ptr() as u64,
    };
    // SAFETY: program and licence live until the call returns, which only reads them.
    let fd = unsafe { call(PROG_LOAD, &mut attributes) }?;
    // SAFETY: the kernel has just given us this descriptor (close-on-exec), and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    // A descriptor is never negative.
    fd.as_raw_fd() as u32
}

/// # Safety
/// `A` is the beginning of what `command` takes, and its pointers are valid for what the kernel does with them.
unsafe fn call<A>(command: libc::c_int, attributes: &mut A) -> io::Result<i32> {
    // SAFETY: the attributes are live and of the size that is given; the rest is the caller's promise.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<A>() as libc::c_uint)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
