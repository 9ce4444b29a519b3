//! What rulesets log, as events: one thread reads the NFLOG sockets of the host and of all its ports and stations.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goal_state::event::Event;
use goal_state::{HostGoalState, NicId};
use linux_net::NetNs;
use linux_net::netns::NetNsId;
use linux_net::nflog::{LoggedPacket, NflogSocket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::broadcast;
use vfp::lower::drop_log::{DROP_GROUP, SEEN_GROUP};
use vfp::station::Station;

use crate::clock::now_us;

/// Follows the namespaces of the goal state in force.
#[derive(Debug)]
pub struct LogReader {
    shared: Arc<Mutex<Shared>>,
    /// A byte here makes the thread look at `shared` again.
    wake: Mutex<UnixStream>,
}

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Writer {
    /// The host itself.
    Host,
    /// A port.
    Port(NicId),
    /// A station of the platform, by its namespace's name.
    Station(String),
}

/// Where a log comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    writer: Writer,
    namespace: NetNsId,
    group: u16,
}

#[derive(Debug, Default)]
struct Shared {
    goal: Option<Arc<HostGoalState>>,
    /// An Arc, so that the thread can wait on sockets while the list changes.
    sockets: BTreeMap<Origin, Arc<Mutex<NflogSocket>>>,
}

impl LogReader {
    /// Starts the thread, with nothing to read yet.
    ///
    /// # Errors
    /// When there is no thread or no socket to be had.
    pub fn start(events: broadcast::Sender<Event>) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let reader = Reader { shared: Arc::clone(&shared), woken, events };
        std::thread::Builder::new().name("logs".into()).spawn(move || reader.run())?;
        Ok(Self { shared, wake: Mutex::new(wake) })
    }

    /// Reads the logs of the host's, its ports' and its stations' namespaces from now on, and names what they say after `goal`.
    /// Returns what cannot be read, as sentences.
    pub fn follow(&self, goal: Arc<HostGoalState>) -> Vec<String> {
        // One thread visits all ports.
        let followed = NetNs::current().and_then(|host| host.run(|| self.follow_from(&host, goal)));
        followed.unwrap_or_else(|error| vec![format!("logs of the host: {error}")])
    }

    fn follow_from(&self, host: &NetNs, goal: Arc<HostGoalState>) -> Vec<String> {
        let mut problems = Vec::new();
        let mut wanted = vec![(Writer::Host, DROP_GROUP, host.clone())];
        for nic in nics(&goal) {
            match NetNs::open(&vfp::names::port_namespace(&nic)) {
                Ok(namespace) => {
                    wanted.push((Writer::Port(nic.clone()), DROP_GROUP, namespace.clone()));
                    wanted.push((Writer::Port(nic), SEEN_GROUP, namespace));
                }
                Err(error) => problems.push(format!("logs of {nic}: {error}")),
            }
        }
        for station in Station::all(&goal.edge).map(Station::namespace) {
            match NetNs::open(&station) {
                Ok(namespace) => wanted.push((Writer::Station(station), DROP_GROUP, namespace)),
                Err(error) => problems.push(format!("logs of {station}: {error}")),
            }
        }
        problems.extend(self.replace(goal, wanted));
        problems
    }

    fn replace(&self, goal: Arc<HostGoalState>, wanted: Vec<(Writer, u16, NetNs)>) -> Vec<String> {
        let mut problems = Vec::new();
        let mut shared = lock(&self.shared);
        let mut old = std::mem::take(&mut shared.sockets);
        for (writer, group, namespace) in wanted {
            let origin = Origin { writer, namespace: namespace.id(), group };
            let socket = match old.remove(&origin) {
                Some(socket) => Ok(socket),
                None => NflogSocket::open(&namespace, group).map(|socket| Arc::new(Mutex::new(socket))),
            };
            match socket {
                Ok(socket) => drop(shared.sockets.insert(origin, socket)),
                Err(error) => problems.push(format!("logs of {namespace}: {error}")),
            }
        }
        shared.goal = Some(goal);
        drop(shared);
        // A full pipe wakes, too.
        let _ = lock(&self.wake).write(&[0]);
        problems
    }
}

fn nics(goal: &HostGoalState) -> Vec<NicId> {
    let of_vm = |vm: &goal_state::vm::VirtualMachine| {
        let id =
            |nic: &goal_state::vm::NetworkInterface| NicId { vm: vm.name.clone(), nic: nic.name.clone() };
        vm.network_interfaces.iter().map(id).collect::<Vec<_>>()
    };
    goal.virtual_machines.iter().flat_map(of_vm).collect()
}

struct Reader {
    shared: Arc<Mutex<Shared>>,
    woken: UnixStream,
    events: broadcast::Sender<Event>,
}

impl Reader {
    fn run(mut self) {
        loop {
            let sockets = self.sockets();
            self.wait(&sockets);
            let mut bytes = [0; 64];
            // Whatever woke us, everything is looked at.
            let _ = self.woken.read(&mut bytes);
            for (origin, socket) in sockets {
                self.read(&origin, &socket);
            }
        }
    }

    fn sockets(&self) -> Vec<(Origin, Arc<Mutex<NflogSocket>>)> {
        let shared = lock(&self.shared);
        shared.sockets.iter().map(|(origin, socket)| (origin.clone(), Arc::clone(socket))).collect()
    }

    /// Nobody else locks the sockets, so they may stay locked meanwhile.
    fn wait(&self, sockets: &[(Origin, Arc<Mutex<NflogSocket>>)]) {
        let guards = sockets.iter().map(|(_, socket)| lock(socket)).collect::<Vec<_>>();
        let mut polled = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        polled.extend(guards.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
        // An interrupted wait is as good as one that has ended.
        let _ = poll(&mut polled, PollTimeout::NONE);
    }

    fn read(&self, origin: &Origin, socket: &Mutex<NflogSocket>) {
        let mut socket = lock(socket);
        let lost = socket.lost();
        match socket.receive() {
            Ok(packets) => packets.iter().for_each(|packet| self.tell(origin, packet)),
            Err(error) => tracing::warn!(?origin, %error, "cannot read logs"),
        }
        let lost = socket.lost() - lost;
        if lost > 0 {
            self.send(Event::Lost { count: lost });
        }
    }

    fn tell(&self, origin: &Origin, packet: &LoggedPacket) {
        let Some(goal) = lock(&self.shared).goal.clone() else { return };
        let LoggedPacket { prefix, mark, payload, .. } = packet;
        let event = match &origin.writer {
            Writer::Host => vfp::events::host_event(&goal, prefix, payload, now_us()),
            Writer::Port(nic) => vfp::events::port_event(&goal, nic, prefix, *mark, payload, now_us()),
            Writer::Station(name) => vfp::events::station_event(&goal, name, prefix, payload, now_us()),
        };
        match event {
            Some(event) => self.send(event),
            None => tracing::debug!(?origin, prefix, "a log that says nothing to us"),
        }
    }

    /// Without a listener there is nobody to tell.
    fn send(&self, event: Event) {
        tracing::trace!(?event, "event");
        let _ = self.events.send(event);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
