//! The VMs' processes: started, found again, started again when they die, ended with their VM.
//!
//! A VM's first process outlives the agent. Its pid file says whether it lives; its configuration file says what it was
//! started with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use goal_state::vm::VirtualMachine;
use goal_state::{HostGoalState, VmName};
use linux_net::NetNs;
use linux_net::process::Placement;
use linux_net::sandbox::{Kind, PidFd};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::starter;
use crate::state::{self, StateFolder};
use crate::vm_init::{Config, files, pid_file};

/// How long a VM may take to be up, and to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to start a VM that keeps dying.
const PAUSE: Duration = Duration::from_secs(1);

/// The VMs of one host.
#[derive(Debug)]
pub struct Machines {
    shared: Arc<Shared>,
    /// A byte here makes the watching thread look at the list again.
    wake: Mutex<UnixStream>,
}

#[derive(Debug)]
struct Shared {
    state: StateFolder,
    machines: Mutex<BTreeMap<VmName, Machine>>,
}

/// A VM that is to run.
#[derive(Debug)]
struct Machine {
    config: Config,
    life: Life,
}

#[derive(Debug)]
enum Life {
    /// Its first process; `child` when this agent started it, and so has to wait for its end.
    Up { process: Arc<PidFd>, child: Option<Child> },
    /// It could not be started, or died just now.
    Down { why: String, since: Instant },
}

/// A VM's first process that is not up yet.
struct Starting {
    child: Child,
    /// Hears from it, see [`starter`].
    ready: PipeReader,
}

/// What [`Shared::find`] has found.
enum Found {
    /// It may go on running.
    Running {
        machine: Machine,
        /// Whether something of it was changed while it ran.
        changed: bool,
    },
    /// Nothing of it runs; it is to be started with this.
    ToStart(Config),
}

impl Machines {
    /// Starts to watch; there is nothing to watch yet. `came_back` is told the VMs that run when one of them has come up again
    /// by itself.
    ///
    /// # Errors
    /// When there is no thread or no socket to be had.
    pub fn start(
        state: StateFolder,
        came_back: impl Fn(&[VmName]) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let shared = Arc::new(Shared { state, machines: Mutex::default() });
        let watched = Arc::clone(&shared);
        std::thread::Builder::new().name("machines".into()).spawn(move || watched.watch(woken, came_back))?;
        Ok(Self { shared, wake: Mutex::new(wake) })
    }

    /// VMs that run.
    #[must_use]
    pub fn running(&self) -> Vec<VmName> {
        self.shared.running()
    }

    /// VMs that should run and do not, as sentences.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let machines = self.shared.machines();
        let problem = |(name, machine): (&VmName, &Machine)| match &machine.life {
            Life::Up { .. } => None,
            Life::Down { why, .. } => Some(format!("vm {name}: {why}")),
        };
        machines.iter().filter_map(problem).collect()
    }

    /// Ends the VMs that `goal` does not have, those of an agent before this one, too. Returns how many.
    pub fn stop_unwanted(&self, goal: &HostGoalState) -> u32 {
        let wanted = |name: &VmName| goal.virtual_machines.iter().any(|vm| vm.name == *name);
        let mut machines = self.shared.machines();
        let gone = machines.keys().filter(|name| !wanted(name)).cloned().collect::<Vec<_>>();
        let mut stopped = 0;
        for name in gone {
            stopped += u32::from(self.shared.stop(&name, machines.remove(&name)));
        }
        drop(machines);
        for name in self.shared.state.load_vms().into_iter().filter(|name| !wanted(name)) {
            stopped += u32::from(self.shared.stop(&name, None));
        }
        stopped
    }

    /// Makes every VM of `goal` run as it says. Returns how many were started or changed.
    pub fn ensure(&self, goal: &HostGoalState) -> u32 {
        let mut machines = self.shared.machines();
        let mut changes = 0;
        let mut starting = Vec::new();
        for vm in &goal.virtual_machines {
            let known = machines.remove(&vm.name);
            match self.shared.find(vm, known) {
                Found::Running { machine, changed } => {
                    changes += u32::from(changed);
                    machines.insert(vm.name.clone(), machine);
                }
                Found::ToStart(config) => starting.push((vm.name.clone(), config)),
            }
        }
        let started = starting.into_iter().map(|(name, config)| {
            let process = self.shared.spawn(&name, &config);
            (name, config, process)
        });
        // All are started before the first is waited for.
        for (name, config, process) in started.collect::<Vec<_>>() {
            changes += 1;
            let life = self.shared.come_up(&name, process);
            machines.insert(name, Machine { config, life });
        }
        let vms = machines.keys().cloned().collect::<Vec<_>>();
        drop(machines);
        self.shared.state.save_vms(&vms);
        // A full pipe wakes, too.
        let _ = lock(&self.wake).write(&[0]);
        changes
    }
}

impl Shared {
    fn machines(&self) -> MutexGuard<'_, BTreeMap<VmName, Machine>> {
        lock(&self.machines)
    }

    fn running(&self) -> Vec<VmName> {
        let machines = self.machines();
        let up = machines.iter().filter(|(_, machine)| matches!(machine.life, Life::Up { .. }));
        up.map(|(name, _)| name.clone()).collect()
    }

    /// A VM that runs as it should is found; one that runs otherwise is ended.
    fn find(&self, vm: &VirtualMachine, known: Option<Machine>) -> Found {
        let wanted = self.config(vm);
        let running = known.filter(|machine| machine.is_alive()).or_else(|| self.adopt(&vm.name));
        match running {
            Some(mut machine) if !machine.config.needs_restart(&wanted) => {
                let changed = machine.config != wanted;
                if changed {
                    machine.rename(&wanted.guest);
                    self.keep_config(&vm.name, &wanted);
                }
                machine.config = wanted;
                Found::Running { machine, changed }
            }
            other => {
                self.stop(&vm.name, other);
                Found::ToStart(wanted)
            }
        }
    }

    fn config(&self, vm: &VirtualMachine) -> Config {
        let namespace = Path::new(linux_net::netns::NETNS_DIR).join(vfp::names::vm_namespace(&vm.name));
        Config {
            name: vm.name.clone(),
            guest: vm.guest.clone(),
            addresses: vm.network_interfaces.iter().flat_map(|nic| nic.addresses.iter().copied()).collect(),
            accelerated: vm.network_interfaces.iter().map(|nic| nic.accelerated).collect(),
            encrypts: vm.network_interfaces.iter().map(|nic| nic.encryption_port.is_some()).collect(),
            // Without a namespace the start fails and says so.
            network_namespace: fs::metadata(namespace).map(|file| file.ino()).unwrap_or_default(),
            pid_file: self.state.vm_pid(&vm.name),
        }
    }

    fn keep_config(&self, vm: &VmName, config: &Config) {
        if let Err(error) = state::save(&self.state.vm_config(vm), config) {
            tracing::warn!(%vm, %error, "cannot keep the VM's configuration");
        }
    }

    /// A VM that an agent before this one has started.
    fn adopt(&self, vm: &VmName) -> Option<Machine> {
        let pid = pid_file::living(&self.state.vm_pid(vm))?;
        let config = state::load(&self.state.vm_config(vm))?;
        let process = Arc::new(PidFd::open(pid).ok()?);
        tracing::info!(%vm, pid, "found running");
        Some(Machine { config, life: Life::Up { process, child: None } })
    }

    /// Ends a VM's processes; whether there were any.
    fn stop(&self, vm: &VmName, machine: Option<Machine>) -> bool {
        let life = machine.or_else(|| self.adopt(vm)).map(|machine| machine.life);
        let Some(Life::Up { process, child }) = life else { return false };
        tracing::info!(%vm, pid = process.pid(), "ending");
        let end = process.kill(Signal::SIGKILL).and_then(|()| process.wait(Some(PATIENCE)));
        if let Err(error) = end {
            tracing::warn!(%vm, %error, "cannot end the VM's first process");
        }
        reap(child);
        for path in [self.state.vm_pid(vm), self.state.vm_config(vm)] {
            let _ = fs::remove_file(path);
        }
        true
    }

    fn spawn(&self, vm: &VmName, config: &Config) -> Result<Starting> {
        let path = self.state.vm_config(vm);
        state::save(&path, config).with_context(|| format!("writing {}", path.display()))?;
        let log = self.state.vm_log(vm);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("opening {}", log.display()))?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("vnetlab-agent").args(["vm-init", "--config"]).arg(&path);
        let (ready, told) = std::io::pipe().context("making a pipe")?;
        command.stdin(Stdio::null()).stdout(told).stderr(log);
        let placement = Placement {
            network: Some(NetNs::open(&vfp::names::vm_namespace(vm))?),
            unshare: vec![Kind::Pid, Kind::Mount, Kind::Uts, Kind::Ipc],
            session: true,
        };
        Ok(Starting { child: placement.spawn(command)?, ready })
    }

    /// Waits until a VM that was started is up.
    fn come_up(&self, vm: &VmName, starting: Result<Starting>) -> Life {
        let up = starting.and_then(|starting| self.wait_until_up(vm, starting));
        up.unwrap_or_else(|error| Life::Down { why: format!("{error:#}"), since: Instant::now() })
    }

    fn wait_until_up(&self, vm: &VmName, starting: Starting) -> Result<Life> {
        let Starting { mut child, ready } = starting;
        let log = self.state.vm_log(vm);
        if !has_spoken(&ready) {
            child.kill().context("ending it")?;
            reap(Some(child));
            bail!("it is not up after {} s; see {}", PATIENCE.as_secs(), log.display());
        }
        if !starter::is_ready(ready) {
            let status = child.wait().context("waiting for it")?;
            bail!("its first process ended with {status}; see {}", log.display());
        }
        let process = Arc::new(PidFd::open(child.id())?);
        Ok(Life::Up { process, child: Some(child) })
    }

    /// The watching thread: starts again what died.
    fn watch(&self, mut woken: UnixStream, came_back: impl Fn(&[VmName])) {
        loop {
            let (processes, down) = self.watched();
            wait(&woken, &processes, down);
            let mut bytes = [0; 64];
            // Whatever woke us, everything is looked at.
            let _ = woken.read(&mut bytes);
            if self.start_again() {
                came_back(&self.running());
            }
        }
    }

    /// The processes that live, and whether some should and do not.
    fn watched(&self) -> (Vec<Arc<PidFd>>, bool) {
        let machines = self.machines();
        let mut processes = Vec::new();
        let mut down = false;
        for machine in machines.values() {
            match &machine.life {
                Life::Up { process, .. } => processes.push(Arc::clone(process)),
                Life::Down { .. } => down = true,
            }
        }
        (processes, down)
    }

    /// Whether one has come up again.
    fn start_again(&self) -> bool {
        let mut machines = self.machines();
        let mut some_came_back = false;
        for (name, machine) in machines.iter_mut() {
            if matches!(machine.life, Life::Up { .. }) && !machine.is_alive() {
                tracing::warn!(vm = %name, "its first process has died");
                let dead = Life::Down { why: "its first process has died".into(), since: Instant::now() };
                if let Life::Up { child, .. } = std::mem::replace(&mut machine.life, dead) {
                    reap(child);
                }
            } else if !matches!(machine.life, Life::Down { since, .. } if since.elapsed() >= PAUSE) {
                continue;
            }
            machine.life = self.come_up(name, self.spawn(name, &machine.config));
            some_came_back |= matches!(machine.life, Life::Up { .. });
        }
        some_came_back
    }
}

impl Machine {
    fn is_alive(&self) -> bool {
        match &self.life {
            Life::Up { process, .. } => process.is_alive().unwrap_or(false),
            Life::Down { .. } => false,
        }
    }

    /// Gives a running VM other names and DNS servers.
    fn rename(&self, guest: &goal_state::vm::Guest) {
        let Life::Up { process, .. } = &self.life else { return };
        let root = format!("/proc/{}/root", process.pid());
        if let Err(error) = files::write_names(Path::new(&root), guest) {
            tracing::warn!(vm = %self.config.name, %error, "cannot write the VM's names");
        }
    }
}

fn wait(woken: &UnixStream, processes: &[Arc<PidFd>], some_are_down: bool) {
    let mut polled = vec![PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
    polled.extend(processes.iter().map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)));
    let pause = PollTimeout::try_from(PAUSE).unwrap_or(PollTimeout::NONE);
    // An interrupted wait is as good as one that has ended.
    let _ = poll(&mut polled, if some_are_down { pause } else { PollTimeout::NONE });
}

/// Waits until the process at the other end of the pipe says something, or ends; whether it does in time.
fn has_spoken(pipe: &PipeReader) -> bool {
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], patience) {
            Err(Errno::EINTR) => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}

/// A child that has ended stays a zombie until it is waited for.
fn reap(child: Option<Child>) {
    if let Some(Err(error)) = child.map(|mut child| child.wait()) {
        tracing::warn!(%error, "cannot wait for a VM's first process");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
