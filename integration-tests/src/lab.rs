//! A running lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::leftovers::Belongings;
use crate::output::Finished;
use crate::proc::Process;
use crate::user::User;
use crate::verdict::Question;
use crate::workbench::Workbench;
use crate::{encryption, topologies, wait};

/// A running lab. It is taken down when it goes out of scope, and nothing of it may be left then.
#[derive(Debug)]
pub struct Lab {
    bench: Workbench,
    name: String,
    topology: String,
    file: PathBuf,
}

impl Lab {
    /// Brings up `topologies/NAME.yaml`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn shipped(user: User, name: &str) -> Self {
        Self::up(user, &topologies::text(name))
    }

    /// Brings up the network that `topology` describes.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn up(user: User, topology: &str) -> Self {
        Self::up_by(user, topology, |up| up)
    }

    /// The same, by the command that `alter` makes of `vnetlab up`: with another environment, or by another program.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn up_by(user: User, topology: &str, alter: impl FnOnce(Command) -> Command) -> Self {
        let bench = Workbench::new(user);
        let file = bench.write("topology.yaml", &topologies::as_tested(topology));
        let up = Finished::run(&mut alter(bench.command(&["up", &file.to_string_lossy()])));
        assert_eq!(up.status, Some(0), "{up}\n{}", logs(&bench.state()));
        let name = topologies::lab_name(topology);
        let lab = Self { bench, name, topology: topology.to_owned(), file };
        assert!(!topologies::encryption_is_on() || encryption::is_offered(&lab), "nothing is encrypted");
        lab
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its topology, as the test has it.
    #[must_use]
    pub fn topology(&self) -> &str {
        &self.topology
    }

    /// The file that it was brought up from, or changed to. With encryption on there is more in it than in the topology.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The folder that it is run from.
    #[must_use]
    pub fn bench(&self) -> &Workbench {
        &self.bench
    }

    /// Runs `vnetlab` with `arguments`. This is the only lab of its workbench, so none has to be named.
    #[must_use]
    pub fn vnetlab(&self, arguments: &[&str]) -> Finished {
        self.bench.vnetlab(arguments)
    }

    /// Brings the running lab to another topology of the same name.
    #[must_use]
    pub fn change(&mut self, topology: &str) -> Finished {
        topology.clone_into(&mut self.topology);
        fs::write(&self.file, &*topologies::as_tested(topology)).unwrap();
        self.vnetlab(&["up", &self.file.to_string_lossy()])
    }

    /// Runs a command in a VM.
    #[must_use]
    pub fn exec(&self, vm: &str, command: &[&str]) -> Finished {
        Finished::run(&mut self.exec_command(vm, command))
    }

    /// The same, not started yet.
    #[must_use]
    pub fn exec_command(&self, vm: &str, command: &[&str]) -> Command {
        self.bench.command(&[&["exec", vm, "--"], command].concat())
    }

    /// Runs a command in one of the lab's named namespaces.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str, command: &[&str]) -> Finished {
        Finished::run(&mut self.in_namespace_command(namespace, command))
    }

    /// The same, not started yet.
    #[must_use]
    pub fn in_namespace_command(&self, namespace: &str, command: &[&str]) -> Command {
        self.bench.command(&[&["enter", "--", "ip", "netns", "exec", namespace], command].concat())
    }

    /// `explain --prove`: the verdict, and what became of a real packet. The exit status is not looked at.
    #[must_use]
    pub fn prove(&self, question: &Question) -> Finished {
        let arguments = question.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.vnetlab(&[&["explain", "-o", "json", "--prove"], &arguments[..]].concat())
    }

    /// Runs `explain --prove` and expects the model and the packet to agree.
    ///
    /// # Panics
    /// When they do not.
    #[must_use]
    pub fn prove_agreed(&self, question: &Question) -> Value {
        let finished = self.prove(question);
        let disagreement = question.disagreement(&finished);
        assert_eq!(disagreement, None, "{question}");
        finished.json()
    }

    /// The pid 1 of its sandbox.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn init(&self) -> Process {
        let file = self.bench.state().join(&self.name).join("init.pid");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Process::find(text.trim().parse().unwrap()).expect("the lab's init runs")
    }

    /// The only process of the lab whose command line contains all of `words`.
    #[must_use]
    pub fn find_process(&self, words: &[&str]) -> Option<Process> {
        let is_meant = |process: &Process| words.iter().all(|word| process.command_line.contains(word));
        let mut found = self.init().tree().into_iter().filter(is_meant);
        found.next().filter(|_| found.next().is_none())
    }

    /// Waits for the only process of the lab whose command line contains all of `words`.
    #[must_use]
    pub fn process(&self, words: &[&str]) -> Process {
        wait::until(&format!("one process {words:?}"), || self.find_process(words))
    }

    /// What must be gone when the lab is.
    #[must_use]
    pub fn belongings(&self) -> Belongings {
        Belongings::of(&self.init(), &self.bench.state())
    }

    fn is_running(&self) -> bool {
        let file = self.bench.state().join(&self.name).join("init.pid");
        let pid = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
        pid.and_then(Process::find).is_some()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- topology\n{}", self.topology);
            eprintln!("--- status\n{}", self.vnetlab(&["status", "-o", "json"]));
            eprintln!("{}", logs(&self.bench.state()));
        } else if self.is_running() {
            let belongings = self.belongings();
            let _ = self.vnetlab(&["down", &self.name]).expect_status(0);
            // `down` returns when nothing is left, so there is nothing to wait for.
            assert_eq!(belongings.left(), Vec::<String>::new(), "left over after `vnetlab down`");
        }
    }
}

/// The ends of every log of the labs below `state`.
fn logs(state: &Path) -> String {
    let mut text = String::new();
    for lab in fs::read_dir(state).into_iter().flatten().flatten() {
        for log in fs::read_dir(lab.path().join("log")).into_iter().flatten().flatten() {
            let lines = fs::read_to_string(log.path()).unwrap_or_default();
            let lines: Vec<&str> = lines.lines().collect();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            text.push_str(&format!("--- {}\n{end}\n", log.path().display()));
        }
    }
    text
}
