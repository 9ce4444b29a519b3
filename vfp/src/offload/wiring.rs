//! Which program is on which device.
//!
//! Only what differs is put: a second time nothing is done.

use std::collections::BTreeMap;

use goal_state::vm::NetworkInterface;
use goal_state::{MacAddr, NicId};
use linux_net::netlink::{Filter, FilterAction, NetlinkError, Request, TcHook};
use linux_net::{NetNs, Netlink};

use super::ports::Ports;
use super::{Offload, OffloadError, OffloadProgram};
use crate::names::{self, GUEST, UPLINK};

/// The highest index that a device can have; none has it.
const NO_DEVICE: u32 = i32::MAX as u32;

/// The index of a port's `up0`.
pub(super) fn uplink(nic: &NicId) -> Result<u32, OffloadError> {
    let mut netlink = Netlink::open(&NetNs::open(&names::port_namespace(nic))?)?;
    Ok(netlink.link(UPLINK)?.map_or(0, |link| link.index))
}

/// The programs of ports that carry packets and learn flows. The one on `vf` comes and goes with the VF.
pub(super) fn connect(
    offload: &Offload,
    ports: &Ports,
    nics: &[(NicId, &NetworkInterface)],
) -> Result<(), OffloadError> {
    for (id, nic) in nics {
        let Some(number) = ports.number(nic.mac) else { continue };
        let filter = |device, hook, program| bpf(offload, device, hook, program, number);
        let wanted = [
            filter(UPLINK, TcHook::Ingress, OffloadProgram::PortInbound),
            filter(UPLINK, TcHook::Egress, OffloadProgram::LearnOutbound),
            filter(GUEST, TcHook::Egress, OffloadProgram::LearnInbound),
        ];
        put(&mut Netlink::open(&NetNs::open(&names::port_namespace(id))?)?, &wanted)?;
    }
    Ok(())
}

/// Takes the programs off a port that is no longer accelerated.
pub(super) fn disconnect(nic: &NicId) -> Result<(), OffloadError> {
    let mut netlink = Netlink::open(&NetNs::open(&names::port_namespace(nic))?)?;
    let hooks = [(UPLINK, TcHook::Ingress), (UPLINK, TcHook::Egress), (GUEST, TcHook::Egress)];
    let delete = |(device, hook): (&str, TcHook)| Request::DeleteFilter { device: device.into(), hook };
    Ok(netlink.apply(&hooks.map(delete))?)
}

/// The host's side.
pub(super) struct Switch {
    netlink: Netlink,
    indexes: BTreeMap<String, u32>,
}

impl Switch {
    /// Of the calling thread's namespace.
    pub(super) fn open() -> Result<Self, OffloadError> {
        let mut netlink = Netlink::open_in_this_thread()?;
        let indexes = netlink.links()?.into_iter().map(|link| (link.name, link.index)).collect();
        Ok(Self { netlink, indexes })
    }

    /// The index of a device; 0, which is no device's, when it is not there.
    pub(super) fn index(&self, device: &str) -> u32 {
        self.indexes.get(device).copied().unwrap_or(0)
    }

    /// The index of the device by which a NIC's packets go to be encrypted; 0 when they never do.
    pub(super) fn encryptor(&self, nic: &NetworkInterface) -> u32 {
        match self.index(&names::encryptor(nic.port.vni)) {
            _ if nic.encryption_port.is_none() => 0,
            // It could not be made: what goes there is dropped, and not sent in clear.
            0 => NO_DEVICE,
            index => index,
        }
    }

    /// The programs on the host's ends of accelerated ports, and on the VXLAN and TAP devices of their networks.
    pub(super) fn connect(
        &mut self,
        offload: &Offload,
        ports: &Ports,
        nics: &[(NicId, &NetworkInterface)],
    ) -> Result<(), OffloadError> {
        let mut wanted = BTreeMap::new();
        for (_, nic) in nics {
            let Some(number) = ports.number(nic.mac) else { continue };
            for device in [names::host_port(nic.mac), names::vxlan(nic.port.vni)] {
                let filter = bpf(offload, &device, TcHook::Ingress, OffloadProgram::HostSwitch, number);
                // A tunnel has the first one's number.
                wanted.entry(device).or_insert(filter);
            }
            let device = names::encryptor(nic.port.vni);
            if nic.encryption_port.is_some() && self.index(&device) != 0 {
                let filter = bpf(offload, &device, TcHook::Ingress, OffloadProgram::EncryptionEnd, number);
                wanted.entry(device).or_insert(filter);
            }
        }
        if !wanted.is_empty() {
            let action =
                FilterAction::Bpf { program: offload.program(OffloadProgram::TunnelEnd), class_id: 0 };
            let filter = Filter { device: names::UNDERLAY.into(), hook: TcHook::Ingress, action };
            wanted.insert(names::UNDERLAY.into(), filter);
        }
        put(&mut self.netlink, &wanted.into_values().collect::<Vec<_>>())
    }

    /// Takes the programs off the host's tunnels. Those on ports have gone before.
    pub(super) fn withdraw(&mut self) -> Result<(), OffloadError> {
        let is_tunnel = |device: &&String| names::is_tunnel(device) || *device == names::UNDERLAY;
        let delete =
            |device: &String| Request::DeleteFilter { device: device.clone(), hook: TcHook::Ingress };
        let requests = self.indexes.keys().filter(is_tunnel).map(delete).collect::<Vec<_>>();
        Ok(self.netlink.apply(&requests)?)
    }

    /// Takes the program off a port that is no longer accelerated.
    pub(super) fn disconnect(&mut self, mac: MacAddr) -> Result<(), OffloadError> {
        let delete = Request::DeleteFilter { device: names::host_port(mac), hook: TcHook::Ingress };
        Ok(self.netlink.apply(&[delete])?)
    }
}

/// A program on a device of a port, or of its host.
pub(super) fn bpf(
    offload: &Offload,
    device: &str,
    hook: TcHook,
    program: OffloadProgram,
    number: u16,
) -> Filter {
    let action = FilterAction::Bpf { program: offload.program(program), class_id: u32::from(number) };
    Filter { device: device.to_owned(), hook, action }
}

fn put(netlink: &mut Netlink, wanted: &[Filter]) -> Result<(), OffloadError> {
    let mut requests = Vec::new();
    for filter in wanted {
        if !is_there(netlink, filter)? {
            requests.push(Request::PutFilter(filter.clone()));
        }
    }
    Ok(netlink.apply(&requests)?)
}

fn is_there(netlink: &mut Netlink, filter: &Filter) -> Result<bool, NetlinkError> {
    Ok(netlink.filters(&filter.device)?.iter().any(|installed| installed.is(filter)))
}
