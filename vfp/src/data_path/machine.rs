//! The data-path switch of one NIC: when its packets go by the VF, and when by the synthetic device. Pure.
//!
//! ```text
//!             Offer                 VfUp, then Switched
//! synthetic ─────────► vfOffered ───────────────────────► vf
//!     ▲                  │    │                          │  │
//!     │                  │    └──────────┐   ┌───────────┘  │
//!     │ Removed          │ Revoke        │   │ VfLost,      │ Revoke
//!     │                  ▼               │   │ Refused      │
//!     ├────────────── revoking ◄─────────┼───┼──────────────┘
//!     │                  │ Refused       │   │
//!     │                  ▼               ▼   ▼
//!     └─────────────────────── failed ─────────────────► vfOffered
//!         Revoke                               Offer
//! ```
//!
//! A VF arrives as on a real host: the guest is told of the slot, the device appears, it is made ready to receive, and only
//! then the guest sends by it. It leaves in the opposite order: the path goes back first, what is under way on the VF arrives,
//! and then the device goes.
//!
//! What goes wrong:
//! - a step on the way to the VF is refused: back to the synthetic path, and the VF is taken away;
//! - the VF is gone: back to the synthetic path at once, without waiting for anything;
//! - the way back is refused: it is tried once more, and the VF stays as long as it may be in use;
//! - a failed path stays synthetic until somebody offers a VF again.
//!
//! In doubt, packets go the synthetic way. It is always there.

use std::fmt;

use goal_state::DataPath;

/// Why a VF is lost that is not there.
pub(super) const GONE: &str = "the VF has gone";
/// Why a VF is lost that is there.
pub(super) const DOWN: &str = "the VF was set down";

/// What happens to a NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is to have a VF.
    Offer,
    /// The VF is in the VM, and up.
    VfUp,
    /// Packets go by the VF in both directions.
    Switched,
    /// It is to have no VF.
    Revoke,
    /// Nothing is under way on the VF any more.
    Drained,
    /// The VF has been removed.
    Removed,
    /// The VF has gone by itself, or does not carry packets any more; as a sentence.
    VfLost(&'static str),
    /// An action was refused, and why. Those after it were not tried.
    Refused(String),
}

/// What is to be done about it. Each is content when it is so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Make the VF, one end in the VM and one in the port, both down.
    MakeVf,
    /// Bring both ends up. Ends in [`Event::VfUp`].
    BringUp,
    /// What either end of the VF receives is taken in.
    PrepareReceiving,
    /// What the guest sends leaves by the VF.
    SwitchOutbound,
    /// What the port has for the guest leaves by the VF. Ends in [`Event::Switched`].
    SwitchInbound,
    /// Both directions leave by the synthetic device.
    SwitchBack,
    /// Wait until what was sent by the VF has arrived. Ends in [`Event::Drained`].
    Drain,
    /// Remove the VF. Ends in [`Event::Removed`].
    Remove,
    /// Write a line to the guest's kernel log.
    Tell(Line),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MakeVf => "making the VF",
            Self::BringUp => "bringing the VF up",
            Self::PrepareReceiving => "preparing to receive by the VF",
            Self::SwitchOutbound => "switching the guest's packets to the VF",
            Self::SwitchInbound => "switching the port's packets to the VF",
            Self::SwitchBack => "switching back to the synthetic path",
            Self::Drain => "waiting until the VF is quiet",
            Self::Remove => "removing the VF",
            Self::Tell(_) => "telling the guest",
        })
    }
}

/// A line of the guest's kernel log, in the words of Linux's hv_netvsc driver.
/// <https://learn.microsoft.com/azure/virtual-network/accelerated-networking-how-it-works>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// The host offers a VF.
    SlotAdded,
    /// Its device has appeared.
    Registering,
    /// Packets go by it.
    SwitchedToVf,
    /// Packets do not go by it any more.
    SwitchedFromVf,
    /// Its device is about to go.
    Unregistering,
    /// The host has taken it away.
    SlotRemoved,
}

impl Line {
    /// The line for the synthetic device `synthetic`, its VF `vf` and the VF's slot.
    #[must_use]
    pub fn text(self, synthetic: &str, vf: &str, slot: usize) -> String {
        match self {
            Self::SlotAdded => format!("{synthetic}: VF slot {slot} added"),
            Self::Registering => format!("{synthetic}: VF registering: {vf}"),
            Self::SwitchedToVf => format!("{synthetic}: Data path switched to VF: {vf}"),
            Self::SwitchedFromVf => format!("{synthetic}: Data path switched from VF: {vf}"),
            Self::Unregistering => format!("{synthetic}: VF unregistering: {vf}"),
            Self::SlotRemoved => format!("{synthetic}: VF slot {slot} removed"),
        }
    }
}

/// What is there of a NIC's VF, before anything is known about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observation {
    /// Both ends of the VF are there and belong together.
    pub vf: bool,
    /// Both are up.
    pub up: bool,
    /// What the guest's end receives is taken in.
    pub receiving: bool,
    /// What the guest sends leaves by the VF.
    pub outbound: bool,
    /// What the port has for the guest leaves by the VF.
    pub inbound: bool,
}

/// The switch of one NIC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    path: DataPath,
    /// Whether the guest was told of the VF's device, so that it is told of its end, too.
    registered: bool,
    why: Option<String>,
}

impl Machine {
    /// The switch that an earlier one has left behind. What works is taken over as it is; what was begun waits for
    /// [`Event::Offer`] or [`Event::Revoke`]; where the path leads to a VF that is gone, [`Event::VfLost`] is due.
    #[must_use]
    pub fn adopt(observed: Observation) -> (Self, Option<Event>) {
        let Observation { vf, up, receiving, outbound, inbound } = observed;
        let (path, due) = match vf {
            true if up && receiving && outbound && inbound => (DataPath::Vf, None),
            true => (DataPath::VfOffered, None),
            false if outbound || inbound => (DataPath::Vf, Some(Event::VfLost(GONE))),
            false => (DataPath::Synthetic, None),
        };
        (Self { path, registered: path == DataPath::Vf, why: None }, due)
    }

    /// Where packets go.
    #[must_use]
    pub fn path(&self) -> DataPath {
        self.path
    }

    /// Why the path has failed, if it has.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Goes to the next state, and says what is to be done, in this order. What does not fit the state is no news: it
    /// changes nothing.
    pub fn on(&mut self, event: Event) -> Vec<Action> {
        use Action::{
            BringUp, Drain, MakeVf, PrepareReceiving, Remove, SwitchBack, SwitchInbound, SwitchOutbound, Tell,
        };
        match (self.path, event) {
            (DataPath::Synthetic | DataPath::Failed, Event::Offer) => {
                self.go(DataPath::VfOffered);
                vec![Tell(Line::SlotAdded), MakeVf, BringUp]
            }
            // Somebody else has begun.
            (DataPath::VfOffered, Event::Offer) => vec![MakeVf, BringUp],
            // How packets are led may have changed.
            (DataPath::Vf, Event::Offer) => vec![PrepareReceiving, SwitchOutbound, SwitchInbound],
            (DataPath::VfOffered, Event::VfUp) => {
                self.registered = true;
                vec![Tell(Line::Registering), PrepareReceiving, SwitchOutbound, SwitchInbound]
            }
            (DataPath::VfOffered, Event::Switched) => {
                self.go(DataPath::Vf);
                self.registered = true;
                vec![Tell(Line::SwitchedToVf)]
            }
            (DataPath::VfOffered, Event::Revoke) => {
                self.go(DataPath::Revoking);
                vec![SwitchBack, Drain]
            }
            (DataPath::Vf, Event::Revoke) => {
                self.go(DataPath::Revoking);
                vec![SwitchBack, Tell(Line::SwitchedFromVf), Drain]
            }
            (DataPath::Revoking, Event::Drained | Event::VfLost(_)) => self.farewell(vec![]),
            (DataPath::Revoking, Event::Removed) => {
                self.go(DataPath::Synthetic);
                vec![Tell(Line::SlotRemoved)]
            }
            (DataPath::Failed, Event::Revoke) => {
                self.go(DataPath::Synthetic);
                vec![SwitchBack, Remove]
            }
            (DataPath::VfOffered | DataPath::Vf, Event::VfLost(why)) => self.fail(why.to_owned()),
            (DataPath::VfOffered | DataPath::Vf | DataPath::Revoking, Event::Refused(why)) => self.fail(why),
            // What was left of a failed VF cannot be removed.
            (DataPath::Synthetic, Event::Refused(why)) => {
                self.go(DataPath::Failed);
                self.why = Some(why);
                vec![]
            }
            (DataPath::Synthetic, Event::VfUp | Event::Switched | Event::Revoke | Event::Drained)
            | (DataPath::Synthetic, Event::Removed | Event::VfLost(_))
            | (DataPath::VfOffered, Event::Drained | Event::Removed)
            | (DataPath::Vf, Event::VfUp | Event::Switched | Event::Drained | Event::Removed)
            | (DataPath::Revoking, Event::Offer | Event::VfUp | Event::Switched | Event::Revoke)
            | (DataPath::Failed, Event::VfUp | Event::Switched | Event::Drained | Event::Removed)
            | (DataPath::Failed, Event::VfLost(_) | Event::Refused(_)) => vec![],
        }
    }

    fn go(&mut self, path: DataPath) {
        self.path = path;
        self.why = None;
        self.registered &= !matches!(path, DataPath::Synthetic | DataPath::Failed);
    }

    /// To the synthetic path, and the VF goes, if there is one.
    fn fail(&mut self, why: String) -> Vec<Action> {
        let back = match self.path {
            DataPath::Vf => vec![Action::SwitchBack, Action::Tell(Line::SwitchedFromVf)],
            _ => vec![Action::SwitchBack],
        };
        let mut actions = self.farewell(back);
        actions.push(Action::Tell(Line::SlotRemoved));
        self.go(DataPath::Failed);
        self.why = Some(why);
        actions
    }

    /// The VF's device goes; after this the guest has not been told of any.
    fn farewell(&mut self, mut actions: Vec<Action>) -> Vec<Action> {
        if std::mem::take(&mut self.registered) {
            actions.push(Action::Tell(Line::Unregistering));
        }
        actions.push(Action::Remove);
        actions
    }
}

#[cfg(test)]
mod tests;
