//! The filters that a device has.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirrorOption, TcActionOption, TcAttribute, TcFilterBpfOption,
    TcFilterU32Option, TcMessage, TcMirror, TcMirrorActionType, TcOption,
};

use super::filter::{Filter, FilterAction, Kind, TcHook};
use super::socket::RouteSocket;
use super::{DeviceNames, NetlinkError};

/// A filter as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstalledFilter {
    /// Where.
    pub hook: TcHook,
    /// What happens there.
    pub action: InstalledAction,
}

/// What an installed filter does; see [`FilterAction`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstalledAction {
    /// Every IPv4 packet goes to another device.
    Redirect {
        /// The other device; empty when it is gone, and the packets are dropped.
        device: String,
        /// Received by it, or sent by it.
        hook: TcHook,
    },
    /// Every packet goes through a program.
    Bpf {
        /// [`Program::id`](crate::bpf::Program::id) of the program.
        program_id: u32,
        /// The name that the program had when the filter was made.
        name: String,
        /// The class id.
        class_id: u32,
    },
}

impl InstalledFilter {
    /// Whether it does what `filter` does, on the same hook. The device is the one that was asked.
    pub fn is(&self, filter: &Filter) -> bool {
        let same_action = match (&self.action, &filter.action) {
            (
                InstalledAction::Redirect { device, hook },
                FilterAction::Redirect { device: wanted_device, hook: wanted_hook },
            ) => device == wanted_device && hook == wanted_hook,
            (
                InstalledAction::Bpf { program_id, class_id, .. },
                FilterAction::Bpf { program, class_id: wanted_class },
            ) => *program_id == program.id() && class_id == wanted_class,
            _ => false,
        };
        self.hook == filter.hook && same_action
    }
}

pub(super) fn list(
    socket: &mut RouteSocket,
    index: u32,
    names: &DeviceNames,
) -> Result<Vec<InstalledFilter>, NetlinkError> {
    let mut filters = Vec::new();
    for hook in [TcHook::Ingress, TcHook::Egress] {
        let mut question = TcMessage::with_index(index as i32);
        question.header.parent = hook.parent();
        let answers = socket.dump("filters", &RouteNetlinkMessage::GetTrafficFilter(question))?;
        filters.extend(answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewTrafficFilter(message) => decode(message, index, hook, names),
            _ => None,
        }));
    }
    Ok(filters)
}

/// `None` for filters that are not ours, and for the tables in which the kernel keeps them.
fn decode(message: &TcMessage, index: u32, hook: TcHook, names: &DeviceNames) -> Option<InstalledFilter> {
    let options = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    })?;
    let is_ours = |kind: Kind| {
        let ours = kind.header(index, hook).header;
        (ours.handle, ours.info) == (message.header.handle, message.header.info)
    };
    let action = if is_ours(Kind::Bpf) {
        decode_bpf(options)?
    } else if is_ours(Kind::Redirect) {
        decode_redirect(options, names)?
    } else {
        return None;
    };
    Some(InstalledFilter { hook, action })
}

fn decode_bpf(options: &[TcOption]) -> Option<InstalledAction> {
    let (mut id, mut program_name, mut class) = (None, String::new(), 0);
    for option in options {
        match option {
            TcOption::Bpf(TcFilterBpfOption::ProgId(number)) => id = Some(*number),
            TcOption::Bpf(TcFilterBpfOption::ProgName(text)) => program_name = text.clone(),
            TcOption::Bpf(TcFilterBpfOption::ClassId(number)) => class = u32::from(*number),
            _ => {}
        }
    }
    Some(InstalledAction::Bpf { program_id: id?, name: program_name, class_id: class })
}

fn decode_redirect(options: &[TcOption], names: &DeviceNames) -> Option<InstalledAction> {
    let actions = options.iter().find_map(|option| match option {
        TcOption::U32(TcFilterU32Option::Action(actions)) => Some(actions),
        _ => None,
    })?;
    let mirror = actions.iter().find_map(mirror)?;
    let hook = match mirror.eaction {
        TcMirrorActionType::IngressRedir => TcHook::Ingress,
        TcMirrorActionType::EgressRedir => TcHook::Egress,
        _ => return None,
    };
    let device = if mirror.ifindex == 0 { String::new() } else { names.get(mirror.ifindex) };
    Some(InstalledAction::Redirect { device, hook })
}

fn mirror(action: &TcAction) -> Option<&TcMirror> {
    action.attributes.iter().find_map(|attribute| match attribute {
        TcActionAttribute::Options(options) => options.iter().find_map(|option| match option {
            TcActionOption::Mirror(TcActionMirrorOption::Parms(mirror)) => Some(mirror),
            _ => None,
        }),
        _ => None,
    })
}
