//! Ports of VMs that answer for as long as probes may need them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use goal_state::probe::Answerer;
use goal_state::vm::Transport;
use linux_net::netns::{NetNs, NetNsId};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

/// How many connections may wait to be taken.
const BACKLOG: i32 = 64;

/// All that answer now. Who needs a port that answers already makes it answer for longer: a second socket beside the first would
/// be told of some of the packets, and those that come when the first one closes would be refused.
#[derive(Debug, Clone, Default)]
pub struct Answerers {
    open: Arc<Mutex<HashMap<Door, Instant>>>,
}

/// A port of a VM, of this life of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Door {
    namespace: NetNsId,
    address: Ipv4Addr,
    transport: Transport,
    port: u16,
}

/// Answers until it is dropped.
type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Answerers {
    /// Listens, and answers each datagram with what it holds, or takes each connection and does the same in it. When this returns,
    /// it does. Where a program of the VM listens already, that one answers. Wants to be called from within a tokio runtime.
    ///
    /// # Errors
    /// When there is no such VM, or its guest does not let the port be used. As a sentence.
    pub fn start(&self, answerer: &Answerer) -> Result<(), String> {
        match self.open(answerer) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(()),
            Err(error) => {
                let Answerer { vm, address, port, .. } = answerer;
                Err(format!("port {port} of {vm}, {address}: {error}"))
            }
        }
    }

    fn open(&self, answerer: &Answerer) -> io::Result<()> {
        let &Answerer { ref vm, address, transport, port, for_ms } = answerer;
        let namespace = NetNs::open(&vfp::names::vm_namespace(vm)).map_err(io::Error::other)?;
        let door = Door { namespace: namespace.id(), address, transport, port };
        let lifetime = Duration::from_millis(u64::from(for_ms));
        let until = Instant::now() + lifetime;
        match self.lock().entry(door.clone()) {
            Entry::Occupied(mut open) => *open.get_mut() = until.max(*open.get()),
            Entry::Vacant(closed) => {
                let socket = namespace.run(|| bind(transport, address, port)).map_err(io::Error::other)??;
                let answering = answering(socket, transport, lifetime)?;
                closed.insert(until);
                tokio::spawn(self.clone().keep_open(door, answering));
            }
        }
        Ok(())
    }

    /// Answers for as long as somebody needs it.
    async fn keep_open(self, door: Door, mut answering: Answering) {
        let mut until = Instant::now();
        loop {
            let over = timeout_at(until, &mut answering).await.is_ok();
            // Who asks for the door from here on finds it open, or gone.
            let mut open = self.lock();
            match open.get(&door) {
                Some(&later) if later > until && !over => until = later,
                _ => {
                    open.remove(&door);
                    drop(answering);
                    return;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Door, Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answering(socket: Socket, transport: Transport, lifetime: Duration) -> io::Result<Answering> {
    Ok(match transport {
        Transport::Tcp => Box::pin(take_connections(TcpListener::from_std(socket.into())?, lifetime)),
        Transport::Udp => Box::pin(echo(UdpSocket::from_std(socket.into())?)),
    })
}

fn bind(transport: Transport, address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let kind = match transport {
        Transport::Tcp => Type::STREAM,
        Transport::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    // Connections that have ended keep their port for a while; datagrams do not, and two sockets would share them.
    socket.set_reuse_address(transport == Transport::Tcp)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    if transport == Transport::Tcp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// A connection that was taken has answered. What is said in it is said back until the asker ends it.
async fn take_connections(listener: TcpListener, lifetime: Duration) {
    while let Ok((mut connection, _)) = listener.accept().await {
        tokio::spawn(timeout(lifetime, async move {
            let (mut heard, mut said) = connection.split();
            let _ = tokio::io::copy(&mut heard, &mut said).await;
        }));
    }
}

async fn echo(socket: UdpSocket) {
    let mut buffer = [0_u8; 2048];
    loop {
        // An ICMP error about an earlier answer is no reason to stop.
        if let Ok((length, sender)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], sender).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VM with two NICs must answer from the one that was asked.
    #[test]
    fn only_the_address_that_is_asked_answers() {
        let asked = Ipv4Addr::new(127, 0, 0, 2);
        for transport in [Transport::Tcp, Transport::Udp] {
            let socket = bind(transport, asked, 0).unwrap();
            let bound = socket.local_addr().unwrap().as_socket_ipv4().unwrap();
            assert_eq!(*bound.ip(), asked);
            assert!(
                bind(transport, asked, bound.port()).is_err(),
                "probes at the same time share one socket"
            );
        }
    }

    /// The namespace that the test is in stands for a VM's.
    fn door(port: u16) -> Door {
        let namespace = NetNs::current().unwrap().id();
        Door { namespace, address: Ipv4Addr::LOCALHOST, transport: Transport::Udp, port }
    }

    #[tokio::test(start_paused = true)]
    async fn who_needs_a_door_longer_keeps_it_open() {
        let (answerers, second) = (Answerers::default(), Duration::from_secs(1));
        let begin = Instant::now();
        answerers.lock().insert(door(1), begin + second);
        let kept = tokio::spawn(answerers.clone().keep_open(door(1), Box::pin(std::future::pending())));
        tokio::time::sleep(second / 2).await;
        answerers.lock().insert(door(1), begin + 3 * second);
        kept.await.unwrap();
        assert_eq!(Instant::now(), begin + 3 * second);
        assert_eq!(answerers.lock().len(), 0);
    }

    #[tokio::test]
    async fn a_door_whose_socket_is_gone_can_be_opened_again() {
        let answerers = Answerers::default();
        answerers.lock().insert(door(1), Instant::now() + Duration::from_secs(60));
        answerers.clone().keep_open(door(1), Box::pin(std::future::ready(()))).await;
        assert_eq!(answerers.lock().len(), 0);
    }

    #[tokio::test]
    async fn a_connection_is_taken_and_answered() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let socket = bind(Transport::Tcp, Ipv4Addr::LOCALHOST, 0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let taking = TcpListener::from_std(socket.into()).unwrap();
        let taking = tokio::spawn(take_connections(taking, Duration::from_secs(30)));
        for _ in 0..3 {
            let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
            connection.write_all(b"word").await.unwrap();
            let mut answer = [0; 4];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"word");
        }
        taking.abort();
    }
}
