//! The programs' map of ports: each accelerated NIC's number, generation and devices.
//!
//! Agents of several hosts write to the map, each to its own host's ports. A number is claimed by making an entry in the map of owners
//! that was not there, which the kernel does for one of them only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use goal_state::MacAddr;
use linux_net::bpf::Map;

use super::OffloadError;
use super::records::{self, PortRecord, is_of_host};

/// The maps, and which number is whose.
#[derive(Debug)]
pub(super) struct Ports {
    map: Map,
    owners: Map,
    /// As far as this agent has to do with them: an agent knows all that were there when it started, and its own.
    numbers: BTreeMap<MacAddr, u16>,
}

/// Where a port is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// See [`records::network`].
    pub(super) network: u64,
    /// See [`PortRecord`], as the others.
    pub(super) uplink: u32,
    pub(super) tunnel: u32,
    pub(super) device: u32,
    pub(super) underlay: u32,
    pub(super) encryptor: u32,
}

impl Ports {
    /// Finds the ports that an agent before this one has made.
    pub(super) fn read(map: Map, owners: Map) -> Result<Self, OffloadError> {
        let decode = |(key, owner): (Vec<u8>, Vec<u8>)| {
            let number = key.first_chunk().and_then(|key| u16::try_from(u32::from_ne_bytes(*key)).ok());
            records::owner_of(&owner).zip(number).ok_or(OffloadError::Layout("owners"))
        };
        let numbers = owners.entries()?.into_iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Self { map, owners, numbers })
    }

    /// The number of a NIC's port.
    pub(super) fn number(&self, mac: MacAddr) -> Option<u16> {
        self.numbers.get(&mac).copied()
    }

    /// Whose number that is.
    pub(super) fn mac(&self, number: u16) -> Option<MacAddr> {
        self.numbers.iter().find(|(_, other)| **other == number).map(|(mac, _)| *mac)
    }

    /// The ports that this agent has to do with.
    pub(super) fn records(&self) -> Result<BTreeMap<u16, PortRecord>, OffloadError> {
        self.numbers.values().map(|number| Ok((*number, self.read_one(*number)?))).collect()
    }

    /// Numbers of this host's ports but those of the NICs that are `present`.
    pub(super) fn others(&self, host: Ipv4Addr, present: &BTreeSet<MacAddr>) -> Vec<u16> {
        let is_other =
            |number: &u16| self.read_one(*number).is_ok_and(|record| is_of_host(record.network, host));
        let absent = self.numbers.iter().filter(|(mac, _)| !present.contains(mac));
        absent.map(|(_, number)| *number).filter(is_other).collect()
    }

    /// Gives a NIC's port a number, if it has none, and notes where it is. A new port is suspended.
    pub(super) fn settle(&mut self, mac: MacAddr, place: Place) -> Result<(), OffloadError> {
        let number = match self.number(mac) {
            Some(number) if self.owner(number)? == Some(mac) => number,
            // Another host had the NIC when this agent started, and has let go of it since.
            _ => self.claim(mac)?,
        };
        self.change(number, |record| {
            let Place { network, uplink, tunnel, device, underlay, encryptor } = place;
            *record = PortRecord { network, uplink, tunnel, device, underlay, encryptor, mac, ..*record };
        })
    }

    fn owner(&self, number: u16) -> Result<Option<MacAddr>, OffloadError> {
        Ok(self.owners.lookup(&key(number))?.and_then(|owner| records::owner_of(&owner)))
    }

    /// The first free number from the one that the NIC's address suggests, so that agents seldom meet. What had it before has
    /// left its last generation, and nothing else.
    fn claim(&mut self, mac: MacAddr) -> Result<u16, OffloadError> {
        let suggested = mac.serial() as u16;
        let numbers =
            (0..=u16::MAX).map(|offset| suggested.wrapping_add(offset)).filter(|number| *number != 0);
        for number in numbers {
            if self.owners.insert(&key(number), &records::owner(mac))? {
                self.numbers.insert(mac, number);
                return Ok(number);
            }
        }
        Err(OffloadError::NoNumber(mac))
    }

    /// Nothing knows the port any more.
    pub(super) fn remove(&mut self, number: u16) -> Result<(), OffloadError> {
        self.change(number, |record| *record = PortRecord::vacant(record.last_generation))?;
        self.owners.remove(&key(number))?;
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
        let before = self.read_one(number)?;
        let mut after = before;
        change(&mut after);
        if after != before {
            self.map.update(&key(number), &after.to_bytes())?;
        }
        Ok(())
    }

    fn read_one(&self, number: u16) -> Result<PortRecord, OffloadError> {
        let value = self.map.lookup(&key(number))?.unwrap_or_default();
        PortRecord::from_bytes(&value).ok_or(OffloadError::Layout("ports"))
    }
}

fn key(number: u16) -> [u8; 4] {
    u32::from(number).to_ne_bytes()
}
