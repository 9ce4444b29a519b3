//! The unified flows, read for people and forgotten with their port.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use goal_state::NicId;
use goal_state::data_path::{FlowTable, UnifiedFlow};
use linux_net::bpf::Map;

use super::OffloadError;
use super::records::{FlowKey, FlowRecord, PortRecord, is_of_host};

type Ports = BTreeMap<u16, PortRecord>;

/// The flows of the ports with these numbers, sorted.
pub(super) fn list(
    map: &Map,
    ports: &Ports,
    numbers: &BTreeMap<u32, NicId>,
) -> Result<Vec<UnifiedFlow>, OffloadError> {
    let now = linux_net::clock::monotonic_ns();
    let mut flows = Vec::new();
    for (key, value) in map.entries()? {
        let (key, flow) = decode(&key, &value)?;
        if let Some(nic) = numbers.get(&key.port) {
            let port = u16::try_from(key.port).ok().and_then(|number| ports.get(&number));
            flows.push(describe(nic, key, flow, port, now));
        }
    }
    flows.sort_by(|a, b| (&a.nic, a.direction, a.packet).cmp(&(&b.nic, b.direction, b.packet)));
    Ok(flows)
}

fn decode(key: &[u8], value: &[u8]) -> Result<(FlowKey, FlowRecord), OffloadError> {
    FlowKey::from_bytes(key).zip(FlowRecord::from_bytes(value)).ok_or(OffloadError::Layout("flows"))
}

fn describe(nic: &NicId, key: FlowKey, flow: FlowRecord, port: Option<&PortRecord>, now: u64) -> UnifiedFlow {
    let since = |time: u64| now.saturating_sub(time) / 1000;
    UnifiedFlow {
        nic: nic.clone(),
        direction: key.direction,
        packet: key.packet,
        next_hop: flow.next_hop,
        packets: flow.packets,
        bytes: flow.bytes,
        age_us: since(flow.learnt),
        idle_us: since(flow.used),
        generation: flow.generation,
        current: port.is_some_and(|port| port.generation == flow.generation),
    }
}

/// How full the table is, as the ports of one host have counted.
pub(super) fn table(map: &Map, ports: &Ports, host: Ipv4Addr) -> FlowTable {
    let of_host = ports.values().filter(|port| is_of_host(port.network, host));
    let empty = FlowTable { capacity: u64::from(map.capacity()), ..FlowTable::default() };
    of_host.fold(empty, |sum, port| FlowTable {
        learnt: sum.learnt + port.learnt,
        refused: sum.refused + port.refused,
        ..sum
    })
}

/// Removes the flows of a port that ends, before another one gets its number.
pub(super) fn forget(map: &Map, port: u16) -> Result<(), OffloadError> {
    for (key, value) in map.entries()? {
        if decode(&key, &value)?.0.port == u32::from(port) {
            map.remove(&key)?;
        }
    }
    Ok(())
}
