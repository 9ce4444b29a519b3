//! A UDP port of a VM that answers for as long as a probe may need it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use goal_state::probe::Answerer;
use linux_net::NetNs;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Listens, and answers each datagram with what it holds. When this returns, datagrams are answered.
///
/// Probes at the same time share the port: each has a socket of its own there. Where a program of the VM listens already,
/// that one answers.
///
/// # Errors
/// When there is no such VM, or its guest does not let the port be used. As a sentence.
pub async fn start(answerer: &Answerer) -> Result<(), String> {
    match open(answerer).and_then(UdpSocket::from_std) {
        Ok(socket) => {
            let lifetime = Duration::from_millis(u64::from(answerer.for_ms));
            tokio::spawn(tokio::time::timeout(lifetime, echo(socket)));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(()),
        Err(error) => {
            Err(format!("UDP port {} of {}, {}: {error}", answerer.port, answerer.vm, answerer.address))
        }
    }
}

fn open(answerer: &Answerer) -> io::Result<std::net::UdpSocket> {
    let namespace = NetNs::open(&vfp::names::vm_namespace(&answerer.vm)).map_err(io::Error::other)?;
    namespace.run(|| bind(answerer.address, answerer.port)).map_err(io::Error::other)?
}

fn bind(address: Ipv4Addr, port: u16) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    Ok(socket.into())
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
        let [asked, other] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];
        let socket = bind(asked, 0).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(socket.local_addr().unwrap().ip(), asked);
        assert!(bind(asked, port).is_ok(), "probes at the same time share the port");
        assert!(std::net::UdpSocket::bind((other, port)).is_ok(), "another address stays free");
    }
}
