//! Who is in which virtual network, found once for all machines.

use goal_state::MacAddr;

use crate::network::{Network, VmId, VnetId};

/// The machines of each virtual network.
#[derive(Debug)]
pub(super) struct Neighbours {
    by_vnet: Vec<OfVnet>,
}

#[derive(Debug, Clone, Default)]
struct OfVnet {
    machines: Vec<VmId>,
    forwarders: Vec<MacAddr>,
}

impl Neighbours {
    pub(super) fn of(network: &Network) -> Self {
        let mut by_vnet = vec![OfVnet::default(); network.virtual_networks.len()];
        for (at, nic) in network.nics() {
            let here = &mut by_vnet[nic.subnet.vnet.0];
            if here.machines.last() != Some(&at.vm) {
                here.machines.push(at.vm);
            }
            if nic.enable_ip_forwarding && network.vm(at.vm).runs() {
                here.forwarders.push(nic.mac);
            }
        }
        by_vnet.iter_mut().for_each(|here| here.forwarders.sort());
        Self { by_vnet }
    }

    /// The VMs with a NIC in the virtual network, each once, in the order of the network.
    pub(super) fn machines(&self, vnet: VnetId) -> &[VmId] {
        &self.by_vnet[vnet.0].machines
    }

    /// The Ethernet addresses of its NICs that can send packets of others, of machines that run, sorted.
    pub(super) fn forwarders(&self, vnet: VnetId) -> &[MacAddr] {
        &self.by_vnet[vnet.0].forwarders
    }
}
