//! Runs a program in a sandbox of its own, or in one that is there.
//!
//!     sandbox run PROGRAM [ARGUMENT...]        with a user namespace when the caller is not root
//!     sandbox enter PID PROGRAM [ARGUMENT...]  in the namespaces of that process
//!
//! The order of the steps is the one that a real init needs; the kernel tests run it too.

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use linux_net::Netlink;
use linux_net::netlink::Request;
use linux_net::sandbox::{self, Kind, mounts};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", program, rest @ ..] => run(program, rest),
        ["init", program, rest @ ..] => init(program, rest),
        ["enter", pid, program, rest @ ..] => enter(pid.parse()?, program, rest),
        _ => Err("usage: sandbox run PROGRAM... | sandbox enter PID PROGRAM...".into()),
    }
}

/// Makes the namespaces and starts pid 1 in them.
fn run(program: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let root = nix::unistd::geteuid().is_root();
    sandbox::unshare(if root { &Kind::ALL_BUT_USER } else { &Kind::ALL })?;
    let status = Command::new("/proc/self/exe").arg("init").arg(program).args(arguments).status()?;
    Ok(code(status.code()))
}

/// Pid 1: prepares the sandbox, runs the program, reaps until it has ended.
fn init(program: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    mounts::make_private()?;
    mounts::proc(Path::new("/proc"))?;
    mounts::sysfs(Path::new("/sys"))?;
    mounts::tmpfs(Path::new("/run"), 0o755)?;
    sandbox::set_host_name("sandbox")?;
    Netlink::open_in_this_thread()?.apply(&[Request::set_up("lo")])?;
    let child = Command::new(program).args(arguments).spawn()?;
    loop {
        match sandbox::wait_any()? {
            Some(exit) if exit.pid == child.id() => return Ok(code(Some(exit.code))),
            Some(_) => {}
            None => return Err("the program is gone".into()),
        }
    }
}

fn enter(pid: u32, program: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    sandbox::enter(pid, &Kind::ALL)?;
    // A child, because a process never changes its own pid namespace.
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").arg0(program);
    Ok(code(command.status()?.code()))
}

fn code(code: Option<i32>) -> ExitCode {
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
