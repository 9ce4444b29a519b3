//! The raw route-netlink socket: many messages per send, every acknowledgement read, dumps.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use super::error::{Detail, NetlinkError};
use crate::nlmsg::{self, Frame, Kind};

/// Enough for the acknowledgements of a full batch, each of which the kernel charges with about a kilobyte.
const RECEIVE_BUFFER: usize = 1 << 20;

/// A dump that the kernel reports as inconsistent is read again so many times.
const DUMP_ATTEMPTS: usize = 10;

/// What the kernel said to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// 0 = done.
    pub(super) errno: i32,
    /// The extended acknowledgement's text.
    pub(super) text: Option<String>,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.errno == 0
    }
}

/// A message to the kernel.
#[derive(Debug, Clone)]
pub(super) enum Outgoing {
    /// One of the kinds that the decoder knows.
    Route(RouteNetlinkMessage),
    /// Any other: what comes behind netlink's header.
    Raw { kind: u16, payload: Vec<u8> },
}

impl From<RouteNetlinkMessage> for Outgoing {
    fn from(message: RouteNetlinkMessage) -> Self {
        Self::Route(message)
    }
}

pub(super) struct RouteSocket {
    socket: Socket,
    sequence: u32,
}

impl std::fmt::Debug for RouteSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteSocket").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl RouteSocket {
    /// Opens a socket in the namespace of the calling thread.
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Self::try_open().map_err(NetlinkError::Open)
    }

    fn try_open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER as i32)?;
        // Acknowledgements carry the kernel's own words, and no copy of the request.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends `messages` at once and returns the kernel's answer to each.
    pub(super) fn send_all(&mut self, messages: Vec<(Outgoing, u16)>) -> Result<Vec<Answer>, NetlinkError> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        let count = messages.len();
        for (message, flags) in messages {
            self.append(&mut bytes, message, flags);
        }
        self.send(&bytes)?;
        let mut answers: Vec<Option<Answer>> = vec![None; count];
        while answers.iter().any(Option::is_none) {
            for frame in nlmsg::frames(&self.receive()?) {
                let place = frame.sequence.wrapping_sub(first) as usize;
                if let (Kind::Answer(answer), Some(slot)) = (frame.kind(), answers.get_mut(place)) {
                    *slot = Some(Answer { errno: answer.errno, text: answer.text });
                }
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Asks for one object. The outer result is about the socket, the inner one is the kernel's refusal.
    pub(super) fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Result<RouteNetlinkMessage, Answer>, NetlinkError> {
        let mut bytes = Vec::new();
        let sequence = self.append(&mut bytes, message.into(), NLM_F_REQUEST | NLM_F_ACK);
        self.send(&bytes)?;
        let mut found = None;
        loop {
            for frame in nlmsg::frames(&self.receive()?).filter(|frame| frame.sequence == sequence) {
                match frame.kind() {
                    Kind::Answer(answer) if answer.errno != 0 => {
                        return Ok(Err(Answer { errno: answer.errno, text: answer.text }));
                    }
                    Kind::Answer(_) => {
                        let missing = || NetlinkError::Decode("an acknowledgement without the object".into());
                        return found.map(Ok).ok_or_else(missing);
                    }
                    Kind::Done(_) => {}
                    Kind::Data => found = Some(decode(&frame)?),
                }
            }
        }
    }

    /// Lists all objects that `message` asks for.
    pub(super) fn dump(
        &mut self,
        what: &'static str,
        message: &RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.dump_as(what, &message.clone().into(), decode)
    }

    /// The same for messages that are not decoded: what comes behind the headers of those of this kind.
    pub(super) fn dump_raw(
        &mut self,
        what: &'static str,
        message: &Outgoing,
        kind: u16,
    ) -> Result<Vec<Vec<u8>>, NetlinkError> {
        let payload = |frame: &Frame<'_>| Ok((frame.kind == kind).then(|| frame.payload().to_vec()));
        Ok(self.dump_as(what, message, payload)?.into_iter().flatten().collect())
    }

    fn dump_as<T>(
        &mut self,
        what: &'static str,
        message: &Outgoing,
        decode: impl Fn(&Frame<'_>) -> Result<T, NetlinkError>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(objects) = self.dump_once(what, message.clone(), &decode)? {
                return Ok(objects);
            }
        }
        Err(NetlinkError::Unsteady(what))
    }

    /// `None` when something changed while the kernel was writing the list.
    fn dump_once<T>(
        &mut self,
        what: &'static str,
        message: Outgoing,
        decode: impl Fn(&Frame<'_>) -> Result<T, NetlinkError>,
    ) -> Result<Option<Vec<T>>, NetlinkError> {
        let mut bytes = Vec::new();
        let sequence = self.append(&mut bytes, message, NLM_F_REQUEST | NLM_F_DUMP);
        self.send(&bytes)?;
        let mut objects = Vec::new();
        let mut steady = true;
        loop {
            for frame in nlmsg::frames(&self.receive()?).filter(|frame| frame.sequence == sequence) {
                steady &= !frame.is_interrupted();
                match frame.kind() {
                    Kind::Answer(answer) | Kind::Done(answer) => {
                        if answer.errno == 0 {
                            return Ok(steady.then_some(objects));
                        }
                        let source = io::Error::from_raw_os_error(answer.errno);
                        return Err(NetlinkError::List { what, detail: Detail(answer.text), source });
                    }
                    Kind::Data => objects.push(decode(&frame)?),
                }
            }
        }
    }

    /// Appends one message to `bytes` and returns its sequence number.
    fn append(&mut self, bytes: &mut Vec<u8>, message: Outgoing, flags: u16) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let message = match message {
            Outgoing::Route(message) => message,
            Outgoing::Raw { kind, payload } => {
                self.append_raw(bytes, kind, flags, &payload);
                return self.sequence;
            }
        };
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = bytes.len();
        bytes.resize(start + nlmsg::align(message.buffer_len()), 0);
        message.serialize(&mut bytes[start..start + message.buffer_len()]);
        self.sequence
    }

    fn append_raw(&self, bytes: &mut Vec<u8>, kind: u16, flags: u16, payload: &[u8]) {
        let length = nlmsg::HEADER + payload.len();
        bytes.extend_from_slice(&(length as u32).to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&self.sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(payload);
        bytes.resize(nlmsg::align(bytes.len()), 0);
    }

    fn send(&self, bytes: &[u8]) -> Result<(), NetlinkError> {
        self.socket.send(bytes, 0).map(drop).map_err(NetlinkError::Send)
    }

    fn receive(&self) -> Result<Vec<u8>, NetlinkError> {
        loop {
            match self.socket.recv_from_full() {
                Ok((bytes, _)) => return Ok(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NetlinkError::Receive(error)),
            }
        }
    }
}

fn decode(frame: &Frame<'_>) -> Result<RouteNetlinkMessage, NetlinkError> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(frame.bytes)
        .map_err(|error| NetlinkError::Decode(error.to_string()))?;
    match message.payload {
        NetlinkPayload::InnerMessage(inner) => Ok(inner),
        other => Err(NetlinkError::Decode(format!("unexpected {other:?}"))),
    }
}
