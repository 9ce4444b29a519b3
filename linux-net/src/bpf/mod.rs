//! BPF: an object file is loaded once for all processes of a sandbox, and its programs and maps are pinned.
//!
//! [`Object`] is what a compiler made of one C file, in the kernel. A [`Program`] is put on a device by
//! [`Request::PutFilter`](crate::netlink::Request); a [`Map`] is what programs and their users share, as raw bytes.
//!
//! Only programs of tc (`SEC("classifier")`) are loaded. All of it needs CAP_BPF and CAP_NET_ADMIN of the machine: root's, not
//! that of a user namespace's root.

mod error;
mod map;
mod object;
mod own_mounts;
mod pins;
mod probe;
pub mod program;
mod sys;

pub use error::BpfError;
pub use map::{Entry, Map};
pub use object::Object;
pub use pins::is_loaded;
pub(crate) use probe::{idle_program, try_mounting};
pub use program::Program;
