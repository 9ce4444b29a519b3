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

/// The filters of the device `index`. A host has hundreds of devices: their names are asked for only where a redirect has to
/// name one.
pub(super) fn list(socket: &mut RouteSocket, index: u32) -> Result<Vec<InstalledFilter>, NetlinkError> {
    let mut ours = Vec::new();
    for hook in [TcHook::Ingress, TcHook::Egress] {
        let mut question = TcMessage::with_index(index as i32);
        question.header.parent = hook.parent();
        for answer in socket.dump("filters", &RouteNetlinkMessage::GetTrafficFilter(question))? {
            if let RouteNetlinkMessage::NewTrafficFilter(message) = answer
                && let Some(kind) = kind(&message, index, hook)
            {
                ours.push((hook, kind, message));
            }
        }
    }
    let names = match ours.iter().any(|(_, kind, _)| *kind == Kind::Redirect) {
        true => DeviceNames::read(socket)?,
        false => DeviceNames::default(),
    };
    let decoded = ours.iter().filter_map(|(hook, kind, message)| {
        Some(InstalledFilter { hook: *hook, action: decode(*kind, message, &names)? })
    });
    Ok(decoded.collect())
}

/// `None` for filters that are not ours.
fn kind(message: &TcMessage, index: u32, hook: TcHook) -> Option<Kind> {
    [Kind::Bpf, Kind::Redirect].into_iter().find(|kind| {
        let ours = kind.header(index, hook).header;
        (ours.handle, ours.info) == (message.header.handle, message.header.info)
    })
}

/// `None` for the tables in which the kernel keeps filters.
fn decode(kind: Kind, message: &TcMessage, names: &DeviceNames) -> Option<InstalledAction> {
    let options = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    })?;
    match kind {
        Kind::Bpf => decode_bpf(options),
        Kind::Redirect => decode_redirect(options, names),
    }
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
