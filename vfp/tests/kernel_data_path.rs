//! A VF that comes, carries packets, goes and is torn away, in the kernel, without BPF.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by unwrapping, and say why they cannot run"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;

use common::{finish, goal, make_host, sandboxed, start};
use goal_state::{DataPath, NicId};
use linux_net::netlink::{LinkChange, Request, TcHook};
use linux_net::{NetNs, Netlink};
use vfp::data_path::{Bond, BondedNic, Context};

/// Both NICs, and the lines of their guests' kernel logs.
struct Host {
    nics: Vec<BondedNic>,
    lines: Mutex<Vec<(String, DataPath, String)>>,
}

impl Host {
    fn new() -> Self {
        let goal = goal();
        make_host(&goal);
        Self { nics: nics(&goal), lines: Mutex::default() }
    }

    /// Forgets everything but the kernel.
    fn forget(&mut self) {
        self.nics = nics(&goal());
    }

    fn settle(&mut self, wanted: bool) -> u32 {
        self.each(|nic, context| nic.settle(wanted, context))
    }

    fn each(&mut self, work: impl Fn(&mut BondedNic, Context<'_>) -> u32) -> u32 {
        let lines = &self.lines;
        let tell = |nic: &NicId, path, line| lines.lock().unwrap().push((nic.to_string(), path, line));
        let context = Context { offload: None, tell: &tell };
        self.nics.iter_mut().map(|nic| work(nic, context)).sum()
    }

    /// Those of `a` since the last call.
    fn lines(&self) -> Vec<(DataPath, String)> {
        let all = std::mem::take(&mut *self.lines.lock().unwrap());
        all.into_iter().filter(|(nic, ..)| nic == "a/nic0").map(|(_, path, line)| (path, line)).collect()
    }

    #[track_caller]
    fn assert_paths(&self, path: DataPath) {
        for nic in &self.nics {
            assert_eq!((nic.path(), nic.why()), (path, None), "{}", nic.bond().id());
        }
    }

    /// Packets that a's VF has carried.
    fn by_vf(&mut self) -> (u64, u64) {
        let counters = self.nics[0].counters().unwrap();
        (counters.vf.tx_packets, counters.vf.rx_packets)
    }
}

fn nics(goal: &goal_state::HostGoalState) -> Vec<BondedNic> {
    Bond::all(goal).into_iter().map(|bond| BondedNic::new(bond, Default::default())).collect()
}

fn texts(lines: Vec<(DataPath, String)>) -> Vec<String> {
    lines.into_iter().map(|(path, line)| format!("{}: {line}", path.as_str())).collect()
}

#[track_caller]
fn assert_ping() {
    let text = finish(start("a", "ping", &["-n", "-c", "1", "-W", "2", "10.1.0.5"]));
    assert!(text.contains(" 0% packet loss"), "{text}");
}

fn apply(namespace: &str, request: Request) {
    Netlink::open(&NetNs::open(namespace).unwrap()).unwrap().apply(&[request]).unwrap();
}

#[test]
fn a_vf_comes_up_and_carries_packets() {
    sandboxed(|| {
        let mut host = Host::new();
        assert_ping();
        assert_eq!(host.by_vf(), (0, 0));
        assert!(host.settle(true) > 0);
        host.assert_paths(DataPath::Vf);
        assert_eq!(
            texts(host.lines()),
            [
                "vfOffered: eth0: VF slot 1 added",
                "vfOffered: eth0: VF registering: enP1s1np0",
                "vf: eth0: Data path switched to VF: enP1s1np0",
            ]
        );
        let before = host.nics[0].counters().unwrap().synthetic;
        assert_ping();
        assert_eq!(host.by_vf(), (1, 1));
        let after = host.nics[0].counters().unwrap().synthetic;
        assert_eq!((before.tx_packets, before.rx_packets), (after.tx_packets, after.rx_packets));

        assert_eq!(host.settle(true), 0, "a second time there is nothing to do");
        host.forget();
        assert_eq!(host.settle(true), 0, "what is there is taken over");
        host.assert_paths(DataPath::Vf);
        assert_eq!(host.lines(), vec![]);
        assert_eq!(host.by_vf(), (1, 1));
    });
}

/// Removed and returned again and again while packets come every millisecond, in both directions.
#[test]
fn a_planned_removal_loses_nothing() {
    sandboxed(|| {
        let mut host = Host::new();
        assert_ping();
        let pings = ["a", "b"].map(|vm| {
            let to = if vm == "a" { "10.1.0.5" } else { "10.1.0.4" };
            start(vm, "ping", &["-n", "-q", "-i", "0.001", "-c", "1000", "-W", "1", to])
        });
        let mut removals = 0;
        let [mut one, other] = pings;
        while one.try_wait().unwrap().is_none() {
            host.settle(true);
            host.assert_paths(DataPath::Vf);
            host.settle(false);
            host.assert_paths(DataPath::Synthetic);
            removals += 1;
        }
        assert!(removals > 3, "{removals}");
        assert!(host.by_vf().0 > 10, "{:?}", host.by_vf());
        for text in [finish(one), finish(other)] {
            assert!(text.contains("1000 received"), "{text}");
        }
        let lines = texts(host.lines());
        assert_eq!(
            lines[3..6],
            [
                "revoking: eth0: Data path switched from VF: enP1s1np0",
                "revoking: eth0: VF unregistering: enP1s1np0",
                "synthetic: eth0: VF slot 1 removed",
            ]
        );
        assert_eq!(lines.len(), removals * 6);
    });
}

#[test]
fn a_vf_that_is_torn_away_is_lost_and_comes_back() {
    sandboxed(|| {
        let mut host = Host::new();
        host.settle(true);
        host.lines();
        // That of an earlier VF is no news, nor is one that is still there.
        for index in [Some(u32::MAX), None] {
            host.each(|nic, context| {
                nic.look_after(index, context);
                0
            });
        }
        host.assert_paths(DataPath::Vf);
        assert_ping();
        assert_eq!(host.by_vf(), (1, 1));
        apply("port-a-nic0", Request::DeleteLink("vf".into()));
        host.each(|nic, context| {
            nic.look_after(None, context);
            0
        });
        assert_eq!((host.nics[0].path(), host.nics[0].why()), (DataPath::Failed, Some("the VF has gone")));
        assert_eq!(host.nics[1].path(), DataPath::Vf);
        assert_eq!(
            texts(host.lines()),
            [
                "failed: eth0: Data path switched from VF: enP1s1np0",
                "failed: eth0: VF unregistering: enP1s1np0",
                "failed: eth0: VF slot 1 removed",
            ]
        );
        assert_ping();
        host.settle(true);
        host.assert_paths(DataPath::Vf);
        assert_ping();
        assert_eq!(host.by_vf(), (2, 2), "counters go on");

        apply("vm-a", Request::set_link("enP1s1np0", LinkChange::Down));
        host.each(|nic, context| {
            nic.look_after(None, context);
            0
        });
        assert_eq!(
            (host.nics[0].path(), host.nics[0].why()),
            (DataPath::Failed, Some("the VF was set down"))
        );
        assert_ping();
    });
}

/// Whoever switched was killed, or somebody has been at it: the next one makes it whole, or takes it away.
#[test]
fn what_is_half_done_is_finished() {
    sandboxed(|| {
        let mut host = Host::new();
        let vf = || "enP1s1np0".to_owned();
        let no_filter = |device: &str, hook| Request::DeleteFilter { device: device.into(), hook };
        let damages = [
            ("vm-a", Request::DeleteLink(vf())),
            ("vm-a", Request::set_link(&vf(), LinkChange::Down)),
            ("port-a-nic0", Request::set_link("vf", LinkChange::Down)),
            ("port-a-nic0", Request::set_link("vf", LinkChange::Name("vf2".into()))),
            ("vm-a", no_filter("enP1s1np0", TcHook::Ingress)),
            ("vm-a", no_filter("eth0", TcHook::Egress)),
            ("port-a-nic0", no_filter("guest", TcHook::Egress)),
        ];
        for (namespace, damage) in damages {
            for wanted in [true, false] {
                host.settle(true);
                apply(namespace, damage.clone());
                host.forget();
                host.settle(wanted);
                host.assert_paths(if wanted { DataPath::Vf } else { DataPath::Synthetic });
                let before = host.by_vf();
                assert_ping();
                assert_eq!(host.by_vf() != before, wanted, "{damage} {wanted}");
                apply("port-a-nic0", Request::DeleteLink("vf2".into()));
            }
        }
    });
}

/// A VM's namespace is needed, and its lack is said.
#[test]
fn without_a_vm_there_is_no_vf() {
    sandboxed(|| {
        let mut host = Host::new();
        let owned = BTreeSet::from(["vm-a".to_owned()]);
        let none = goal_state::HostGoalState { virtual_machines: vec![], ..goal() };
        vfp::reconcile(&vfp::lower(&none), &owned, &|_, _| ());
        host.settle(true);
        assert_eq!(host.nics[0].path(), DataPath::Failed);
        assert!(host.nics[0].why().unwrap().contains("vm-a"), "{:?}", host.nics[0].why());
    });
}
