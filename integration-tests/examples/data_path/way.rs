//! Two ends in network namespaces between which packets go, and the processors on which they are sent and received.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use linux_net::NetNs;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use socket2::SockRef;

/// What is compared: two ends, and all that is between them.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) client: End,
    pub(crate) server: End,
    /// A namespace between them that is there as long as this is.
    pub(crate) _between: Option<NetNs>,
}

/// Where sockets are made.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) namespace: NetNs,
    pub(crate) address: Ipv4Addr,
}

/// The server's socket, and the thread that reads it until the value goes out of scope.
pub(crate) struct Server {
    socket: Arc<UdpSocket>,
    thread: Option<JoinHandle<()>>,
}

/// Which processor. With two, each end has one of its own, as VMs have; all ways use the same.
#[derive(Clone, Copy)]
pub(crate) enum Processor {
    Client,
    Server,
}

impl Processor {
    /// Keeps the calling thread there.
    pub(crate) fn take(self) {
        let this = Pid::from_raw(0);
        let allowed = sched_getaffinity(this).unwrap();
        let mut numbers = (0..CpuSet::count()).filter(|&number| allowed.is_set(number).unwrap());
        let first = numbers.next().unwrap();
        let mut chosen = CpuSet::new();
        chosen
            .set(match self {
                Self::Client => first,
                Self::Server => numbers.next().unwrap_or(first),
            })
            .unwrap();
        sched_setaffinity(this, &chosen).unwrap();
    }

    /// Does `work` there.
    pub(crate) fn run<T: Send>(self, work: impl FnOnce() -> T + Send) -> T {
        let pinned = || {
            self.take();
            work()
        };
        std::thread::scope(|scope| scope.spawn(pinned).join().unwrap())
    }
}

impl End {
    /// A socket with this port, 0 for any, at all addresses of the namespace.
    pub(crate) fn udp(&self, port: u16) -> UdpSocket {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        self.namespace.run(|| UdpSocket::bind(address)).unwrap().unwrap()
    }
}

impl Way {
    /// Two sockets that know each other: the client's and, with this port, the server's.
    pub(crate) fn udp_pair(&self, port: u16) -> [UdpSocket; 2] {
        let [client, server] = [self.client.udp(0), self.server.udp(port)];
        client.connect((self.server.address, port)).unwrap();
        server.connect((self.client.address, client.local_addr().unwrap().port())).unwrap();
        [client, server]
    }
}

impl Server {
    /// Serves until `each` says that there is nothing more to come.
    pub(crate) fn start(
        socket: UdpSocket,
        mut each: impl FnMut(&UdpSocket) -> bool + Send + 'static,
    ) -> Self {
        let socket = Arc::new(socket);
        let shared = Arc::clone(&socket);
        let thread = std::thread::spawn(move || {
            Processor::Server.take();
            while each(&shared) {}
        });
        Self { socket, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Says "not connected" of some sockets, and wakes their readers all the same.
        let _ = SockRef::from(&*self.socket).shutdown(std::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
