//! The filters that lead a NIC's packets to its VF and from it, as values.
//!
//! | where | hook | with BPF | without |
//! |---|---|---|---|
//! | VM, VF | ingress | to the synthetic device, as received by it | same |
//! | port, `vf` | ingress | the program `port_outbound` | none |
//! | VM, synthetic | egress | the program `guest_egress` | IPv4 to the VF |
//! | port, `guest` | egress | `learn_inbound`, see [`crate::offload`] | IPv4 to `vf` |
//!
//! With BPF, what comes for the guest takes `vf` when its flow is known, and `guest` otherwise; so the port's direction is
//! switched in the offload's own tables. ARP always goes by the synthetic device.

use linux_net::netlink::{Filter, FilterAction, TcHook};

use super::bond::Bond;
use crate::names::{GUEST, VF};
use crate::offload::{Offload, OffloadProgram};

/// In which of a bond's namespaces a filter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Vm,
    Port,
}

/// What the guest's end of the VF receives, the synthetic device has received.
pub(super) fn guest_receiving(bond: &Bond) -> (Side, Filter) {
    (Side::Vm, redirect(bond.vf(), TcHook::Ingress, bond.synthetic(), TcHook::Ingress))
}

/// What the port's end receives goes through the flow table first. Without BPF there is no filter.
pub(super) fn port_receiving(bond: &Bond, offload: Option<&Offload>) -> Option<(Side, Filter)> {
    Some((Side::Port, offload?.vf_filter(&bond.nic)?))
}

/// What the guest sends leaves by the VF, whose index in the VM is `vf_index`.
pub(super) fn outbound(bond: &Bond, vf_index: u32, offload: Option<&Offload>) -> (Side, Filter) {
    let filter = match offload {
        Some(offload) => {
            let program = offload.program(OffloadProgram::GuestEgress);
            let action = FilterAction::Bpf { program, class_id: vf_index };
            Filter { device: bond.synthetic(), hook: TcHook::Egress, action }
        }
        None => redirect(bond.synthetic(), TcHook::Egress, bond.vf(), TcHook::Egress),
    };
    (Side::Vm, filter)
}

/// What the port has for the guest leaves by the VF: without BPF.
pub(super) fn inbound() -> (Side, Filter) {
    (Side::Port, redirect(GUEST.to_owned(), TcHook::Egress, VF.to_owned(), TcHook::Egress))
}

fn redirect(device: String, hook: TcHook, to: String, to_hook: TcHook) -> Filter {
    Filter { device, hook, action: FilterAction::Redirect { device: to, hook: to_hook } }
}
