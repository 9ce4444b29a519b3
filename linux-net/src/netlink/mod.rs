//! Links, addresses, routes, next hops, rules, neighbours, FDB entries and filters of one namespace, by route netlink.
//!
//! What is wanted is a list of [`Request`]s: plain values that can be compared, printed and tested without a kernel.
//! [`Netlink::apply`] sends them in batches and checks every acknowledgement. What is there is listed as the same plain
//! values ([`Link`], [`Address`], [`Route`], [`NextHops`], [`Rule`], [`Neighbour`], [`FdbEntry`]), so that a reconciler compares sets;
//! an [`InstalledFilter`] is compared with the wanted one.
//!
//! Devices are named, not numbered: the values stay true when a device is made again. Everything is IPv4.

mod address;
mod bridge_port;
mod error;
mod fdb;
mod filter;
mod installed_filter;
mod link;
mod neighbour;
mod next_hop;
mod request;
mod route;
mod rule;
mod socket;
mod statistics;

use std::collections::HashMap;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

pub use address::Address;
pub use bridge_port::BridgePort;
pub use error::{Detail, NetlinkError, Refusal, Refusals};
pub use fdb::{FdbEntry, FdbTarget};
pub use filter::{Filter, FilterAction, TcHook};
pub use installed_filter::{InstalledAction, InstalledFilter};
pub use link::{Link, LinkChange, LinkKind, NewLink, VethEnd, Vxlan};
pub use neighbour::Neighbour;
pub use next_hop::{NextHop, NextHops, ResilientGroup};
pub use request::Request;
pub use route::{MAIN_TABLE, Route, RouteTarget};
pub use rule::{FwMark, LOCAL_TABLE, Rule};
pub use statistics::LinkStatistics;

use crate::netns::NetNs;
use error::libc_errno;
use request::Encoded;
use socket::{Answer, Outgoing, RouteSocket};

/// A route netlink socket that was opened inside one namespace and works there, whichever thread uses it.
#[derive(Debug)]
pub struct Netlink {
    socket: RouteSocket,
    namespace: NetNs,
}

impl Netlink {
    /// Opens a socket inside `namespace`.
    pub fn open(namespace: &NetNs) -> Result<Self, NetlinkError> {
        namespace.run(Self::open_in_this_thread)?
    }

    /// Opens a socket in the namespace of the calling thread.
    pub fn open_in_this_thread() -> Result<Self, NetlinkError> {
        Ok(Self { socket: RouteSocket::open()?, namespace: NetNs::current()? })
    }

    /// Carries out `requests` in order, many per system call. A refused request does not keep the later ones from being
    /// tried.
    ///
    /// Except for [`Request::AddLink`], applying the same requests twice changes nothing the second time.
    ///
    /// # Errors
    /// [`NetlinkError::Refused`] with every request that the kernel refused.
    pub fn apply(&mut self, requests: &[Request]) -> Result<(), NetlinkError> {
        let mut run = Run {
            socket: &mut self.socket,
            namespace: &self.namespace,
            pending: Vec::new(),
            indexes: HashMap::new(),
            refused: Vec::new(),
            far_ends: Vec::new(),
        };
        for (position, request) in requests.iter().enumerate() {
            run.add(position, request)?;
        }
        run.flush()?;
        run.set_far_ends_up()?;
        let mut refused = run.refused;
        refused.sort_by_key(|refusal| refusal.index);
        // What a request of several messages was refused for first is the cause of the rest.
        refused.dedup_by_key(|refusal| refusal.index);
        if refused.is_empty() { Ok(()) } else { Err(NetlinkError::Refused(Refusals(refused))) }
    }

    /// All links, by index.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        link::list(&mut self.socket)
    }

    /// The link of that name, if there is one.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        Ok(self.links()?.into_iter().find(|link| link.name == name))
    }

    /// What the link of that name has counted since it was made, if there is one.
    pub fn statistics(&mut self, device: &str) -> Result<Option<LinkStatistics>, NetlinkError> {
        statistics::get(&mut self.socket, device)
    }

    /// All addresses, sorted.
    pub fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let names = self.names()?;
        address::list(&mut self.socket, &names)
    }

    /// The routes of all tables but `local`, sorted, without those that the kernel made by itself for an address.
    pub fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let names = self.names()?;
        route::list(&mut self.socket, &names)
    }

    /// All next hops that are objects of their own, and all resilient groups.
    pub fn next_hops(&mut self) -> Result<NextHops, NetlinkError> {
        let names = self.names()?;
        next_hop::list(&mut self.socket, &names)
    }

    /// All rules that look up a table, sorted by priority.
    pub fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError> {
        rule::list(&mut self.socket)
    }

    /// All permanent neighbours, sorted.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError> {
        let names = self.names()?;
        neighbour::list(&mut self.socket, &names)
    }

    /// The static entries of all bridges and VXLAN devices, sorted; not those that belong to the devices' own addresses.
    pub fn fdb(&mut self) -> Result<Vec<FdbEntry>, NetlinkError> {
        let links = self.links()?;
        fdb::list(&mut self.socket, &links)
    }

    /// The filters of a device that [`Request::PutFilter`] makes, ingress first; none when there is no such device.
    pub fn filters(&mut self, device: &str) -> Result<Vec<InstalledFilter>, NetlinkError> {
        match link::index_of(&mut self.socket, device)? {
            Ok(index) => installed_filter::list(&mut self.socket, index),
            Err(answer) if answer.errno == libc_errno::NODEV => Ok(Vec::new()),
            Err(answer) => Err(NetlinkError::List {
                what: "filters",
                detail: Detail(answer.text),
                source: std::io::Error::from_raw_os_error(answer.errno),
            }),
        }
    }

    fn names(&mut self) -> Result<DeviceNames, NetlinkError> {
        DeviceNames::read(&mut self.socket)
    }
}

/// Which index is which device, for one listing.
#[derive(Default)]
struct DeviceNames(HashMap<u32, String>);

impl DeviceNames {
    fn read(socket: &mut RouteSocket) -> Result<Self, NetlinkError> {
        Ok(Self(link::list(socket)?.into_iter().map(|link| (link.index, link.name)).collect()))
    }

    /// A device that came after the names were read is called by its number.
    fn get(&self, index: u32) -> String {
        self.0.get(&index).cloned().unwrap_or_else(|| format!("if{index}"))
    }
}

/// The most messages that are sent at once: their acknowledgements must fit into the socket's receive buffer.
const BATCH: usize = 128;

/// One call of [`Netlink::apply`].
struct Run<'a> {
    socket: &'a mut RouteSocket,
    namespace: &'a NetNs,
    /// Encoded, not yet sent.
    pending: Vec<(usize, String, Encoded)>,
    /// Indexes of devices that this run has asked for.
    indexes: HashMap<String, u32>,
    refused: Vec<Refusal>,
    /// Ends of veth pairs in other namespaces that are to be up, with the place of their request.
    far_ends: Vec<(NetNs, String, usize)>,
}

impl Run<'_> {
    fn add(&mut self, position: usize, request: &Request) -> Result<(), NetlinkError> {
        for device in request.devices() {
            if let Err(refusal) = self.look_up(device)? {
                if request.tolerates_missing_device()
                    && refusal.source.raw_os_error() == Some(libc_errno::NODEV)
                {
                    return Ok(());
                }
                self.refused.push(Refusal { index: position, operation: request.to_string(), ..refusal });
                return Ok(());
            }
        }
        for encoded in request.encode(&self.indexes) {
            self.pending.push((position, request.to_string(), encoded));
        }
        if let Request::PutFilter(filter) = request {
            self.delete_other_kind(position, filter)?;
        }
        if let Request::AddLink(NewLink::Veth(_, other)) = request {
            self.remember_up(position, other);
        }
        if request.renumbers() {
            self.indexes.clear();
        }
        if self.pending.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// A hook keeps what it has until the new filter is there.
    fn delete_other_kind(&mut self, position: usize, filter: &Filter) -> Result<(), NetlinkError> {
        self.flush()?;
        if self.refused.iter().all(|refusal| refusal.index != position) {
            let index = self.indexes.get(&filter.device).copied().unwrap_or_default();
            let operation = Request::PutFilter(filter.clone()).to_string();
            self.pending.push((position, operation, filter.encode_delete_other_kind(index)));
        }
        Ok(())
    }

    /// The kernel cannot make a pair with its second end up: that end would go up before it has a peer (ENOTCONN).
    fn remember_up(&mut self, position: usize, end: &VethEnd) {
        match &end.namespace {
            _ if !end.up => {}
            Some(namespace) if namespace != self.namespace => {
                self.far_ends.push((namespace.clone(), end.name.clone(), position));
            }
            _ => {
                let operation = Request::set_up(&end.name).to_string();
                self.pending.push((position, operation, request::set_up_by_name(&end.name)));
            }
        }
    }

    /// Nothing in the run can depend on them, so they come last, namespace by namespace.
    fn set_far_ends_up(&mut self) -> Result<(), NetlinkError> {
        let mut far_ends = std::mem::take(&mut self.far_ends);
        far_ends.retain(|(_, _, position)| self.refused.iter().all(|refusal| refusal.index != *position));
        far_ends.sort();
        for same in far_ends.chunk_by(|one, next| one.0 == next.0) {
            let requests: Vec<Request> = same.iter().map(|(_, name, _)| Request::set_up(name)).collect();
            match Netlink::open(&same[0].0)?.apply(&requests) {
                Err(NetlinkError::Refused(Refusals(refusals))) => {
                    let here = |refusal: Refusal| Refusal { index: same[refusal.index].2, ..refusal };
                    self.refused.extend(refusals.into_iter().map(here));
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Learns the index of `device`; requests that came before, which may have made it, are carried out first.
    fn look_up(&mut self, device: &str) -> Result<Result<(), Refusal>, NetlinkError> {
        if self.indexes.contains_key(device) {
            return Ok(Ok(()));
        }
        self.flush()?;
        Ok(match link::index_of(self.socket, device)? {
            Ok(index) => {
                self.indexes.insert(device.to_owned(), index);
                Ok(())
            }
            Err(answer) => Err(refusal(answer)),
        })
    }

    fn flush(&mut self) -> Result<(), NetlinkError> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let messages: Vec<(Outgoing, u16)> = pending
            .iter()
            .map(|(_, _, encoded)| (encoded.message.clone(), encoded.flags | NLM_F_REQUEST | NLM_F_ACK))
            .collect();
        let answers = self.socket.send_all(messages)?;
        for ((index, operation, encoded), answer) in pending.into_iter().zip(answers) {
            if !answer.is_ok() && !encoded.tolerated.contains(&answer.errno) {
                self.refused.push(Refusal { index, operation, ..refusal(answer) });
            }
        }
        Ok(())
    }
}

fn refusal(answer: Answer) -> Refusal {
    Refusal {
        index: 0,
        operation: String::new(),
        detail: Detail(answer.text),
        source: std::io::Error::from_raw_os_error(answer.errno),
    }
}
