//! One question of a health probe, from the prober's namespace.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use goal_state::edge::{HealthProbe, ProbeQuestion};
use linux_net::NetNs;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// An answer must come before the next question, and within this time.
/// <https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview#probe-interval--timeout>
const LONGEST: Duration = Duration::from_secs(30);
/// A status line is shorter.
const STATUS_LINE: usize = 512;
const OK: &str = "200";

/// Asks; why the answer is no good.
pub(super) async fn ask(namespace: &str, probe: &HealthProbe, backend: Ipv4Addr) -> Result<(), String> {
    let limit = Duration::from_secs(u64::from(probe.interval_s)).min(LONGEST);
    match timeout(limit, ask_patiently(namespace, probe, backend)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

async fn ask_patiently(namespace: &str, probe: &HealthProbe, backend: Ipv4Addr) -> Result<(), String> {
    let port = probe.port;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("port {port} refuses connections"),
        _ => format!("port {port}: {error}"),
    };
    let socket = socket_in(namespace).map_err(failed)?;
    let stream = socket.connect(SocketAddr::from((backend, port))).await.map_err(failed)?;
    match &probe.question {
        ProbeQuestion::Tcp => Ok(()),
        ProbeQuestion::Http { path } => {
            let status = get(stream, backend, port, path).await.map_err(failed)?;
            if status == OK { Ok(()) } else { Err(format!("GET {path} gives {status:?}, not 200")) }
        }
    }
}

fn socket_in(namespace: &str) -> io::Result<TcpSocket> {
    let namespace = NetNs::open(namespace).map_err(io::Error::other)?;
    let socket =
        namespace.run(|| Socket::new(Domain::IPV4, Type::STREAM, None)).map_err(io::Error::other)??;
    socket.set_nonblocking(true)?;
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// The status code of the answer, as it is written there.
async fn get(mut stream: TcpStream, backend: Ipv4Addr, port: u16, path: &str) -> io::Result<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {backend}:{port}\r\nUser-Agent: Load Balancer Agent\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    while line.len() < STATUS_LINE && !line.contains(&b'\n') {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    Ok(status_code(&String::from_utf8_lossy(&line)))
}

/// `HTTP/1.1 200 OK` (RFC 9112, section 4).
fn status_code(answer: &str) -> String {
    let line = answer.lines().next().unwrap_or_default();
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        [version, code, ..] if version.starts_with("HTTP/") => (*code).to_owned(),
        _ => "no status".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_the_first_line() {
        assert_eq!(status_code("HTTP/1.1 200 OK\r\nServer: 500\r\n"), "200");
        assert_eq!(status_code("HTTP/1.0 503\r\n\r\n"), "503");
        for other in ["", "200", "SSH-2.0-OpenSSH 200", "\r\nHTTP/1.1 200 OK"] {
            assert_eq!(status_code(other), "no status", "{other}");
        }
    }
}
