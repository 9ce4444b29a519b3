//! The vnetlab command: lab sandbox, fabric, controller and command line.
//!
//! | module | idea |
//! |---|---|
//! | `cli` | what can be typed, one file per command |
//! | `output` | results as tables, JSON and YAML |
//! | `topology`, `question` | files and questions as they are given |
//! | `refusal` | what cannot be answered as it was asked: exit status 2 |
//! | `lab` | labs as files: state, lock, discovery |
//! | `authority` | a lab's certificates |
//! | `sandbox` | a lab's namespaces and its first process; entering them |
//! | `fabric` | the underlay and the hosts on it |
//! | `controller` | goal states to agents; answers to the command line |
//! | `plan` | how one network becomes another |
//! | `proof` | a packet's fate beside the model's verdict |
//! | `doctor` | what this machine can do |
//! | `test_run`, `junit` | a topology's tests, and their results for other programs |

mod authority;
mod cli;
mod controller;
mod doctor;
mod fabric;
mod junit;
mod lab;
mod output;
mod plan;
mod proof;
mod question;
mod refusal;
mod sandbox;
mod test_run;
mod topology;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> std::process::ExitCode {
    cli::main()
}
