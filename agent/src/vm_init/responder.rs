//! Echo responders: whatever is sent to a listening port comes back.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;

use goal_state::vm::{Listen, Transport};
use socket2::{Domain, Protocol, Socket, Type};

/// Starts to answer on `listen`.
///
/// # Errors
/// When the port is taken, or there is no thread to be had.
pub(super) fn start(listen: Listen, addresses: &[Ipv4Addr]) -> io::Result<()> {
    match listen.transport {
        Transport::Tcp => {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, listen.port))?;
            spawn("tcp", move || accept(&listener))
        }
        // One socket per address, so that the answer comes from the address that was asked.
        Transport::Udp => addresses.iter().chain([&Ipv4Addr::LOCALHOST]).try_for_each(|address| {
            let socket = bind(*address, listen.port)?;
            spawn("udp", move || echo_datagrams(&socket))
        }),
    }
}

/// The address may come later: a NIC that could not be made at once does.
fn bind(address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_freebind_v4(true)?;
    socket.bind(&SocketAddrV4::new(address, port).into())?;
    Ok(socket.into())
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming() {
        match stream {
            // Without a thread the connection is closed, which the other side sees.
            Ok(stream) => drop(spawn("echo", move || echo(&stream))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }
}

/// Until the other side has said all, or is gone.
fn echo(stream: &TcpStream) {
    let _ = io::copy(&mut &*stream, &mut &*stream);
}

fn echo_datagrams(socket: &UdpSocket) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        match socket.recv_from(&mut buffer) {
            // An answer that cannot be sent is lost, as datagrams may be.
            Ok((length, asker)) => drop(socket.send_to(&buffer[..length], asker)),
            // An earlier answer met a closed port.
            Err(error) => tracing::debug!(%error, "cannot receive a datagram"),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Small stacks: a VM may have many connections, and echoing needs little.
    thread::Builder::new().name(name.into()).stack_size(128 << 10).spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn what_is_sent_comes_back() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        start(Listen { port, transport: Transport::Tcp }, &[]).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");

        start(Listen { port, transport: Transport::Udp }, &[]).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"hi", ("127.0.0.1", port)).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 2);
    }
}
