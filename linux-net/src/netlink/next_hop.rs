//! Next hops that are objects of their own, and groups of them whose flows stay where they are (resilient).
//!
//! A group has buckets. What the namespace's `net.ipv4.fib_multipath_hash_policy` makes of a packet chooses a bucket, and each bucket has one
//! of the group's next hops. When the next hops change, only as many buckets change hands as must:
//! <https://www.kernel.org/doc/html/latest/networking/nexthop-group-resilient.html>.

use std::fmt;
use std::net::Ipv4Addr;

use super::socket::{Outgoing, RouteSocket};
use super::{DeviceNames, NetlinkError};
use crate::nlmsg::{self, NESTED, push_attribute};

/// `RTM_NEWNEXTHOP` and its neighbours (linux/rtnetlink.h).
const NEW: u16 = 104;
const DELETE: u16 = 105;
const GET: u16 = 106;

/// Attributes (linux/nexthop.h).
const ID: u16 = 1;
const GROUP: u16 = 2;
const GROUP_TYPE: u16 = 3;
const DEVICE: u16 = 5;
const GATEWAY: u16 = 6;
const RESILIENT: u16 = 12;
const BUCKETS: u16 = 1;
const IDLE_TIMER: u16 = 2;

const TYPE_RESILIENT: u16 = 1;
const FAMILY_IPV4: u8 = 2;
const PROTOCOL_STATIC: u8 = 4;
const FLAG_ONLINK: u32 = 4;
/// `struct nhmsg`: family, scope, protocol, reserved, flags.
const HEADER: usize = 8;
/// `struct nexthop_grp`: number, weight less one, reserved.
const MEMBER: usize = 8;
/// The kernel tells timers in hundredths of a second (`USER_HZ`).
const TICKS_PER_SECOND: u32 = 100;

/// `ip nexthop replace id ID via GATEWAY dev DEVICE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHop {
    /// Its number, not 0. Groups have theirs from the same numbers.
    pub id: u32,
    /// Its address.
    pub gateway: Ipv4Addr,
    /// The device on which it is.
    pub device: String,
    /// Take it for a neighbour although no prefix of the device has it.
    pub onlink: bool,
}

/// `ip nexthop replace id ID group MEMBER/MEMBER/... type resilient`. All members are of one weight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResilientGroup {
    /// Its number, not 0. Next hops have theirs from the same numbers.
    pub id: u32,
    /// The numbers of its next hops; never empty. When one of them is deleted, it leaves the group, and its buckets change hands at once;
    /// with the last one the group is deleted, and so are the routes to it.
    pub members: Vec<u32>,
    /// How many buckets. Cannot be changed.
    pub buckets: u16,
    /// Seconds without a packet after which a bucket may be given to a next hop that has too few. 0: at once.
    pub idle_timer_s: u32,
}

/// What a namespace has of both, each sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextHops {
    /// Those that are no groups.
    pub single: Vec<NextHop>,
    /// Resilient groups.
    pub groups: Vec<ResilientGroup>,
}

impl NextHop {
    pub(super) fn encode(&self, index: u32) -> Outgoing {
        let mut payload = header(FAMILY_IPV4, if self.onlink { FLAG_ONLINK } else { 0 });
        push_attribute(&mut payload, ID, &self.id.to_ne_bytes());
        push_attribute(&mut payload, DEVICE, &index.to_ne_bytes());
        push_attribute(&mut payload, GATEWAY, &self.gateway.octets());
        Outgoing::Raw { kind: NEW, payload }
    }
}

impl ResilientGroup {
    pub(super) fn encode(&self) -> Outgoing {
        let mut payload = header(0, 0);
        push_attribute(&mut payload, ID, &self.id.to_ne_bytes());
        let member = |id: &u32| [id.to_ne_bytes(), [0; 4]].concat();
        push_attribute(&mut payload, GROUP, &self.members.iter().flat_map(member).collect::<Vec<_>>());
        push_attribute(&mut payload, GROUP_TYPE, &TYPE_RESILIENT.to_ne_bytes());
        let mut settings = Vec::new();
        push_attribute(&mut settings, BUCKETS, &self.buckets.to_ne_bytes());
        push_attribute(&mut settings, IDLE_TIMER, &(self.idle_timer_s * TICKS_PER_SECOND).to_ne_bytes());
        push_attribute(&mut payload, RESILIENT | NESTED, &settings);
        Outgoing::Raw { kind: NEW, payload }
    }
}

/// Of a next hop or a group.
pub(super) fn encode_delete(id: u32) -> Outgoing {
    let mut payload = header(0, 0);
    push_attribute(&mut payload, ID, &id.to_ne_bytes());
    Outgoing::Raw { kind: DELETE, payload }
}

/// Only what is added says who made it.
fn header(family: u8, flags: u32) -> Vec<u8> {
    let protocol = if family == 0 && flags == 0 { 0 } else { PROTOCOL_STATIC };
    let mut bytes = vec![family, 0, protocol, 0];
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes
}

pub(super) fn list(socket: &mut RouteSocket, names: &DeviceNames) -> Result<NextHops, NetlinkError> {
    let question = Outgoing::Raw { kind: GET, payload: header(0, 0) };
    let mut found = NextHops::default();
    for payload in socket.dump_raw("next hops", &question, NEW)? {
        match decode(&payload, names) {
            Some(Found::Single(single)) => found.single.push(single),
            Some(Found::Group(group)) => found.groups.push(group),
            None => {}
        }
    }
    found.single.sort();
    found.groups.sort();
    Ok(found)
}

enum Found {
    Single(NextHop),
    Group(ResilientGroup),
}

/// `None` for the kinds that are not made here.
fn decode(payload: &[u8], names: &DeviceNames) -> Option<Found> {
    let flags = u32::from_ne_bytes(payload.get(4..HEADER)?.try_into().ok()?);
    let attribute = |wanted| {
        nlmsg::attributes(&payload[HEADER..]).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    };
    let id = number(attribute(ID)?)?;
    if let Some(members) = attribute(GROUP) {
        let setting = |wanted| {
            nlmsg::attributes(attribute(RESILIENT)?).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
        };
        return Some(Found::Group(ResilientGroup {
            id,
            members: members.chunks_exact(MEMBER).map(number).collect::<Option<_>>()?,
            buckets: u16::from_ne_bytes(setting(BUCKETS)?.try_into().ok()?),
            idle_timer_s: number(setting(IDLE_TIMER)?)? / TICKS_PER_SECOND,
        }));
    }
    let octets: [u8; 4] = attribute(GATEWAY)?.try_into().ok()?;
    Some(Found::Single(NextHop {
        id,
        gateway: octets.into(),
        device: names.get(number(attribute(DEVICE)?)?),
        onlink: flags & FLAG_ONLINK != 0,
    }))
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let onlink = if self.onlink { " onlink" } else { "" };
        write!(f, "id {} via {} dev {}{onlink}", self.id, self.gateway, self.device)
    }
}

impl fmt::Display for ResilientGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.iter().map(u32::to_string).collect::<Vec<_>>().join("/");
        write!(
            f,
            "id {} group {members} type resilient buckets {} idle_timer {}",
            self.id, self.buckets, self.idle_timer_s
        )
    }
}
