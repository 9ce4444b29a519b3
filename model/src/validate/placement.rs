//! Placement: which host a VM runs on when the file does not say.

use crate::network::HostId;

/// How many VMs each host has, and where the next one goes.
#[derive(Debug)]
pub(super) struct Placement {
    load: Vec<usize>,
}

impl Placement {
    /// `hosts` empty hosts.
    pub(super) fn new(hosts: usize) -> Self {
        Self { load: vec![0; hosts] }
    }

    /// Counts a VM on the host that the file names. All of these come before the first [`Self::place`], so that the
    /// others go round them.
    pub(super) fn pin(&mut self, host: HostId) {
        if let Some(load) = self.load.get_mut(host.0) {
            *load += 1;
        }
    }

    /// Counts a VM on the least loaded of `candidates`, the earliest of equals. None without candidates.
    pub(super) fn place(&mut self, candidates: &[HostId]) -> Option<HostId> {
        let load_of = |host: &&HostId| self.load.get(host.0).copied().unwrap_or(usize::MAX);
        let host = *candidates.iter().min_by_key(load_of)?;
        self.pin(host);
        Some(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vms_go_round_the_hosts_in_order() {
        let hosts = [HostId(0), HostId(1), HostId(2)];
        let mut placement = Placement::new(3);
        let placed: Vec<_> = (0..5).map(|_| placement.place(&hosts).unwrap().0).collect();
        assert_eq!(placed, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn a_host_with_pinned_vms_is_filled_last() {
        let hosts = [HostId(0), HostId(1)];
        let mut placement = Placement::new(2);
        placement.pin(HostId(0));
        placement.pin(HostId(0));
        let placed: Vec<_> = (0..4).map(|_| placement.place(&hosts).unwrap().0).collect();
        assert_eq!(placed, [1, 1, 0, 1]);
    }

    #[test]
    fn only_hosts_of_the_region_are_candidates() {
        let mut placement = Placement::new(3);
        assert_eq!(placement.place(&[HostId(2)]), Some(HostId(2)));
        assert_eq!(placement.place(&[HostId(2)]), Some(HostId(2)));
        assert_eq!(placement.place(&[]), None);
    }
}
