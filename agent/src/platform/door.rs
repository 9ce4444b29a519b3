//! The sockets of one port: Azure DNS by UDP and TCP, instance metadata and WireServer by TCP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use goal_state::platform::{INSTANCE_METADATA, WIRE_SERVER, WIRE_SERVER_PORTS};
use linux_net::NetNs;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::asker::Asker;
use super::http::{self, Request, Response};
use super::{dns, metadata, wire_server};

const DNS_PORT: u16 = 53;
/// How many connections may wait to be taken.
const BACKLOG: i32 = 128;

/// What answers at one port. When it is dropped, sockets and connections are closed.
#[derive(Debug)]
pub(super) struct Answering(#[expect(dead_code, reason = "it ends what is in it")] JoinSet<()>);

/// Opens the sockets in the port's namespace, and answers what comes in by them.
pub(super) fn open(port: &NetNs, asker: &Arc<Asker>) -> anyhow::Result<Answering> {
    let sockets = port.run(|| -> io::Result<_> {
        let [wire_server, plugin] = WIRE_SERVER_PORTS;
        Ok((
            bind(Type::DGRAM, WIRE_SERVER, DNS_PORT)?,
            bind(Type::STREAM, WIRE_SERVER, DNS_PORT)?,
            // Instance metadata has the same port at its address: the port's namespace has these two addresses and no other.
            bind(Type::STREAM, Ipv4Addr::UNSPECIFIED, wire_server)?,
            bind(Type::STREAM, WIRE_SERVER, plugin)?,
        ))
    })?;
    let (datagrams, connections, web, plugin) = sockets?;
    let names = dns::serve(
        Arc::clone(asker),
        UdpSocket::from_std(datagrams.into())?,
        TcpListener::from_std(connections.into())?,
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _serving = names;
        std::future::pending().await
    });
    let told = Arc::clone(asker);
    let answer = move |asked: Ipv4Addr, request: &Request| answer(&told, asked, request);
    tasks.spawn(http::serve(TcpListener::from_std(web.into())?, answer));
    let answer = |_: Ipv4Addr, request: &Request| wire_server::answer_plugin(request);
    tasks.spawn(http::serve(TcpListener::from_std(plugin.into())?, answer));
    Ok(Answering(tasks))
}

/// On port 80 the address that is asked says which service is meant.
fn answer(asker: &Asker, asked: Ipv4Addr, request: &Request) -> Response {
    let knowledge = asker.knowledge();
    match &knowledge.instance {
        Some((document, _)) if asked == INSTANCE_METADATA => metadata::answer(request, document),
        Some((_, vm_id)) => wire_server::answer(request, vm_id, knowledge.incarnation),
        None => Response::text(404, ""),
    }
}

fn bind(kind: Type, address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, kind, None)?;
    // Connections that have ended keep their port for a while.
    socket.set_reuse_address(kind == Type::STREAM)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}
