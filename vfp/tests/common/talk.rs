//! Datagrams between VMs, and what stations log meanwhile.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use goal_state::HostGoalState;
use goal_state::event::{DropEvent, Event};
use linux_net::NetNs;
use linux_net::nflog::NflogSocket;
use vfp::lower::drop_log::DROP_GROUP;

/// How long something may take that happens at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A socket of a VM, at this port of all its addresses.
pub(crate) fn socket(vm: &str, port: u16) -> UdpSocket {
    let namespace = NetNs::open(&format!("vm-{vm}")).unwrap();
    let socket = namespace.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends a datagram; who it is from when it arrives.
pub(crate) fn sent(from: &UdpSocket, to: &UdpSocket, address: Ipv4Addr) -> SocketAddr {
    let port = to.local_addr().unwrap().port();
    from.send_to(b"hello", (address, port)).unwrap();
    let mut bytes = [0; 10];
    to.recv_from(&mut bytes).unwrap().1
}

pub(crate) fn from(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddrV4::new(address, port).into()
}

/// The log of a station.
pub(crate) struct Log<'a> {
    goal: &'a HostGoalState,
    station: &'static str,
    socket: NflogSocket,
}

impl<'a> Log<'a> {
    pub(crate) fn of(station: &'static str, goal: &'a HostGoalState) -> Self {
        let socket = NflogSocket::open(&NetNs::open(station).unwrap(), DROP_GROUP).unwrap();
        Self { goal, station, socket }
    }

    /// The next drop. Waits for it.
    pub(crate) fn next(&mut self) -> DropEvent {
        let packets = self.socket.receive_within(PATIENCE).unwrap();
        let packet = packets.first().expect("something is logged");
        let event = vfp::events::station_event(self.goal, self.station, &packet.prefix, &packet.payload, 7);
        let Some(Event::Drop(event)) = event else { panic!("{packet:?}") };
        event
    }
}
