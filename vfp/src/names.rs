//! What things are called in the kernel. A name is the mark by which an object is known as ours.

use goal_state::{MacAddr, NicId, VmName, Vni};

/// The device in a port's namespace that leads to the guest.
pub const GUEST: &str = "guest";
/// The device in a port's namespace that leads to the host's bridge.
pub const UPLINK: &str = "up0";
/// The device in the port's namespace of an accelerated NIC that leads to the guest's VF, while there is one.
pub const VF: &str = "vf";
/// The device of a station in a virtual network.
pub const INSIDE: &str = "inside";
/// The device of a station in the internet.
pub const OUTSIDE: &str = "outside";
/// The host's device on the underlay. Made by the controller, never touched here.
pub const UNDERLAY: &str = "underlay0";

/// The namespace of a VM.
#[must_use]
pub fn vm_namespace(vm: &VmName) -> String {
    format!("vm-{vm}")
}

/// The namespace of a NIC's port.
#[must_use]
pub fn port_namespace(nic: &NicId) -> String {
    format!("port-{}-{}", nic.vm, nic.nic)
}

/// The namespace of a region's router.
#[must_use]
pub fn router_namespace(region: &str) -> String {
    format!("router-{}", in_a_file_name(region))
}

/// The namespace of a NAT gateway.
#[must_use]
pub fn nat_gateway_namespace(gateway: &str) -> String {
    format!("nat-{}", in_a_file_name(gateway))
}

/// The namespace of a frontend of a load balancer. Azure's names have no `+`.
#[must_use]
pub fn frontend_namespace(balancer: &str, frontend: &str) -> String {
    format!("lb-{}+{}", in_a_file_name(balancer), in_a_file_name(frontend))
}

/// The namespace from which the backends of a virtual network are probed.
#[must_use]
pub fn prober_namespace(vni: Vni) -> String {
    format!("prober-{vni}")
}

/// What names may have and files' may not.
fn in_a_file_name(name: &str) -> String {
    let allowed = |c: char| if c == '/' || c == '\0' { '_' } else { c };
    name.chars().map(allowed).collect()
}

/// Whether a namespace is a station's.
#[must_use]
pub fn is_station(namespace: &str) -> bool {
    ["router-", "nat-", "lb-", "prober-"].into_iter().any(|kind| namespace.starts_with(kind))
}

/// The bridge of a virtual network on a host.
#[must_use]
pub fn bridge(vni: Vni) -> String {
    format!("br{vni}")
}

/// The VXLAN device of a virtual network on a host.
#[must_use]
pub fn vxlan(vni: Vni) -> String {
    format!("vx{vni}")
}

/// The TAP device of a virtual network on a host: what is to be encrypted goes there, and what was comes from there.
#[must_use]
pub fn encryptor(vni: Vni) -> String {
    format!("enc{vni}")
}

/// The host's end of a port or of a station's leg: `p` and the six digits of the Ethernet address's serial number.
#[must_use]
pub fn host_port(mac: MacAddr) -> String {
    format!("p{:06x}", mac.serial())
}

/// The guest's device of the NIC with this index in its VM.
#[must_use]
pub fn guest_device(index: usize) -> String {
    format!("eth{index}")
}

/// The guest's VF of the NIC with this index in its VM, named as Linux names a PCI function: each NIC's is on a bus of its own.
#[must_use]
pub fn vf_device(index: usize) -> String {
    format!("enP{}s1np0", index + 1)
}

/// Whether a device in a host's namespace is the VXLAN device of a virtual network, or the one of its encryption.
#[must_use]
pub fn is_tunnel(device: &str) -> bool {
    ["vx", "enc"].into_iter().filter_map(|kind| device.strip_prefix(kind)).any(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a device in a host's namespace bears one of our names.
#[must_use]
pub fn is_ours_on_host(device: &str) -> bool {
    let serial = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_tunnel(device)
        || device.strip_prefix("br").is_some_and(is_number)
        || device.strip_prefix('p').is_some_and(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel_and_are_known_again() {
        let last = Vni::new(0xff_ffff).unwrap();
        for name in [
            bridge(last),
            vxlan(last),
            encryptor(last),
            host_port(MacAddr([0, 0x0d, 0x3a, 0xff, 0xff, 0xff])),
        ] {
            assert!(name.len() <= 15, "{name}");
            assert!(is_ours_on_host(&name), "{name}");
        }
        for foreign in ["lo", UNDERLAY, "br0x", "br", "vxlan0", "enc", "enc1x", "p1", "eth0", "private"] {
            assert!(!is_ours_on_host(foreign), "{foreign}");
        }
        assert_eq!((vf_device(0).as_str(), vf_device(1).as_str()), ("enP1s1np0", "enP2s1np0"));
    }
}
