//! Two hosts on one underlay. On the first are `a` (10.1.0.4) and `e` (10.1.0.8), on the second `b` (10.1.0.5), which encrypt;
//! on the second is `d` (10.1.0.7), too, and on the first `c` (10.1.0.6), which do not. All are accelerated.

use std::collections::BTreeSet;
use std::sync::Arc;

use goal_state::encryption::EncryptingNic;
use goal_state::nsg::Direction;
use goal_state::overlay::{Mapping, VirtualNetwork};
use goal_state::{HostGoalState, NicId, Vni};
use linux_net::netlink::{Address, NewLink, Request, VethEnd};
use linux_net::{NetNs, Netlink};
use vfp::Offload;
use vfp::data_path::{Bond, BondedNic, Context};
use vfp::reconcile::Outcome;

use super::{VNI, goal, mac, machine};

/// Name, last byte of addresses, host, whether it encrypts.
const NICS: [(&str, u8, u8, bool); 5] =
    [("a", 4, 1, true), ("b", 5, 2, true), ("c", 6, 1, false), ("d", 7, 2, false), ("e", 8, 1, true)];

/// The address of a VM.
pub(crate) fn address(vm: &str) -> String {
    let (_, last, ..) = NICS.into_iter().find(|(name, ..)| *name == vm).unwrap();
    format!("10.1.0.{last}")
}

/// One of the two.
pub(crate) struct Host {
    pub(crate) goal: HostGoalState,
    pub(crate) namespace: NetNs,
    offload: Option<Arc<Offload>>,
    nics: Vec<BondedNic>,
}

/// The namespaces of host1 and host2, with an underlay between them.
pub(crate) fn cabled() -> [NetNs; 2] {
    let namespaces = [1, 2].map(|host| NetNs::ensure(&format!("host-host{host}")).unwrap());
    let end = |namespace: &NetNs| VethEnd {
        namespace: Some(namespace.clone()),
        name: "underlay0".into(),
        mac: None,
        mtu: 9000,
        up: true,
        arp: true,
    };
    let cable = NewLink::Veth(end(&namespaces[0]), end(&namespaces[1]));
    apply(&namespaces[0], &[Request::AddLink(cable)]);
    for (namespace, number) in namespaces.iter().zip(1..) {
        let address = format!("198.18.0.{number}/15").parse().unwrap();
        let address = Request::PutAddress(Address { device: "underlay0".into(), address });
        apply(namespace, &[Request::set_up("lo"), Request::set_up("underlay0"), address]);
    }
    namespaces
}

/// Both, with VFs, and with BPF if `offload` is there.
pub(crate) fn two_hosts(offload: Option<&Arc<Offload>>) -> [Host; 2] {
    let namespaces = cabled();
    [1, 2].map(|number| {
        let namespace = namespaces[usize::from(number) - 1].clone();
        let goal = goal_of(number);
        let bonds = Bond::all(&goal);
        let nics = bonds.into_iter().map(|bond| BondedNic::new(bond, Default::default())).collect();
        let mut host = Host { goal, namespace, offload: offload.cloned(), nics };
        host.follow();
        host.give_vfs(true);
        host
    })
}

fn goal_of(host: u8) -> HostGoalState {
    let encrypting = |name: &str| EncryptingNic {
        nic: NicId { vm: name.parse().unwrap(), nic: "nic0".parse().unwrap() },
        port: 50_000,
    };
    let mapping = |(name, last, host, encrypts): (&str, u8, u8, bool)| Mapping {
        customer_address: [10, 1, 0, last].into(),
        mac: mac(last),
        provider_address: [198, 18, 0, host].into(),
        vni: Vni::new(VNI).unwrap(),
        encryption: encrypts.then(|| encrypting(name)),
    };
    let here = NICS.into_iter().filter(|(_, _, of, _)| *of == host);
    let machines = here.map(|(name, last, _, encrypts)| {
        let mut vm = machine(name, last);
        vm.network_interfaces[0].encryption_port = encrypts.then_some(50_000);
        vm
    });
    HostGoalState {
        host: format!("host{host}").parse().unwrap(),
        provider_address: [198, 18, 0, host].into(),
        virtual_networks: vec![VirtualNetwork {
            name: "network".into(),
            vni: Vni::new(VNI).unwrap(),
            mappings: NICS.map(mapping).into(),
        }],
        virtual_machines: machines.collect(),
        ..goal()
    }
}

impl Host {
    /// Makes the goal state true, as an agent does; how much had to be done.
    pub(crate) fn follow(&self) -> u32 {
        let outcome = self.begin_to_follow();
        if let Some(offload) = &self.offload {
            self.namespace.run(|| offload.resume(&self.goal, outcome.changes > 0).unwrap()).unwrap();
        }
        assert_eq!(outcome.problems, Vec::<String>::new());
        outcome.changes
    }

    /// The same as far as somebody who is interrupted before the end: the records of the offload are as they were.
    pub(crate) fn begin_to_follow(&self) -> Outcome {
        let begin = || {
            if let Some(offload) = &self.offload {
                offload.suspend(&self.goal).unwrap();
            }
            vfp::reconcile(&vfp::lower(&self.goal), &BTreeSet::new(), &|_, _| ())
        };
        self.namespace.run(begin).unwrap()
    }

    /// Gives VFs to all NICs, or takes them away.
    pub(crate) fn give_vfs(&mut self, wanted: bool) {
        let context = Context { offload: self.offload.as_deref(), tell: &|_, _, _| () };
        let nics = &mut self.nics;
        for nic in nics.iter_mut() {
            nic.settle(wanted, context);
        }
        let failed = nics.iter().find_map(|nic| nic.why());
        assert_eq!(failed, None);
    }

    /// Packets that have taken unified flows from a VM, past the layers of its port; none without BPF.
    pub(crate) fn by_flows(&self, vm: &str) -> Option<u64> {
        let (flows, _) = self.offload.as_ref()?.flows(&self.goal, &vm.parse().unwrap()).unwrap();
        Some(flows.iter().filter(|flow| flow.direction == Direction::Outbound).map(|flow| flow.packets).sum())
    }

    /// Carries out a request in the host's namespace.
    pub(crate) fn apply(&self, request: Request) {
        apply(&self.namespace, &[request]);
    }
}

fn apply(namespace: &NetNs, requests: &[Request]) {
    Netlink::open(namespace).unwrap().apply(requests).unwrap();
}
