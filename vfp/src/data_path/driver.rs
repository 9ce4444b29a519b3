//! Carries out a data path's actions in the kernel. Whatever is so already is left as it is.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use goal_state::MacAddr;
use goal_state::data_path::DeviceCounters;
use linux_net::netlink::{
    Filter, InstalledAction, InstalledFilter, Link, LinkChange, LinkStatistics, NetlinkError, NewLink,
    Request, TcHook, VethEnd,
};
use linux_net::netns::NetNsError;
use linux_net::{NetNs, Netlink};

use super::bond::Bond;
use super::drain;
use super::machine::{self, Action, Event, Observation};
use super::steering::{self, Side};
use crate::lower::MTU;
use crate::names::{GUEST, VF};
use crate::offload::{Offload, OffloadError};

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum DataPathError {
    /// The VM's or the port's namespace cannot be entered.
    #[error("network namespace")]
    Namespace(#[from] NetNsError),
    /// The kernel refused a device or a filter.
    #[error("devices and filters")]
    Netlink(#[from] NetlinkError),
    /// The flow table cannot be told.
    #[error("flow table")]
    Offload(#[from] OffloadError),
    /// Somebody has taken it away just now.
    #[error("the VF is not there")]
    NoVf,
}

/// The kernel's side of one NIC.
pub(super) struct Driver<'a> {
    bond: &'a Bond,
    offload: Option<&'a Offload>,
    places: [NetNs; 2],
    vm: Netlink,
    port: Netlink,
    /// What has been seen of the VF's ends, and of filters, and not been changed since.
    ends: Option<Option<[Link; 2]>>,
    filters: BTreeMap<(Side, String), Vec<InstalledFilter>>,
    /// The index of `vf` in the port's namespace.
    pub(super) vf_index: Option<u32>,
    /// How many kernel objects were made, changed or removed.
    pub(super) changes: u32,
    /// What VFs that were removed had carried.
    pub(super) carried: DeviceCounters,
    /// What the present one had carried at least.
    pub(super) seen: DeviceCounters,
}

impl<'a> Driver<'a> {
    pub(super) fn open(bond: &'a Bond, offload: Option<&'a Offload>) -> Result<Self, DataPathError> {
        let (vm, port) = (NetNs::open(&bond.vm_namespace())?, NetNs::open(&bond.port_namespace())?);
        Ok(Self {
            bond,
            offload,
            vm: Netlink::open(&vm)?,
            port: Netlink::open(&port)?,
            places: [vm, port],
            ends: None,
            filters: BTreeMap::new(),
            vf_index: None,
            changes: 0,
            carried: DeviceCounters::default(),
            seen: DeviceCounters::default(),
        })
    }

    pub(super) fn observe(&mut self) -> Result<Observation, DataPathError> {
        let ends = self.ends()?;
        let (side, receiving) = steering::guest_receiving(self.bond);
        let receives = self.installed(side, &receiving.device)?.iter().any(|filter| filter.is(&receiving));
        let sends = |filter: &InstalledFilter| filter.hook == TcHook::Egress;
        let outbound = self.installed(Side::Vm, &self.bond.synthetic())?.iter().any(sends);
        let redirects = |filter: &InstalledFilter| {
            sends(filter) && matches!(filter.action, InstalledAction::Redirect { .. })
        };
        // The offload's tables are told in any case.
        let inbound = match self.offload {
            Some(_) => outbound,
            None => self.installed(Side::Port, GUEST)?.iter().any(redirects),
        };
        Ok(Observation {
            vf: ends.is_some(),
            up: ends.is_some_and(|[vm, port]| vm.up && port.up),
            receiving: receives,
            outbound,
            inbound,
        })
    }

    /// What has become of a VF that carries packets: lost, if it cannot any more. Its index was `known`.
    pub(super) fn look_after(&mut self, known: u32) -> Result<Option<Event>, DataPathError> {
        Ok(match self.ends()? {
            Some([vm, port]) if port.index == known => {
                (!vm.up || !port.up).then_some(Event::VfLost(machine::DOWN))
            }
            _ => Some(Event::VfLost(machine::GONE)),
        })
    }

    /// What comes of it at once. [`Action::Tell`] is for others.
    pub(super) fn carry_out(&mut self, action: Action) -> Result<Option<Event>, DataPathError> {
        match action {
            Action::MakeVf => self.make()?,
            Action::BringUp => {
                self.bring_up()?;
                return Ok(Some(Event::VfUp));
            }
            Action::PrepareReceiving => self.prepare_receiving()?,
            Action::SwitchOutbound => {
                let [vf, _] = self.ends()?.ok_or(DataPathError::NoVf)?;
                self.put(steering::outbound(self.bond, vf.index, self.offload))?;
            }
            Action::SwitchInbound => {
                self.switch_inbound()?;
                return Ok(Some(Event::Switched));
            }
            Action::SwitchBack => self.switch_back()?,
            Action::Drain => {
                drain::wait(&mut self.port)?;
                return Ok(Some(Event::Drained));
            }
            Action::Remove => {
                self.remove()?;
                return Ok(Some(Event::Removed));
            }
            Action::Tell(_) => {}
        }
        Ok(None)
    }

    /// The VF in the VM, and its other end in the port; none unless they are one pair.
    fn ends(&mut self) -> Result<Option<[Link; 2]>, DataPathError> {
        if let Some(ends) = &self.ends {
            return Ok(ends.clone());
        }
        let (vm, port) = (self.vm.link(&self.bond.vf())?, self.port.link(VF)?);
        let joined = vm
            .zip(port)
            .filter(|(vm, port)| vm.peer_index == Some(port.index) && port.peer_index == Some(vm.index));
        self.vf_index = joined.as_ref().map(|(_, port)| port.index);
        let ends = joined.map(|(vm, port)| [vm, port]);
        self.ends = Some(ends.clone());
        Ok(ends)
    }

    fn installed(&mut self, side: Side, device: &str) -> Result<&[InstalledFilter], DataPathError> {
        let netlink = match side {
            Side::Vm => &mut self.vm,
            Side::Port => &mut self.port,
        };
        match self.filters.entry((side, device.to_owned())) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(netlink.filters(device)?)),
        }
    }

    /// A change has been tried: what has been seen is not so any more.
    fn forget(&mut self) {
        self.ends = None;
        self.filters.clear();
    }

    fn make(&mut self) -> Result<(), DataPathError> {
        if self.ends()?.is_some() {
            return Ok(());
        }
        self.forget();
        // An end that leads elsewhere is in the way.
        self.vm.apply(&[Request::DeleteLink(self.bond.vf())])?;
        let end = |place: &NetNs, name: String, mac: MacAddr| VethEnd {
            namespace: Some(place.clone()),
            name,
            mac: Some(linux_net::MacAddr(mac.0)),
            mtu: MTU,
            up: false,
            arp: false,
        };
        let [vm, port] = &self.places;
        let link = NewLink::Veth(
            end(vm, self.bond.vf(), self.bond.nic.mac),
            end(port, VF.to_owned(), MacAddr::GATEWAY),
        );
        self.port.apply(&[Request::DeleteLink(VF.to_owned()), Request::AddLink(link)])?;
        self.changes += 1;
        Ok(())
    }

    fn bring_up(&mut self) -> Result<(), DataPathError> {
        let [vm, port] = self.ends()?.ok_or(DataPathError::NoVf)?;
        if vm.up && port.up && !vm.arp {
            return Ok(());
        }
        self.forget();
        let up = Request::set_up(&self.bond.vf());
        self.vm.apply(&[Request::set_link(&self.bond.vf(), LinkChange::Arp(false)), up.clone()])?;
        self.port.apply(&[Request::set_up(VF)])?;
        // Asked once more, the kernel notes at once that the other end is up, too; until then packets are lost.
        self.vm.apply(&[up])?;
        self.changes += 1;
        Ok(())
    }

    fn prepare_receiving(&mut self) -> Result<(), DataPathError> {
        match steering::port_receiving(self.bond, self.offload) {
            Some(filter) => self.put(filter)?,
            None => self.clear(Side::Port, VF, TcHook::Ingress)?,
        }
        self.put(steering::guest_receiving(self.bond))
    }

    fn switch_inbound(&mut self) -> Result<(), DataPathError> {
        let Some(offload) = self.offload else { return self.put(steering::inbound()) };
        let [_, vf] = self.ends()?.ok_or(DataPathError::NoVf)?;
        Ok(offload.set_vf(&self.bond.nic, Some(vf.index))?)
    }

    /// The guest's direction first: it has no other way when the VF is gone.
    fn switch_back(&mut self) -> Result<(), DataPathError> {
        self.clear(Side::Vm, &self.bond.synthetic(), TcHook::Egress)?;
        match self.offload {
            Some(offload) => Ok(offload.set_vf(&self.bond.nic, None)?),
            None => self.clear(Side::Port, GUEST, TcHook::Egress),
        }
    }

    fn remove(&mut self) -> Result<(), DataPathError> {
        self.forget();
        let present = self.vm.statistics(&self.bond.vf())?;
        // A half of another pair goes, too.
        self.port.apply(&[Request::DeleteLink(VF.to_owned())])?;
        self.vm.apply(&[Request::DeleteLink(self.bond.vf())])?;
        self.changes += u32::from(present.is_some());
        let last = std::mem::take(&mut self.seen);
        self.carried = sum(self.carried, present.map_or(last, counters));
        self.vf_index = None;
        Ok(())
    }

    fn put(&mut self, (side, filter): (Side, Filter)) -> Result<(), DataPathError> {
        if self.installed(side, &filter.device)?.iter().any(|installed| installed.is(&filter)) {
            return Ok(());
        }
        self.change(side, Request::PutFilter(filter))
    }

    fn clear(&mut self, side: Side, device: &str, hook: TcHook) -> Result<(), DataPathError> {
        if self.installed(side, device)?.iter().all(|installed| installed.hook != hook) {
            return Ok(());
        }
        self.change(side, Request::DeleteFilter { device: device.to_owned(), hook })
    }

    /// Changes a filter.
    fn change(&mut self, side: Side, request: Request) -> Result<(), DataPathError> {
        self.filters.clear();
        match side {
            Side::Vm => self.vm.apply(&[request])?,
            Side::Port => self.port.apply(&[request])?,
        }
        self.changes += 1;
        Ok(())
    }
}

pub(super) fn counters(statistics: LinkStatistics) -> DeviceCounters {
    DeviceCounters {
        rx_packets: statistics.rx_packets,
        rx_bytes: statistics.rx_bytes,
        rx_dropped: statistics.rx_dropped,
        tx_packets: statistics.tx_packets,
        tx_bytes: statistics.tx_bytes,
        tx_dropped: statistics.tx_dropped,
    }
}

pub(super) fn sum(one: DeviceCounters, other: DeviceCounters) -> DeviceCounters {
    DeviceCounters {
        rx_packets: one.rx_packets + other.rx_packets,
        rx_bytes: one.rx_bytes + other.rx_bytes,
        rx_dropped: one.rx_dropped + other.rx_dropped,
        tx_packets: one.tx_packets + other.tx_packets,
        tx_bytes: one.tx_bytes + other.tx_bytes,
        tx_dropped: one.tx_dropped + other.tx_dropped,
    }
}
