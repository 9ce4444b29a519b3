//! The `vnetlab` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    emulator::main()
}
