//! Rights that a process and its children give up.

use caps::CapSet;

use super::SandboxError;

pub use caps::Capability;

/// What a process must not have that shall not leave its namespaces, load code into the kernel or change the machine.
pub const CONFINING: [Capability; 9] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_SYS_MODULE,
    Capability::CAP_SYS_BOOT,
    Capability::CAP_SYS_TIME,
    Capability::CAP_SYS_RAWIO,
    Capability::CAP_MAC_ADMIN,
    Capability::CAP_MAC_OVERRIDE,
    Capability::CAP_BPF,
];

/// No program that the calling thread starts from now on can have these; the thread itself keeps them.
pub fn drop_from_bounding_set(capabilities: &[Capability]) -> Result<(), SandboxError> {
    drop_from(&[CapSet::Bounding], capabilities)
}

/// Neither the calling thread nor any program that it starts from now on has these.
pub fn drop_everywhere(capabilities: &[Capability]) -> Result<(), SandboxError> {
    // The bounding set first: changing it needs CAP_SETPCAP, which may be among them.
    drop_from(
        &[CapSet::Bounding, CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted],
        capabilities,
    )
}

fn drop_from(sets: &[CapSet], capabilities: &[Capability]) -> Result<(), SandboxError> {
    for set in sets {
        for capability in capabilities {
            drop_one(*set, *capability).map_err(|error| SandboxError::Capability {
                capability: capability.to_string(),
                source: Box::new(error),
            })?;
        }
    }
    Ok(())
}

fn drop_one(set: CapSet, capability: Capability) -> Result<(), caps::errors::CapsError> {
    // What is not there (an older kernel does not know it) need not be dropped.
    if caps::has_cap(None, set, capability)? { caps::drop(None, set, capability) } else { Ok(()) }
}
