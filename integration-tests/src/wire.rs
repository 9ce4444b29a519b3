//! What crosses the underlay, byte for byte: tcpdump on the device of every host and in the fabric.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::Lab;
use crate::wait;

/// What each host says when enough was seen, to a port that nobody has.
const END: &str = "vnetlab:that-is-all";
const DISCARD: u16 = 9;
/// Of a file of libpcap, and of each packet in it. Numbers are in the machine's order.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;
const ETHERNET: usize = 14;
const UDP: u8 = 17;

/// Captures on the underlay of a lab, in all places. They go on until [`Wire::stop`].
#[derive(Debug)]
pub struct Wire<'l> {
    lab: &'l Lab,
    hosts: Vec<(String, Ipv4Addr)>,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    name: String,
    child: Child,
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// What was captured: of each place its name and a file of libpcap.
#[derive(Debug)]
pub struct Seen(Vec<(String, Vec<u8>)>);

/// A UDP datagram as it was on a host's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Its sender on the underlay.
    pub source: SocketAddrV4,
    /// Its receiver there.
    pub destination: SocketAddrV4,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl<'l> Wire<'l> {
    /// Begins to capture, and waits until all captures have begun.
    ///
    /// # Panics
    /// When tcpdump does not start.
    #[must_use]
    pub fn start(lab: &'l Lab) -> Self {
        let hosts = provider_addresses(lab);
        assert!(hosts.len() > 1, "between hosts");
        let mut places = vec![Place::start(lab, "fabric", "any")];
        places.extend(hosts.iter().map(|(host, _)| Place::start(lab, &format!("host-{host}"), "underlay0")));
        Self { lab, hosts, places }
    }

    /// Ends all of them once everything that was sent before is in them.
    ///
    /// # Panics
    /// When it does not come there.
    #[must_use]
    pub fn stop(mut self) -> Seen {
        for (at, (host, _)) in self.hosts.iter().enumerate() {
            let (_, next) = &self.hosts[(at + 1) % self.hosts.len()];
            let say = format!("echo -n {END} > /dev/udp/{next}/{DISCARD}");
            let _ = self.lab.in_namespace(&format!("host-{host}"), &["bash", "-c", &say]).ok();
        }
        let seen = self.places.drain(..).map(|mut place| {
            wait::until(&format!("the end of what {} sees", place.name), || {
                contains(&place.bytes.lock().unwrap(), END.as_bytes()).then_some(())
            });
            place.end();
            (place.name.clone(), std::mem::take(&mut *place.bytes.lock().unwrap()))
        });
        Seen(seen.collect())
    }
}

/// The hosts of a lab and their addresses on the underlay.
///
/// # Panics
/// When the lab does not say.
#[must_use]
pub fn provider_addresses(lab: &Lab) -> Vec<(String, Ipv4Addr)> {
    let status = lab.vnetlab(&["status", "-o", "json"]).expect_status(0).json();
    let host = |host: &serde_json::Value| {
        let text = |field: &str| host[field].as_str().unwrap().to_owned();
        (text("name"), text("providerAddress").parse().unwrap())
    };
    status["hosts"].as_array().unwrap().iter().map(host).collect()
}

impl Place {
    fn start(lab: &Lab, namespace: &str, device: &str) -> Self {
        let tcpdump =
            ["tcpdump", "-Z", "root", "-n", "-B", "16384", "--immediate-mode", "-U", "-w", "-", "-i", device];
        let mut command = lab.in_namespace_command(namespace, &tcpdump);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = said.find(|line| line.as_ref().is_ok_and(|line| line.contains("listening on")));
        assert!(listening.is_some(), "tcpdump listens in {namespace}");
        // Goes on reading, so that tcpdump does not stop at a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (written, mut output) = (Arc::clone(&bytes), child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                written.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { name: namespace.to_owned(), child, bytes, reader: Some(reader) }
    }

    /// SIGTERM reaches tcpdump; SIGKILL would leave it behind.
    fn end(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
            let _ = self.child.wait();
            let _ = reader.join();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
    }
}

impl Seen {
    /// The places that have seen these bytes.
    #[must_use]
    pub fn places_of(&self, bytes: &[u8]) -> Vec<&str> {
        let places = self.0.iter().filter(|(_, seen)| contains(seen, bytes));
        places.map(|(name, _)| name.as_str()).collect()
    }

    /// What a host's device has seen, a file of libpcap.
    ///
    /// # Panics
    /// When there is no such host.
    #[must_use]
    pub fn file(&self, host: &str) -> &[u8] {
        let name = format!("host-{host}");
        &self.0.iter().find(|(place, _)| *place == name).expect("there is such a host").1
    }

    /// The UDP datagrams that a host's device has seen.
    ///
    /// # Panics
    /// When there is no such host.
    #[must_use]
    pub fn datagrams(&self, host: &str) -> Vec<Datagram> {
        frames(self.file(host)).filter_map(Datagram::of).collect()
    }
}

impl Datagram {
    /// Whether it is a DTLS 1.3 record with keys of epoch 3, as customers' packets are (RFC 9147, section 4).
    #[must_use]
    pub fn is_record(&self) -> bool {
        // 001, no connection ID, a number of 16 bits, a length or none, 11.
        matches!(self.payload.first(), Some(0b0010_1011 | 0b0010_1111))
    }

    fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..).filter(|_| frame[12..ETHERNET] == [0x08, 0x00])?;
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let udp = packet.get(header..).filter(|_| packet[9] == UDP)?;
        let port = |at: usize| Some(u16::from_be_bytes(*udp.get(at..)?.first_chunk()?));
        let address = |at: usize| Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?));
        Some(Self {
            source: SocketAddrV4::new(address(12)?, port(0)?),
            destination: SocketAddrV4::new(address(16)?, port(2)?),
            payload: udp.get(8..usize::from(port(4)?).min(udp.len()))?.to_vec(),
        })
    }
}

/// The frames of a file of libpcap.
fn frames(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = file.get(FILE_HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*rest.get(8..)?.first_chunk()?);
        let (frame, more) = rest.get(PACKET_HEADER..)?.split_at_checked(usize::try_from(length).ok()?)?;
        rest = more;
        Some(frame)
    })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == wanted[0]) {
        if rest[at..].starts_with(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one datagram of three bytes, from 198.18.0.1:20001 to 198.18.0.2:20002.
    fn file() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 31, 0, 0, 0, 0, 64, UDP, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2]);
        frame.extend([0x4e, 0x21, 0x4e, 0x22, 0, 11, 0, 0, 0x2b, 1, 2, 0, 0]);
        let length = u32::try_from(frame.len()).unwrap().to_ne_bytes();
        [&[0; FILE_HEADER][..], &[0; 8], &length, &length, &frame].concat()
    }

    #[test]
    fn a_datagram_is_found_without_the_frames_padding() {
        let file = file();
        let datagrams: Vec<_> = frames(&file).filter_map(Datagram::of).collect();
        let [datagram] = &datagrams[..] else { panic!("{datagrams:?}") };
        assert_eq!(
            (datagram.source.to_string().as_str(), &datagram.payload[..]),
            ("198.18.0.1:20001", &[0x2b, 1, 2][..])
        );
        assert!(datagram.is_record());
        assert_eq!(frames(&file[..60]).count(), 0, "a packet that is not whole is none");
    }

    #[test]
    fn bytes_are_found_wherever_they_are() {
        assert!(contains(b"aab", b"ab") && contains(b"ab", b"ab") && !contains(b"aba", b"ac"));
    }
}
