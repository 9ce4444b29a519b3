//! Labs as files: where a lab keeps its state, whether it lives, and what it should be.
//!
//! A lab's folder is `$VNETLAB_STATE_DIR/<lab>` (or a default, see [`state_dir`]):
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked by the sandbox's init as long as the lab lives: the truth about "alive" |
//! | `init.pid` | the init's process id as the machine numbers it |
//! | `lab.json` | the wanted network and its generation, replaced atomically |
//! | `control.sock` | the controller |
//! | `agents/<host>.sock` | the agents |
//! | `vms/<vm>.pid` | the VMs' inits as the sandbox numbers them |
//! | `log/*.log` | what they all have to say |

pub(crate) mod folder;
pub(crate) mod lock;
pub(crate) mod name;
pub(crate) mod running;
pub(crate) mod wanted;

pub(crate) use folder::{Folder, state_dir};
pub(crate) use name::LabName;
pub(crate) use running::RunningLab;
pub(crate) use wanted::{Carriage, Wanted};
