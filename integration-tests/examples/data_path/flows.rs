//! Round trips of many flows in turn: of each of them, a packet now and then.
//!
//! The flows differ in the server's address. Its namespace takes a whole prefix for its own, so that one socket on each side
//! is enough, and nothing but the flows between them is more.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::process::Command;

use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};

use crate::ping_pong::{LOST, SIZE, Times, trip};
use crate::way::{Processor, Server, Way};

/// The server's addresses.
pub(crate) const PREFIX: &str = "10.8.0.0/15";
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);
const PORT: u16 = 7011;
/// Datagrams that are under way at once while flows are opened.
const AT_ONCE: usize = 32;

pub(crate) struct Flows {
    client: UdpSocket,
    _server: Server,
}

impl Flows {
    pub(crate) fn new(way: &Way) -> Self {
        let mut route = Command::new("ip");
        route.args(["route", "replace", "local", PREFIX, "dev", "lo"]);
        assert!(way.server.namespace.run(|| route.status()).unwrap().unwrap().success());
        let (client, server) = (way.client.udp(0), way.server.udp(PORT));
        client.set_read_timeout(Some(LOST)).unwrap();
        setsockopt(&server, sockopt::Ipv4PacketInfo, &true).unwrap();
        Self { client, _server: Server::start(server, echo) }
    }

    /// A round trip of each of `count` flows, many at once. Those that were not there are then; none becomes so old that
    /// connection tracking has to see it again soon.
    pub(crate) fn open(&self, count: usize) {
        let all: Vec<usize> = (0..count).collect();
        Processor::Client.run(|| {
            for some in all.chunks(AT_ONCE) {
                for &flow in some {
                    self.send(flow, &[0xff; SIZE]).unwrap();
                }
                let answers = some.iter().filter(|_| self.client.recv(&mut [0; SIZE]).is_ok()).count();
                assert!(answers > 0, "nobody answers");
            }
        });
    }

    /// Round trips of flows chosen at random: every `step`th one of so many.
    pub(crate) fn round(&self, count: usize, step: usize, trips: usize) -> Times {
        let mut chance = 88_172_645_463_325_252_u64;
        let mut one = |number| {
            // Xorshift, by George Marsaglia.
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let flow = usize::try_from(chance % (count / step) as u64).unwrap() * step;
            trip(&self.client, number, |data| self.send(flow, data))
        };
        Times::of(Processor::Client.run(|| (0..trips).map(&mut one).collect()))
    }

    fn send(&self, flow: usize, data: &[u8; SIZE]) -> io::Result<usize> {
        let address = Ipv4Addr::from_bits(FIRST.to_bits() + u32::try_from(flow).unwrap());
        self.client.send_to(data, (address, PORT))
    }
}

/// Answers from the address that was asked.
fn echo(socket: &UdpSocket) -> bool {
    let mut data = [0; SIZE];
    let mut control = nix::cmsg_space!(in_pktinfo);
    let mut parts = [IoSliceMut::new(&mut data)];
    let fd = socket.as_raw_fd();
    let Ok(message) = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut control), MsgFlags::empty()) else {
        return false;
    };
    let asked = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(info.ipi_addr),
        _ => None,
    });
    let (Some(asked), Some(client)) = (asked, message.address) else { return false };
    let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: asked, ipi_addr: in_addr { s_addr: 0 } };
    let client = SockaddrIn::from(SocketAddrV4::from(client));
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    sendmsg(fd, &[IoSlice::new(&data)], &control, MsgFlags::empty(), Some(&client)).is_ok()
}
