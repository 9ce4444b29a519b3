//! Flows that are open before anything changes.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::End;
use super::flood::{PATIENCE, TESTED, exchange};

/// Flows that are open before anything changes.
#[derive(Debug)]
pub struct OpenFlows {
    datagrams: Vec<UdpSocket>,
    connection: Socket,
}

impl OpenFlows {
    /// Opens them to the port that the policy is about.
    ///
    /// # Panics
    /// When one is not answered.
    #[must_use]
    pub fn open(from: End<'_>, to: End<'_>) -> Self {
        let (source, destination) = (from.address, to.address);
        let (datagrams, connection) = from.inside(move || {
            let open = |_| {
                let socket = UdpSocket::bind((source, 0)).unwrap();
                socket.connect((destination, TESTED)).unwrap();
                socket
            };
            let connection = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let address = SocketAddrV4::new(destination, TESTED);
            connection.connect_timeout(&address.into(), PATIENCE).unwrap();
            ((0..4).map(open).collect(), connection)
        });
        let flows = Self { datagrams, connection };
        flows.go_on();
        flows
    }

    /// Each of them carries what it should, both ways.
    ///
    /// # Panics
    /// When one does not.
    pub fn go_on(&self) {
        for number in 0..8 {
            for (at, socket) in self.datagrams.iter().enumerate() {
                if let Err(error) = exchange(socket, number, PATIENCE) {
                    panic!("open flow {at} goes on: datagram {number}: {error}");
                }
            }
            self.connection.set_read_timeout(Some(PATIENCE)).unwrap();
            (&self.connection).write_all(b"word").unwrap();
            (&self.connection).read_exact(&mut [0; 4]).expect("the open connection goes on");
        }
    }

    /// None of the datagrams arrives any more.
    ///
    /// # Panics
    /// When one does.
    pub fn are_cut(&self) {
        for (at, socket) in self.datagrams.iter().enumerate() {
            assert!(exchange(socket, 99, Duration::from_millis(100)).is_err(), "open flow {at} is cut");
        }
    }
}
