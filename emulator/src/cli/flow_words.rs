//! Words for flows, as `az` spells them: directions and protocols, in any case.

use clap::ValueEnum;
use goal_state::nsg::Direction;

/// A direction, seen from the VM.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum DirectionWord {
    /// Into the VM.
    #[value(name = "Inbound")]
    Inbound,
    /// Out of the VM.
    #[value(name = "Outbound")]
    Outbound,
}

impl From<DirectionWord> for Direction {
    fn from(word: DirectionWord) -> Self {
        match word {
            DirectionWord::Inbound => Self::Inbound,
            DirectionWord::Outbound => Self::Outbound,
        }
    }
}
