//! BPF programs for tests, written by hand.

#![allow(unsafe_code, reason = "bpf(2) has no wrapper")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use linux_net::bpf::Program;
use nix::libc;

/// `enum bpf_prog_type` in linux/bpf.h.
pub(crate) const SOCKET_FILTER: u32 = 1;
pub(crate) const SCHED_CLS: u32 = 3;

/// Verdicts of a direct-action program (linux/pkt_cls.h).
pub(crate) const TC_ACT_OK: i32 = 0;
pub(crate) const TC_ACT_SHOT: i32 = 2;

/// `struct bpf_insn`: operation, registers (source above destination), offset, immediate.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Instruction(u8, u8, i16, i32);

/// The beginning of `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// `return verdict`.
pub(crate) fn verdict(verdict: i32) -> Vec<Instruction> {
    vec![set_result(verdict), exit()]
}

/// `return skb->tc_classid == class_id ? TC_ACT_SHOT : TC_ACT_OK`.
pub(crate) fn drop_class(class_id: i32) -> Vec<Instruction> {
    /// `offsetof(struct __sk_buff, tc_classid)`.
    const TC_CLASSID: i16 = 72;
    let load_r2 = Instruction(0x61, 0x12, TC_CLASSID, 0);
    let skip_one_unless_r2_is = |value| Instruction(0x55, 0x02, 1, value);
    vec![load_r2, set_result(TC_ACT_OK), skip_one_unless_r2_is(class_id), set_result(TC_ACT_SHOT), exit()]
}

fn set_result(value: i32) -> Instruction {
    Instruction(0xb7, 0, 0, value)
}

fn exit() -> Instruction {
    Instruction(0x95, 0, 0, 0)
}

/// Loads a program; `None`, with a word about it, where that is not allowed.
pub(crate) fn load(kind: u32, name: &str, instructions: &[Instruction]) -> Option<Program> {
    match try_load(kind, name, instructions) {
        Ok(program) => Some(program),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("SKIPPED: {error}: BPF programs are for root of the machine");
            None
        }
        Err(error) => panic!("cannot load {name}: {error}"),
    }
}

fn try_load(kind: u32, name: &str, instructions: &[Instruction]) -> io::Result<Program> {
    const BPF_PROG_LOAD: libc::c_int = 5;
    let mut load = Load {
        kind,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: [0; 16],
    };
    load.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: the kernel reads the request and what it points to, all of which live until the call returns.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const load, size_of::<Load>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened the descriptor for us.
    Program::from_fd(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
