//! A filter of traffic control: what happens to the packets that a device receives or sends.
//!
//! A hook (a device's ingress or egress, of its clsact qdisc) has one filter. It belongs to the device, so it works on when
//! the process that made it is gone, and while the device goes down, up and by another name. It ends when the device is
//! deleted, and when it moves to another namespace.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirror, TcActionMirrorOption, TcActionOption, TcActionType,
    TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcFilterU32, TcFilterU32Option, TcHandle,
    TcMessage, TcMirror, TcMirrorActionType, TcOption, TcU32Selector, TcU32SelectorFlags,
};

use super::error::libc_errno::{EXIST, INVAL, NOENT};
use super::request::Encoded;
use crate::bpf::Program;

/// The kernel cannot replace a filter by one of another kind. So each kind has its own priority: the new filter comes, then
/// the one of the other kind goes, and no packet meets an empty hook.
const BPF_PRIORITY: u16 = 1;
const REDIRECT_PRIORITY: u16 = 2;

const BPF_HANDLE: u32 = 1;
/// `800::1`: the first entry of the only hash table.
const REDIRECT_HANDLE: u32 = 0x8000_0001;

/// Ethernet types (linux/if_ether.h).
const ETH_P_ALL: u16 = 0x0003;
const ETH_P_IP: u16 = 0x0800;

/// Where a packet meets a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcHook {
    /// The device has received the packet; nothing else has seen it but packet sockets.
    Ingress,
    /// The device is about to send it.
    Egress,
}

/// `tc filter replace dev DEVICE HOOK ...`. Device and hook are its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter {
    /// The device's name.
    pub device: String,
    /// Where.
    pub hook: TcHook,
    /// What happens there.
    pub action: FilterAction,
}

/// What a filter does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilterAction {
    /// Every IPv4 packet goes to another device of the namespace; all others pass. (u32 and mirred.)
    ///
    /// While that device is down, without a carrier or gone, be it deleted or in another namespace, the packets are
    /// dropped: whoever takes the device away deletes the filter first.
    Redirect {
        /// The other device.
        device: String,
        /// Received by it, or sent by it.
        hook: TcHook,
    },
    /// Every packet goes through a program of the type `BPF_PROG_TYPE_SCHED_CLS`, and its result is the verdict
    /// (`direct-action`).
    Bpf {
        /// The program.
        program: Program,
        /// What the program reads as `tc_classid` of its `__sk_buff`; there are only 16 bits, so it sees the lower half.
        class_id: u32,
    },
}

impl TcHook {
    pub(super) fn parent(self) -> TcHandle {
        let minor = match self {
            Self::Ingress => TcHandle::MIN_INGRESS,
            Self::Egress => TcHandle::MIN_EGRESS,
        };
        TcHandle { minor, ..TcHandle::CLSACT }
    }
}

/// Both kinds, as they are told apart in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bpf,
    Redirect,
}

impl Kind {
    /// The filter of this kind on a hook of the device `index`.
    pub(super) fn header(self, index: u32, hook: TcHook) -> TcMessage {
        let (priority, protocol, handle) = match self {
            Self::Bpf => (BPF_PRIORITY, ETH_P_ALL, BPF_HANDLE),
            Self::Redirect => (REDIRECT_PRIORITY, ETH_P_IP, REDIRECT_HANDLE),
        };
        let mut message = TcMessage::with_index(index as i32);
        message.header.parent = hook.parent();
        message.header.handle = TcHandle::from(handle);
        message.header.info = u32::from(priority) << 16 | u32::from(protocol.to_be());
        message
    }

    /// Without kind and options, so the kernel removes whatever has this priority and handle.
    fn delete(self, index: u32, hook: TcHook) -> Encoded {
        Encoded {
            message: RouteNetlinkMessage::DelTrafficFilter(self.header(index, hook)).into(),
            flags: 0,
            // EINVAL: the device has no clsact qdisc.
            tolerated: &[NOENT, INVAL],
        }
    }
}

impl Filter {
    /// All devices that it names.
    pub(super) fn devices(&self) -> Vec<&str> {
        match &self.action {
            FilterAction::Redirect { device, .. } => vec![&self.device, device],
            FilterAction::Bpf { .. } => vec![&self.device],
        }
    }

    /// The qdisc, then the filter.
    pub(super) fn encode_put(&self, index: impl Fn(&str) -> u32) -> Vec<Encoded> {
        let mut message = self.kind().header(index(&self.device), self.hook);
        let (name, options) = match &self.action {
            FilterAction::Redirect { device, hook } => (TcFilterU32::KIND, redirect(index(device), *hook)),
            FilterAction::Bpf { program, class_id } => (TcFilterBpf::KIND, bpf(program, *class_id)),
        };
        message.attributes = vec![TcAttribute::Kind(name.to_owned()), TcAttribute::Options(options)];
        let put = Encoded {
            message: RouteNetlinkMessage::NewTrafficFilter(message).into(),
            flags: NLM_F_CREATE | NLM_F_REPLACE,
            tolerated: &[],
        };
        vec![clsact(index(&self.device)), put]
    }

    /// Removes what was on the hook before, if it was of the other kind; to be done once the filter is there.
    pub(super) fn encode_delete_other_kind(&self, index: u32) -> Encoded {
        let other = match self.kind() {
            Kind::Bpf => Kind::Redirect,
            Kind::Redirect => Kind::Bpf,
        };
        other.delete(index, self.hook)
    }

    fn kind(&self) -> Kind {
        match self.action {
            FilterAction::Redirect { .. } => Kind::Redirect,
            FilterAction::Bpf { .. } => Kind::Bpf,
        }
    }
}

/// Leaves a hook without a filter.
pub(super) fn encode_delete(index: u32, hook: TcHook) -> Vec<Encoded> {
    [Kind::Bpf, Kind::Redirect].map(|kind| kind.delete(index, hook)).into()
}

/// Both hooks, where the kernel knows this qdisc.
pub(super) fn encode_hooks_if_any(index: u32) -> Encoded {
    Encoded { tolerated: &[EXIST, NOENT], ..clsact(index) }
}

/// The qdisc that has the two hooks and no queue.
fn clsact(index: u32) -> Encoded {
    let mut message = TcMessage::with_index(index as i32);
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { minor: 0, ..TcHandle::CLSACT };
    message.attributes = vec![TcAttribute::Kind("clsact".to_owned())];
    Encoded {
        message: RouteNetlinkMessage::NewQueueDiscipline(message).into(),
        flags: NLM_F_CREATE | NLM_F_EXCL,
        tolerated: &[EXIST],
    }
}

fn bpf(program: &Program, class_id: u32) -> Vec<TcOption> {
    [
        TcFilterBpfOption::ClassId(TcHandle::from(class_id)),
        TcFilterBpfOption::ProgFd(program.as_fd().as_raw_fd() as u32),
        TcFilterBpfOption::ProgName(program.name().to_owned()),
        TcFilterBpfOption::Flags(TcBpfFlags::DirectAction),
    ]
    .map(TcOption::Bpf)
    .into()
}

/// A selector without keys matches every packet.
fn redirect(index: u32, hook: TcHook) -> Vec<TcOption> {
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    let mut mirror = TcMirror::default();
    mirror.generic.action = TcActionType::Stolen;
    mirror.ifindex = index;
    mirror.eaction = match hook {
        TcHook::Ingress => TcMirrorActionType::IngressRedir,
        TcHook::Egress => TcMirrorActionType::EgressRedir,
    };
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.to_owned()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror))]),
    ];
    [TcFilterU32Option::Selector(selector), TcFilterU32Option::Action(vec![action])].map(TcOption::U32).into()
}

impl fmt::Display for TcHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dev {} {} ", self.device, self.hook)?;
        match &self.action {
            FilterAction::Redirect { device, hook } => write!(f, "redirect to {hook} of {device}"),
            FilterAction::Bpf { program, class_id } => {
                write!(f, "bpf {} classid {class_id:#x}", program.name())
            }
        }
    }
}
