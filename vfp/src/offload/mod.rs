//! The SmartNIC: BPF programs that carry known flows of accelerated NICs past the software layers of port and host.
//!
//! ```text
//! guest ═ VF ─► unified flow table of the port ─► switch of the host ─► unified flow table of the port ─► VF ═ guest
//!                    │ miss        ▲ learnt             │ else                │ miss        ▲ learnt
//!                    ▼             │                    ▼                     ▼             │
//!                  rules, routes of the port ────► bridge, VXLAN ────► rules of the port ───┘
//! ```
//!
//! The programs (`bpf/*.c`) decide nothing: they repeat for a flow's later packets what the layers have decided about its first.
//! Each port's policy has a generation, and a flow that was learnt under another one is not known. While a policy is being changed
//! the port is suspended: [`Offload::suspend`], the change, [`Offload::resume`].
//!
//! Programs and maps are loaded once on a machine and shared by the agents of all its hosts. They are pinned, and filters belong
//! to devices, so packets and flows do not notice when an agent dies; the next one finds everything again.
//! Everything here is quick and blocks; calls exclude each other.

mod flows;
mod ports;
mod records;
mod wiring;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goal_state::data_path::{FlowTable, UnifiedFlow};
use goal_state::vm::NetworkInterface;
use goal_state::{HostGoalState, MacAddr, NicId, VmName};
use linux_net::bpf::{BpfError, Map, Object, Program};
use linux_net::netlink::{Filter, NetlinkError, TcHook};
use linux_net::netns::NetNsError;

use crate::names;
use ports::Ports;

/// Made from `bpf/offload.c` by `make bpf`.
static OBJECT: &[u8] = include_bytes!("../../bpf/offload.bpf.o");

/// Why something is not offloaded.
#[derive(Debug, thiserror::Error)]
pub enum OffloadError {
    /// Programs or maps.
    #[error("BPF")]
    Bpf(#[from] BpfError),
    /// Filters.
    #[error("filters")]
    Netlink(#[from] NetlinkError),
    /// A namespace could not be visited.
    #[error("network namespace")]
    Namespace(#[from] NetNsError),
    /// There are more ports than numbers.
    #[error("no number is left for the port of {0}")]
    NoNumber(MacAddr),
    /// An entry of a map is not what the programs lay out.
    #[error("an entry of the map {0} has another layout")]
    Layout(&'static str),
}

/// The programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffloadProgram {
    /// On the guest's synthetic device, egress: to the VF whose index is the class id.
    GuestEgress,
    /// On a port's `vf`, ingress.
    PortOutbound,
    /// On a port's `up0`, ingress.
    PortInbound,
    /// On a port's `up0`, egress.
    LearnOutbound,
    /// On a port's `guest`, egress.
    LearnInbound,
    /// On the host's end of a port and on VXLAN devices, ingress.
    HostSwitch,
    /// On the host's device on the underlay, ingress. It needs no class id.
    TunnelEnd,
    /// On the TAP devices of encryption, ingress.
    EncryptionEnd,
}

impl OffloadProgram {
    const ALL: [Self; 8] = [
        Self::GuestEgress,
        Self::PortOutbound,
        Self::PortInbound,
        Self::LearnOutbound,
        Self::LearnInbound,
        Self::HostSwitch,
        Self::TunnelEnd,
        Self::EncryptionEnd,
    ];

    /// The function in `bpf/`.
    fn function(self) -> &'static str {
        match self {
            Self::GuestEgress => "guest_egress",
            Self::PortOutbound => "port_outbound",
            Self::PortInbound => "port_inbound",
            Self::LearnOutbound => "learn_outbound",
            Self::LearnInbound => "learn_inbound",
            Self::HostSwitch => "host_switch",
            Self::TunnelEnd => "tunnel_end",
            Self::EncryptionEnd => "encryption_end",
        }
    }
}

/// The SmartNIC's programs and maps, open.
#[derive(Debug)]
pub struct Offload {
    programs: Vec<Program>,
    nics: Map,
    flows: Map,
    /// Locked during every change.
    ports: Mutex<Ports>,
}

impl Offload {
    /// Opens what is pinned in `folder`, or loads and pins it there: that takes some 30 ms.
    ///
    /// # Errors
    /// When the kernel refuses: not root, or too old.
    pub fn open(folder: &Path) -> Result<Arc<Self>, OffloadError> {
        let object = Object::open(folder, OBJECT)?;
        let programs = OffloadProgram::ALL.map(|program| object.program(program.function()));
        Ok(Arc::new(Self {
            programs: programs.into_iter().collect::<Result<_, _>>()?,
            nics: object.map("nics")?,
            flows: object.map("flows")?,
            ports: Mutex::new(Ports::read(object.map("ports")?, object.map("owners")?)?),
        }))
    }

    /// A program, for a filter.
    #[must_use]
    pub fn program(&self, which: OffloadProgram) -> Program {
        // In the order of the variants.
        self.programs[which as usize].clone()
    }

    /// The filter on a port's `vf`; none when the NIC's port is not known, because [`Self::resume`] has not been called with it.
    #[must_use]
    pub fn vf_filter(&self, nic: &NetworkInterface) -> Option<Filter> {
        let number = self.ports().number(nic.mac)?;
        Some(wiring::bpf(self, names::VF, TcHook::Ingress, OffloadProgram::PortOutbound, number))
    }

    /// From now on all packets of the host's ports take the software way, and nothing is learnt. To be called before a change
    /// of policy.
    ///
    /// # Errors
    /// When the kernel refuses. Then nothing may be changed unless the filters are taken off.
    pub fn suspend(&self, goal: &HostGoalState) -> Result<(), OffloadError> {
        self.ports().suspend(goal.provider_address)
    }

    /// Known flows of the host's accelerated NICs are carried again: under a new generation when something has `changed`, else
    /// those that were known before are known still. Makes the host's filters and entries what `goal` says, and removes those of NICs that
    /// are gone.
    ///
    /// The calling thread is in the host's namespace, and the namespaces of `goal` are there.
    ///
    /// # Errors
    /// When the kernel refuses; ports that are not done then go on in software.
    pub fn resume(&self, goal: &HostGoalState, changed: bool) -> Result<(), OffloadError> {
        let mut ports = self.ports();
        let mut switch = wiring::Switch::open()?;
        let accelerated = accelerated(goal);
        for (id, nic) in &accelerated {
            let place = ports::Place {
                network: records::network(goal.provider_address, nic.port.vni),
                uplink: wiring::uplink(id)?,
                tunnel: switch.index(&names::vxlan(nic.port.vni)),
                device: switch.index(&names::host_port(nic.mac)),
                underlay: switch.index(names::UNDERLAY),
                encryptor: switch.encryptor(nic),
            };
            ports.settle(nic.mac, place)?;
            if !may_skip_inbound(nic) {
                ports.set_vf(nic.mac, 0)?;
            }
        }
        self.plug(goal, &switch, &ports)?;
        wiring::connect(self, &ports, &accelerated)?;
        switch.connect(self, &ports, &accelerated)?;
        let present = accelerated.iter().map(|(_, nic)| nic.mac).collect();
        for number in ports.others(goal.provider_address, &present) {
            self.disconnect(goal, &mut switch, &mut ports, number)?;
        }
        ports.resume(goal.provider_address, changed)
    }

    /// Known inbound flows of a NIC go by the device with this index in its port's namespace, the port's side of the VF; or, with
    /// none, by software to the synthetic device.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_vf(&self, nic: &NetworkInterface, vf_index: Option<u32>) -> Result<(), OffloadError> {
        self.ports().set_vf(nic.mac, vf_index.filter(|_| may_skip_inbound(nic)).unwrap_or(0))
    }

    /// The unified flows of a VM of `goal`, and how full the table is.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn flows(
        &self,
        goal: &HostGoalState,
        vm: &VmName,
    ) -> Result<(Vec<UnifiedFlow>, FlowTable), OffloadError> {
        let ports = self.ports();
        let of_vm = accelerated(goal).into_iter().filter(|(id, _)| id.vm == *vm);
        let numbers = of_vm.filter_map(|(id, nic)| Some((u32::from(ports.number(nic.mac)?), id))).collect();
        let records = ports.records()?;
        drop(ports);
        let table = flows::table(&self.flows, &records, goal.provider_address);
        Ok((flows::list(&self.flows, &records, &numbers)?, table))
    }

    /// Takes all filters of the host off that [`Self::resume`] has made, and forgets its NICs: everything goes by software.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn withdraw(&self, goal: &HostGoalState) -> Result<(), OffloadError> {
        let mut ports = self.ports();
        let mut switch = wiring::Switch::open()?;
        for number in ports.others(goal.provider_address, &BTreeSet::new()) {
            self.disconnect(goal, &mut switch, &mut ports, number)?;
        }
        switch.withdraw()?;
        self.unplug(goal, &BTreeSet::new())
    }

    /// Tells the host's switch where its NICs are, accelerated or not.
    fn plug(&self, goal: &HostGoalState, switch: &wiring::Switch, ports: &Ports) -> Result<(), OffloadError> {
        let mut present = BTreeSet::new();
        for nic in goal.virtual_machines.iter().flat_map(|vm| &vm.network_interfaces) {
            let device = switch.index(&names::host_port(nic.mac));
            let network = records::network(goal.provider_address, nic.port.vni);
            let port = ports.number(nic.mac).map_or(0, u32::from);
            let encrypts = nic.encryption_port.is_some();
            let record = records::NicRecord { network, device, port, mac: nic.mac, encrypts }.to_bytes();
            let key = nic.mac.serial().to_ne_bytes();
            if self.nics.lookup(&key)?.as_ref() != Some(&record) {
                self.nics.update(&key, &record)?;
            }
            present.insert(nic.mac);
        }
        self.unplug(goal, &present)
    }

    /// Forgets the host's NICs but those that are `present`.
    fn unplug(&self, goal: &HostGoalState, present: &BTreeSet<MacAddr>) -> Result<(), OffloadError> {
        for (key, record) in self.nics.entries()? {
            let record = records::NicRecord::from_bytes(&record).ok_or(OffloadError::Layout("nics"))?;
            if records::is_of_host(record.network, goal.provider_address) && !present.contains(&record.mac) {
                self.nics.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Ends a port that is gone, or no longer accelerated. Its number is free when nothing is known by it.
    fn disconnect(
        &self,
        goal: &HostGoalState,
        switch: &mut wiring::Switch,
        ports: &mut Ports,
        number: u16,
    ) -> Result<(), OffloadError> {
        let Some(mac) = ports.mac(number) else { return Ok(()) };
        ports.set_vf(mac, 0)?;
        if let Some((id, _)) = interfaces(goal).find(|(_, nic)| nic.mac == mac) {
            wiring::disconnect(&id)?;
        }
        switch.disconnect(mac)?;
        flows::forget(&self.flows, number)?;
        ports.remove(number)
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn interfaces(goal: &HostGoalState) -> impl Iterator<Item = (NicId, &NetworkInterface)> {
    goal.virtual_machines.iter().flat_map(|vm| {
        vm.network_interfaces.iter().map(|nic| (NicId { vm: vm.name.clone(), nic: nic.name.clone() }, nic))
    })
}

/// Whether a packet was forwarded shows in its Ethernet address, which is no part of a flow's key: where a peering refuses forwarded
/// traffic, each has to be looked at.
fn may_skip_inbound(nic: &NetworkInterface) -> bool {
    nic.port.forwarded_traffic_refused.is_empty()
}

fn accelerated(goal: &HostGoalState) -> Vec<(NicId, &NetworkInterface)> {
    interfaces(goal).filter(|(_, nic)| nic.accelerated).collect()
}
