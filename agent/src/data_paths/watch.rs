//! Hears when a VF is torn away, and sees to it that packets go the synthetic way at once.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use goal_state::NicId;
use linux_net::NetNs;
use linux_net::link_monitor::{LinkMonitor, LinkNews};
use linux_net::netns::NetNsId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vfp::data_path::Bond;
use vfp::names::VF;

use super::{Shared, lock};

/// Listens to the namespaces of accelerated NICs' ports.
#[derive(Debug)]
pub(super) struct Watch {
    monitors: Arc<Mutex<Monitors>>,
    /// A byte here makes the thread look at the list again.
    wake: Mutex<UnixStream>,
}

/// An Arc for each, so that the thread can wait while the list changes. A namespace that is made again is another one.
type Monitors = BTreeMap<(NicId, NetNsId), Arc<Mutex<LinkMonitor>>>;

impl Watch {
    /// Starts the thread, with nothing to hear yet.
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let monitors = Arc::new(Mutex::new(Monitors::new()));
        let listener = Listener { shared, monitors: Arc::clone(&monitors), woken };
        std::thread::Builder::new().name("data paths".into()).spawn(move || listener.run())?;
        Ok(Self { monitors, wake: Mutex::new(wake) })
    }

    /// Listens to the ports of these NICs from now on. Returns what cannot be heard, as sentences.
    pub(super) fn follow(&self, bonds: &[Bond]) -> Vec<String> {
        // One thread visits all ports.
        let followed = NetNs::current().and_then(|here| here.run(|| self.follow_from_here(bonds)));
        followed.unwrap_or_else(|error| vec![format!("data paths: {error}")])
    }

    fn follow_from_here(&self, bonds: &[Bond]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut monitors = lock(&self.monitors);
        let mut old = std::mem::take(&mut *monitors);
        for bond in bonds {
            let opened =
                NetNs::open(&bond.port_namespace()).map_err(std::io::Error::other).and_then(|port| {
                    let key = (bond.id(), port.id());
                    let monitor = match old.remove(&key) {
                        Some(monitor) => monitor,
                        None => Arc::new(Mutex::new(LinkMonitor::open(&port)?)),
                    };
                    Ok((key, monitor))
                });
            match opened {
                Ok((key, monitor)) => drop(monitors.insert(key, monitor)),
                Err(error) => problems.push(format!("data path of {}: {error}", bond.id())),
            }
        }
        drop(monitors);
        // A full pipe wakes, too.
        let _ = lock(&self.wake).write(&[0]);
        problems
    }
}

struct Listener {
    shared: Arc<Shared>,
    monitors: Arc<Mutex<Monitors>>,
    woken: UnixStream,
}

impl Listener {
    /// On a thread that visits namespaces by itself: there is no time to start another.
    fn run(self) {
        let listened = NetNs::current().and_then(|here| here.run(|| self.listen()));
        if let Err(error) = listened {
            tracing::error!(%error, "cannot look after VFs");
        }
    }

    fn listen(mut self) {
        loop {
            let monitors = self.monitors();
            self.wait(&monitors);
            let mut bytes = [0; 64];
            // Whatever woke us, everything is looked at.
            let _ = self.woken.read(&mut bytes);
            for (nic, monitor) in monitors {
                self.hear(&nic, &monitor);
            }
        }
    }

    fn monitors(&self) -> Vec<(NicId, Arc<Mutex<LinkMonitor>>)> {
        let monitors = lock(&self.monitors);
        monitors.iter().map(|((nic, _), monitor)| (nic.clone(), Arc::clone(monitor))).collect()
    }

    /// Nobody else locks the monitors, so they may stay locked meanwhile.
    fn wait(&self, monitors: &[(NicId, Arc<Mutex<LinkMonitor>>)]) {
        let guards = monitors.iter().map(|(_, monitor)| lock(monitor)).collect::<Vec<_>>();
        let mut polled = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        polled.extend(guards.iter().map(|monitor| PollFd::new(monitor.as_fd(), PollFlags::POLLIN)));
        // An interrupted wait is as good as one that has ended.
        let _ = poll(&mut polled, PollTimeout::NONE);
    }

    fn hear(&self, nic: &NicId, monitor: &Mutex<LinkMonitor>) {
        let news = match lock(monitor).receive() {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(%nic, %error, "cannot hear what happens to the VF");
                vec![LinkNews::Overflow]
            }
        };
        for one in news {
            match one {
                LinkNews::Event(link) if link.name == VF && !link.up => {
                    self.shared.look_after(nic, Some(link.index));
                }
                LinkNews::Event(_) => {}
                LinkNews::Overflow => self.shared.look_after(nic, None),
            }
        }
    }
}
