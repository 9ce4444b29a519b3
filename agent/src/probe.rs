//! One packet sent from a VM, and what comes back; or some more of its flow.
//!
//! The socket is made inside the VM's network namespace and stays there, whichever thread waits on it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use goal_state::nsg;
use goal_state::platform::WIRE_SERVER;
use goal_state::probe::{PROBE_DSCP, Probe, ProbeOutcome, ProbeResult};
use linux_net::NetNs;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// RFC 792.
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
/// How long an answer is waited for before the packet is sent again: TCP's initial timeout (RFC 6298).
const SEND_AGAIN: Duration = Duration::from_secs(1);
/// What a datagram says, and what is said in a connection.
const PAYLOAD: &[u8] = b"vnetlab";
/// What Azure DNS understands, and answers: who serves the root (RFC 1035)?
const DNS_QUESTION: &[u8] = &[0x76, 0x6c, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
const DNS_PORT: u16 = 53;

/// Sends the probe and waits. Blocks no longer than the probe's timeout.
#[must_use]
pub fn send(probe: &Probe) -> ProbeResult {
    let socket = match open(probe) {
        Ok(socket) => socket,
        Err(error) => {
            let outcome = ProbeOutcome::Failed { error };
            return ProbeResult { source_port: probe.source_port, outcome };
        }
    };
    let result = match probe.follow_up {
        0 => ask(&socket, probe),
        _ => Ok(ProbeOutcome::Followed { answered: follow_up(&socket, probe) }),
    };
    let source_port =
        socket.local_addr().ok().and_then(|address| address.as_socket()).map(|address| address.port());
    let outcome = result.unwrap_or_else(|error| outcome_of(&error));
    ProbeResult { source_port: source_port.unwrap_or(probe.source_port), outcome }
}

/// A socket in the VM, bound to the probe's source.
fn open(probe: &Probe) -> Result<Socket, String> {
    let namespace = NetNs::open(&vfp::names::vm_namespace(&probe.vm)).map_err(|error| error.to_string())?;
    let socket = namespace.run(|| make(probe)).map_err(|error| error.to_string())?;
    socket.map_err(|error| format!("{}:{}: {error}", probe.source, probe.source_port))
}

fn make(probe: &Probe) -> io::Result<Socket> {
    let (kind, protocol) = match probe.protocol {
        nsg::Protocol::Tcp => (Type::STREAM, Protocol::TCP),
        nsg::Protocol::Udp => (Type::DGRAM, Protocol::UDP),
        // A socket of the kernel's own ping: its port is the identifier.
        nsg::Protocol::Icmp => (Type::DGRAM, Protocol::ICMPV4),
        other => return Err(io::Error::new(ErrorKind::Unsupported, format!("a probe cannot be {other}"))),
    };
    let socket = Socket::new(Domain::IPV4, kind, Some(protocol))?;
    if probe.follow_up == 0 {
        socket.set_tos_v4(u32::from(PROBE_DSCP) << 2)?;
    }
    // Broadcasts are asked about too; a guest sends them only for who says that he means it.
    socket.set_broadcast(true)?;
    // A follow-up need not wait until its probe has given up.
    socket.set_reuse_address(true)?;
    if probe.protocol == nsg::Protocol::Tcp {
        // Closing resets: the next probe may use the port again.
        socket.set_linger(Some(Duration::ZERO))?;
    }
    socket.bind(&address(probe.source, probe.source_port))?;
    Ok(socket)
}

fn ask(socket: &Socket, probe: &Probe) -> io::Result<ProbeOutcome> {
    let timeout = Duration::from_millis(u64::from(probe.timeout_ms.max(1)));
    let destination = address(probe.destination, probe.port);
    match probe.protocol {
        nsg::Protocol::Tcp => socket.connect_timeout(&destination, timeout).map(|()| ProbeOutcome::Answered),
        nsg::Protocol::Icmp => {
            socket.connect(&address(probe.destination, 0))?;
            exchange(socket, &echo_request(), timeout, |answer| answer.first() == Some(&ECHO_REPLY))
        }
        _ => {
            socket.connect(&destination)?;
            exchange(socket, payload(probe), timeout, |_| true)
        }
    }
}

/// How many of a flow's next packets are answered. By TCP they come behind a handshake.
fn follow_up(socket: &Socket, probe: &Probe) -> u32 {
    let timeout = Duration::from_millis(u64::from(probe.timeout_ms.max(1)));
    let destination = address(probe.destination, probe.port);
    let connected = match probe.protocol {
        nsg::Protocol::Tcp => socket.connect_timeout(&destination, timeout),
        _ => socket.connect(&destination),
    };
    if connected.is_err() {
        return 0;
    }
    let packet: &[u8] = if probe.protocol == nsg::Protocol::Icmp { &echo_request() } else { payload(probe) };
    let answered = (0..probe.follow_up).filter(|_| {
        // What the guest itself refuses to send is not answered either.
        let sent = socket.send(packet).is_ok();
        let is_answer = |answer: &[u8]| match probe.protocol {
            nsg::Protocol::Icmp => answer.first() == Some(&ECHO_REPLY),
            _ => !answer.is_empty(),
        };
        sent && is_answered(socket, Instant::now() + timeout, is_answer).unwrap_or(false)
    });
    u32::try_from(answered.count()).unwrap_or(u32::MAX)
}

fn payload(probe: &Probe) -> &'static [u8] {
    if (probe.destination, probe.port) == (WIRE_SERVER, DNS_PORT) { DNS_QUESTION } else { PAYLOAD }
}

/// The kernel fills in checksum and identifier.
fn echo_request() -> [u8; 16] {
    let mut packet = [0; 16];
    packet[0] = ECHO_REQUEST;
    packet[7] = 1;
    packet
}

/// Sends until an answer comes, as TCP does: a packet may be lost where an address is being asked for.
fn exchange(
    socket: &Socket,
    packet: &[u8],
    timeout: Duration,
    is_answer: impl Fn(&[u8]) -> bool,
) -> io::Result<ProbeOutcome> {
    let end = Instant::now() + timeout;
    while Instant::now() < end {
        socket.send(packet)?;
        let pause = end.min(Instant::now() + SEND_AGAIN);
        if is_answered(socket, pause, &is_answer)? {
            return Ok(ProbeOutcome::Answered);
        }
    }
    Ok(ProbeOutcome::Silent)
}

/// Whether an answer comes before `end`.
fn is_answered(socket: &Socket, end: Instant, is_answer: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = [0_u8; 2048];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match io::Read::read(&mut &*socket, &mut buffer) {
            Ok(length) if is_answer(&buffer[..length]) => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
}

fn outcome_of(error: &io::Error) -> ProbeOutcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => ProbeOutcome::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => ProbeOutcome::Silent,
        // The guest's own no: a source that is not its own, a protocol that it lacks.
        ErrorKind::AddrNotAvailable | ErrorKind::InvalidInput => {
            ProbeOutcome::Failed { error: error.to_string() }
        }
        _ => ProbeOutcome::Unreachable { error: error.to_string() },
    }
}

fn address(address: Ipv4Addr, port: u16) -> SockAddr {
    SocketAddr::V4(SocketAddrV4::new(address, port)).into()
}
