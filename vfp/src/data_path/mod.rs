//! The two ways of an accelerated NIC: the synthetic device, which is always there, and the VF, which comes and goes.
//!
//! | file | idea |
//! |---|---|
//! | [`machine`] | the switch: states, events and actions. Pure |
//! | [`bond`] | where the two devices are |
//! | `steering` | the filters that lead packets to the VF, as values |
//! | `driver` | carries out actions in the kernel |
//! | `drain` | waiting until nothing is under way on a VF |
//! | [`nic`] | a NIC's switch, driven |

pub mod bond;
mod drain;
mod driver;
pub mod machine;
pub mod nic;
mod steering;

pub use bond::Bond;
pub use driver::DataPathError;
pub use nic::{BondedNic, Context};
