//! Frames between hosts go past the switch: a BPF program at every port knows which other port a receiver is behind.
//!
//! It changes how fast frames arrive, and nothing else: the switch is there as before, for ARP's questions and for whoever
//! the program does not know. Where BPF is refused, the switch carries everything.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use linux_net::bpf::{BpfError, Map, Object};
use linux_net::netlink::{Filter, FilterAction, Request, TcHook};
use linux_net::{MacAddr, NetNs, Netlink};

use super::{FABRIC, mac_of, provider_of};

/// Made of bpf/fabric.c by scripts/build-bpf.sh.
const OBJECT: &[u8] = include_bytes!("../../bpf/fabric.bpf.o");
/// Where the program is pinned, on the sandbox's own /run.
const PINS: &str = "/run/bpf/fabric";

/// A port of the switch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    name: String,
    /// Its device's, in the fabric.
    index: u32,
    /// The host's on the other end.
    mac: MacAddr,
}

/// Makes the program know all hosts that are there, or takes it off. Does nothing for what is so already.
///
/// # Errors
/// When the kernel refuses. Then frames that the program does not know go by the switch.
pub(crate) fn shorten(on: bool) -> Result<()> {
    let mut switch = Netlink::open(&NetNs::open(FABRIC)?)?;
    let ports = ports(&mut switch)?;
    // From one host there is nowhere to go.
    if !on || ports.len() < 2 {
        return withdraw(&mut switch, &ports);
    }
    let object = Object::open(Path::new(PINS), OBJECT)?;
    let program = object.program("to_host")?;
    fill(&object.map("ports")?, &ports)?;
    let filter = |port: &Port| Filter {
        device: port.name.clone(),
        hook: TcHook::Ingress,
        action: FilterAction::Bpf { program: program.clone(), class_id: 0 },
    };
    let mut missing = Vec::new();
    for filter in ports.iter().map(filter) {
        if !switch.filters(&filter.device)?.iter().any(|installed| installed.is(&filter)) {
            missing.push(Request::PutFilter(filter));
        }
    }
    Ok(switch.apply(&missing)?)
}

fn ports(switch: &mut Netlink) -> Result<Vec<Port>> {
    let port = |link: linux_net::netlink::Link| {
        let mac = mac_of(provider_of(&link.name)?);
        Some(Port { name: link.name, index: link.index, mac })
    };
    Ok(switch.links()?.into_iter().filter_map(port).collect())
}

fn withdraw(switch: &mut Netlink, ports: &[Port]) -> Result<()> {
    let hook = TcHook::Ingress;
    let mut there = Vec::new();
    for Port { name, .. } in ports {
        if switch.filters(name)?.iter().any(|installed| installed.hook == hook) {
            there.push(Request::DeleteFilter { device: name.clone(), hook });
        }
    }
    Ok(switch.apply(&there)?)
}

/// Makes the map say where these ports are. Hosts that have gone leave first, so that there is room.
fn fill(map: &Map, ports: &[Port]) -> Result<(), BpfError> {
    let mut wanted: BTreeMap<_, _> = ports.iter().map(entry).collect();
    for (key, value) in map.entries()? {
        if wanted.get(&key) == Some(&value) {
            wanted.remove(&key);
        } else if !wanted.contains_key(&key) {
            map.remove(&key)?;
        }
    }
    wanted.iter().try_for_each(|(key, value)| map.update(key, value))
}

/// The C structures: an address in 8 bytes, and the number of a device.
fn entry(port: &Port) -> (Vec<u8>, Vec<u8>) {
    let [a, b, c, d, e, f] = port.mac.0;
    (vec![a, b, c, d, e, f, 0, 0], port.index.to_ne_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_what_the_program_looks_up() {
        let port = Port { name: "h-1".to_owned(), index: 7, mac: MacAddr([2, 0, 198, 18, 0, 1]) };
        assert_eq!(entry(&port), (vec![2, 0, 198, 18, 0, 1, 0, 0], 7_u32.to_ne_bytes().to_vec()));
    }
}
