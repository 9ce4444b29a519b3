//! The programs' map of ports: each accelerated NIC's number, generation and devices.
//!
//! Agents of several hosts write to the map, each to its own host's ports. A number is claimed by making an entry that was not
//! there, which the kernel does for one of them only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::MacAddr;
use goal_state::vm::NetworkInterface;
use linux_net::bpf::Map;

use super::OffloadError;
use super::records::{PortRecord, is_of_host};

/// The map, and which number is whose.
#[derive(Debug)]
pub(super) struct Ports {
    map: Map,
    numbers: BTreeMap<MacAddr, u16>,
}

impl Ports {
    /// Finds the ports that an agent before this one has made.
    pub(super) fn read(map: Map) -> Result<Self, OffloadError> {
        let mut ports = Self { map, numbers: BTreeMap::new() };
        ports.numbers = ports.records()?.into_iter().map(|(number, record)| (record.mac, number)).collect();
        Ok(ports)
    }

    /// The number of a NIC's port.
    pub(super) fn number(&self, mac: MacAddr) -> Option<u16> {
        self.numbers.get(&mac).copied()
    }

    /// Whose number that is.
    pub(super) fn mac(&self, number: u16) -> Option<MacAddr> {
        self.numbers.iter().find(|(_, other)| **other == number).map(|(mac, _)| *mac)
    }

    /// Everything that is in the map, also of other hosts.
    pub(super) fn records(&self) -> Result<BTreeMap<u16, PortRecord>, OffloadError> {
        let decode = |(key, value): (Vec<u8>, Vec<u8>)| {
            let number = key.first_chunk().map(|key| u32::from_ne_bytes(*key));
            let number = number.and_then(|number| u16::try_from(number).ok());
            number.zip(PortRecord::from_bytes(&value)).ok_or(OffloadError::Layout("ports"))
        };
        self.map.entries()?.into_iter().map(decode).collect()
    }

    /// Numbers of this host's ports but those of the NICs that are `present`.
    pub(super) fn others(&self, host: Ipv4Addr, present: &BTreeSet<MacAddr>) -> Vec<u16> {
        let is_other = |number: &u16| {
            self.read_one(*number).ok().flatten().is_some_and(|record| is_of_host(record.network, host))
        };
        let absent = self.numbers.iter().filter(|(mac, _)| !present.contains(mac));
        absent.map(|(_, number)| *number).filter(is_other).collect()
    }

    /// Gives a NIC's port a number, if it has none, and notes its devices. A new port is suspended.
    pub(super) fn settle(
        &mut self,
        nic: &NetworkInterface,
        network: u64,
        uplink: u32,
        tunnel: u32,
    ) -> Result<(), OffloadError> {
        let number = match self.number(nic.mac) {
            Some(number) => number,
            None => self.claim(nic.mac, network)?,
        };
        self.change(number, |record| {
            (record.network, record.uplink, record.tunnel) = (network, uplink, tunnel)
        })
    }

    /// The first free number from the one that the NIC's address suggests, so that agents seldom meet.
    fn claim(&mut self, mac: MacAddr, network: u64) -> Result<u16, OffloadError> {
        let record = PortRecord {
            generation: 0,
            last_generation: 0,
            uplink: 0,
            vf: 0,
            tunnel: 0,
            network,
            learnt: 0,
            refused: 0,
            mac,
        };
        let suggested = mac.serial() as u16;
        for offset in 0..u16::MAX {
            let number = suggested.wrapping_add(offset);
            if self.map.insert(&key(number), &record.to_bytes())? {
                self.numbers.insert(mac, number);
                return Ok(number);
            }
        }
        Err(OffloadError::NoNumber(mac))
    }

    /// Nothing may know the number any more.
    pub(super) fn remove(&mut self, number: u16) -> Result<(), OffloadError> {
        self.map.remove(&key(number))?;
        self.numbers.retain(|_, other| *other != number);
        Ok(())
    }

    /// A port that is not known has no flows either.
    pub(super) fn set_vf(&self, mac: MacAddr, vf: u32) -> Result<(), OffloadError> {
        match self.number(mac) {
            Some(number) => self.change(number, |record| record.vf = vf),
            None => Ok(()),
        }
    }

    /// Suspends the host's ports.
    pub(super) fn suspend(&self, host: Ipv4Addr) -> Result<(), OffloadError> {
        self.change_all(host, |record| record.generation = 0)
    }

    /// Ends the suspension.
    pub(super) fn resume(&self, host: Ipv4Addr, changed: bool) -> Result<(), OffloadError> {
        self.change_all(host, |record| {
            if changed || record.last_generation == 0 {
                // 0 is none.
                record.last_generation = record.last_generation.wrapping_add(1).max(1);
            }
            record.generation = record.last_generation;
        })
    }

    fn change_all(&self, host: Ipv4Addr, change: impl Fn(&mut PortRecord)) -> Result<(), OffloadError> {
        for number in self.others(host, &BTreeSet::new()) {
            self.change(number, &change)?;
        }
        Ok(())
    }

    /// The programs count in the entry meanwhile; a count that is lost is not missed.
    fn change(&self, number: u16, change: impl FnOnce(&mut PortRecord)) -> Result<(), OffloadError> {
        let Some(before) = self.read_one(number)? else { return Ok(()) };
        let mut after = before;
        change(&mut after);
        if after != before {
            self.map.update(&key(number), &after.to_bytes())?;
        }
        Ok(())
    }

    fn read_one(&self, number: u16) -> Result<Option<PortRecord>, OffloadError> {
        let Some(value) = self.map.lookup(&key(number))? else { return Ok(None) };
        PortRecord::from_bytes(&value).map(Some).ok_or(OffloadError::Layout("ports"))
    }
}

fn key(number: u16) -> [u8; 4] {
    u32::from(number).to_ne_bytes()
}
