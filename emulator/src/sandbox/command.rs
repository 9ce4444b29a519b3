//! A command in the namespaces that this process has entered: terminal, signals and exit status are the command's own.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result};
use linux_net::NetNs;
use linux_net::process::Placement;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// Where the command reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// Our standard input.
    Ours,
    /// Nothing.
    Null,
}

/// Runs a command and waits for it; its exit status, or 128 and the signal that ended it, as shells count.
///
/// 127 when there is no such command, 126 when it cannot be run.
///
/// # Errors
/// When waiting fails.
pub(crate) fn run(command: &[OsString], stdin: Stdin, variables: &[(&str, &str)]) -> Result<ExitCode> {
    run_placed(&Placement::default(), command, stdin, variables)
}

/// The same, in a network namespace.
///
/// # Errors
/// When waiting fails.
pub(crate) fn run_in(network: &NetNs, command: &[OsString], stdin: Stdin) -> Result<ExitCode> {
    run_placed(&Placement::network(network), command, stdin, &[])
}

fn run_placed(
    placement: &Placement,
    command: &[OsString],
    stdin: Stdin,
    variables: &[(&str, &str)],
) -> Result<ExitCode> {
    let Some((program, arguments)) = command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", super::search_path()).envs(variables.iter().copied());
    placement.install(&mut command);
    if stdin == Stdin::Null {
        command.stdin(Stdio::null());
    }
    match command.spawn() {
        Ok(child) => wait(child).map(|status| ExitCode::from(code_of(status))),
        Err(error) => {
            crate::output::tell(format_args!("{}: {error}", program.to_string_lossy()));
            Ok(ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }))
        }
    }
}

/// Waits for the command and hands on what asks us to end. The terminal's own signals reach it without our help, as it is
/// in our process group; those we only survive.
fn wait(mut child: Child) -> Result<ExitStatus> {
    let handed_on = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];
    let survived = [Signal::SIGINT, Signal::SIGQUIT];
    let signals = SigSet::from_iter(handed_on.into_iter().chain(survived).chain([Signal::SIGCHLD]));
    // After the start, because a blocked signal stays blocked in what is started.
    signals.thread_block().context("blocking signals")?;
    let pid = Pid::from_raw(child.id().cast_signed());
    loop {
        if let Some(status) = child.try_wait().context("waiting for the command")? {
            return Ok(status);
        }
        let signal = signals.wait().context("waiting for the command")?;
        if handed_on.contains(&signal) {
            // It may just have ended.
            let _ = kill(pid, signal);
        }
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_is_the_commands_own_and_a_signal_counts_from_128() {
        assert_eq!(code_of(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(code_of(ExitStatus::from_raw(9)), 137);
    }
}
