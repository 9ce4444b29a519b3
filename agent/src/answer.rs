//! A port of a VM that answers for as long as a probe may need it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use goal_state::probe::Answerer;
use goal_state::vm::Transport;
use linux_net::NetNs;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

/// How many connections may wait to be taken.
const BACKLOG: i32 = 64;

/// Listens, and answers each datagram with what it holds, or takes each connection and does the same in it. When this returns, it does.
///
/// Probes at the same time share the port: each has a socket of its own there. Where a program of the VM listens already,
/// that one answers.
///
/// # Errors
/// When there is no such VM, or its guest does not let the port be used. As a sentence.
pub async fn start(answerer: &Answerer) -> Result<(), String> {
    match open(answerer).and_then(|socket| answer(socket, answerer)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(()),
        Err(error) => {
            let Answerer { vm, address, port, .. } = answerer;
            Err(format!("port {port} of {vm}, {address}: {error}"))
        }
    }
}

fn answer(socket: Socket, answerer: &Answerer) -> io::Result<()> {
    let lifetime = Duration::from_millis(u64::from(answerer.for_ms));
    match answerer.transport {
        Transport::Tcp => {
            let listener = TcpListener::from_std(socket.into())?;
            tokio::spawn(timeout(lifetime, take_connections(listener, lifetime)));
        }
        Transport::Udp => {
            let socket = UdpSocket::from_std(socket.into())?;
            tokio::spawn(timeout(lifetime, echo(socket)));
        }
    }
    Ok(())
}

fn open(answerer: &Answerer) -> io::Result<Socket> {
    let namespace = NetNs::open(&vfp::names::vm_namespace(&answerer.vm)).map_err(io::Error::other)?;
    let bound = namespace.run(|| bind(answerer.transport, answerer.address, answerer.port));
    bound.map_err(io::Error::other)?
}

fn bind(transport: Transport, address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let kind = match transport {
        Transport::Tcp => Type::STREAM,
        Transport::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    socket.set_reuse_port(true)?;
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
            assert!(bind(transport, asked, bound.port()).is_ok(), "probes at the same time share the port");
        }
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
