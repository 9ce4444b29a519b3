//! Whether BPF is to be had, found out by doing it.

use std::io;
use std::path::Path;

use super::own_mounts::with_own_mounts;
use super::pins;
use super::program::Program;
use super::sys;

/// `bpf_redirect_peer`: a packet goes into the namespace of a veth's other end. Linux 5.10.
const REDIRECT_PEER: u32 = 155;

/// Loads a program of tc that would send packets to a veth's other end, if it had one.
///
/// # Errors
/// Why no such program can be loaded: no rights, no BPF, or too old a kernel.
pub(crate) fn idle_program() -> io::Result<Program> {
    // r1 = 0, r2 = 0, call, exit; see linux/bpf.h.
    let program = [(0xb7, 1, 0), (0xb7, 2, 0), (0x85, 0, REDIRECT_PEER), (0x95, 0, 0)];
    let instructions = program.map(|(code, register, number)| instruction(code, register, number));
    Program::from_fd(sys::load(&instructions)?)
}

/// Byte 0 is the code, byte 1 the registers, bytes 2 and 3 an offset, bytes 4 to 7 a number in the machine's byte order.
fn instruction(code: u8, register: u8, number: u32) -> u64 {
    let [a, b, c, d] = number.to_ne_bytes();
    u64::from_ne_bytes([code, register, 0, 0, a, b, c, d])
}

/// Mounts a BPF file system where nobody sees it.
///
/// # Errors
/// Why there is none: no rights, or a kernel without it.
pub(crate) fn try_mounting() -> io::Result<()> {
    // On a folder that every machine has.
    with_own_mounts(|| pins::mount_on(Path::new("/proc")))?
}
