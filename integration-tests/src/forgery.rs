//! Datagrams that nobody has sent: with any source, from any namespace. It takes root.

use std::fs::File;
use std::net::SocketAddrV4;

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::lab::Lab;
use crate::wire::Datagram;

/// With this protocol the sender writes the IP header (raw(7)); the kernel fills in its length and checksum.
const IPPROTO_RAW: i32 = 255;
const UDP: u8 = 17;

/// A place from which datagrams are sent whose source is whatever it says.
#[derive(Debug)]
pub struct Forger(Socket);

impl Forger {
    /// In one of the lab's named namespaces.
    ///
    /// # Panics
    /// When this process is not root, or there is no such namespace.
    #[must_use]
    pub fn new(lab: &Lab, namespace: &str) -> Self {
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(IPPROTO_RAW))).unwrap();
        Self(inside(lab, namespace, open))
    }

    /// Sends one.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn send(&self, datagram: &Datagram) {
        let Datagram { source, destination, payload } = datagram;
        let length = u16::try_from(8 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP, 0, 0];
        packet.extend(source.ip().octets());
        packet.extend(destination.ip().octets());
        // Without a checksum, as IPv4 lets one do.
        for number in [source.port(), destination.port(), length, 0] {
            packet.extend(number.to_be_bytes());
        }
        packet.extend(payload);
        let to = SockAddr::from(SocketAddrV4::new(*destination.ip(), 0));
        self.0.send_to(&packet, &to).unwrap();
    }
}

/// Does `work` on a thread in one of the lab's named namespaces. Sockets that it makes stay there.
///
/// # Panics
/// When this process is not root, there is no such namespace, or `work` panics.
pub fn inside<T: Send + 'static>(lab: &Lab, namespace: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let file = File::open(format!("/proc/{}/root/run/netns/{namespace}", lab.init().pid)).unwrap();
    let there = move || {
        setns(&file, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    };
    std::thread::spawn(there).join().unwrap()
}
