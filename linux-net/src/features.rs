//! What this machine can do, found out by doing it in a throw-away namespace; and how to mend what it cannot.

use std::fmt;

use crate::bpf;
use crate::netlink::{
    BridgePort, Filter, FilterAction, LinkChange, Netlink, NetlinkError, NewLink, Request, TcHook, VethEnd,
    Vxlan,
};
use crate::netns::NetNs;
use crate::nflog::NflogSocket;
use crate::nft::{
    self, Chain, Family, Field, Hook, HookPoint, Name, Policy, Rule, Ruleset, Statement, Table, Value,
};
use crate::process;
use crate::tap;

/// Something that the kernel or the machine has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// An ordinary user may make a user namespace.
    UserNamespaces,
    /// The caller may make network namespaces.
    NetworkNamespaces,
    /// veth pairs.
    Veth,
    /// Bridges.
    Bridge,
    /// A bridge answers ARP from its neighbours.
    BridgeProxyArp,
    /// VXLAN devices.
    Vxlan,
    /// nf_tables, and the program `nft`.
    Nftables,
    /// nf_tables in bridges.
    NftablesBridge,
    /// Connection tracking in nf_tables.
    Conntrack,
    /// Logged packets reach a program.
    Nflog,
    /// Forwarding that keeps the TTL.
    TtlTarget,
    /// TAP devices can be made, and stay.
    Tun,
    /// Traffic control redirects packets from device to device.
    TrafficControl,
    /// The caller may load BPF programs that send packets past the layers between two devices.
    Bpf,
    /// The caller may mount a BPF file system, where programs outlive who loaded them.
    BpfFileSystem,
    /// A program is installed.
    Program(&'static str),
}

/// What is missing, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The consequence or the thing, for people.
    pub what: String,
    /// What the kernel said.
    pub why: String,
    /// A command line for Debian and Ubuntu, or advice where no command helps.
    pub mend: String,
}

/// The outcome for one feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The feature.
    pub feature: Feature,
    /// There, or missing.
    pub result: Result<(), Missing>,
}

/// The programs that are run, and the packages that have them.
const PROGRAMS: [(&str, &str); 4] =
    [("nft", "nftables"), ("ip", "iproute2"), ("ping", "iputils-ping"), ("iperf3", "iperf3")];

impl Feature {
    /// All features, in the order in which [`probe`] finds them out.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::UserNamespaces,
            Self::NetworkNamespaces,
            Self::Veth,
            Self::Bridge,
            Self::BridgeProxyArp,
            Self::Vxlan,
            Self::Nftables,
            Self::NftablesBridge,
            Self::Conntrack,
            Self::Nflog,
            Self::TtlTarget,
            Self::Tun,
            Self::TrafficControl,
            Self::Bpf,
            Self::BpfFileSystem,
        ];
        all.extend(PROGRAMS.map(|(program, _)| Self::Program(program)));
        all
    }

    /// A command line for Debian and Ubuntu.
    fn mend(self) -> String {
        match self {
            Self::UserNamespaces => {
                "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 \
                 user.max_user_namespaces=15000"
            }
            Self::NetworkNamespaces => "run as root, or inside a user namespace: unshare -Urnm",
            Self::Veth => "sudo modprobe veth",
            Self::Bridge | Self::BridgeProxyArp => "sudo modprobe bridge",
            Self::Vxlan => "sudo modprobe vxlan",
            Self::Nftables => "sudo apt install nftables && sudo modprobe nf_tables",
            Self::NftablesBridge => "sudo modprobe nf_tables_bridge || sudo modprobe nf_tables",
            Self::Conntrack => "sudo modprobe nft_ct nf_conntrack",
            Self::Nflog => "sudo modprobe nfnetlink_log nft_log",
            Self::TtlTarget => "sudo modprobe nft_compat xt_HL",
            Self::Tun => "sudo modprobe tun && sudo chmod 0666 /dev/net/tun",
            Self::TrafficControl => "sudo modprobe -a sch_ingress cls_u32 act_mirred",
            Self::Bpf => "run as root on Linux 5.10 or newer with CONFIG_BPF_SYSCALL and CONFIG_NET_CLS_BPF",
            Self::BpfFileSystem => "run as root on a kernel with CONFIG_BPF_SYSCALL",
            Self::Program(program) => {
                let package = PROGRAMS.iter().find(|(name, _)| *name == program).map_or(program, |(_, package)| package);
                return format!("sudo apt install {package}");
            }
        }
        .to_owned()
    }

    fn missing(self, why: impl fmt::Display) -> Missing {
        Missing { what: self.to_string(), why: why.to_string(), mend: self.mend() }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespaces => "user namespaces",
            Self::NetworkNamespaces => "network namespaces",
            Self::Veth => "veth pairs",
            Self::Bridge => "bridges",
            Self::BridgeProxyArp => "bridges that answer ARP",
            Self::Vxlan => "VXLAN",
            Self::Nftables => "nftables",
            Self::NftablesBridge => "nftables in bridges",
            Self::Conntrack => "connection tracking",
            Self::Nflog => "logged packets (NFLOG)",
            Self::TtlTarget => "forwarding that keeps the TTL",
            Self::Tun => "TUN and TAP devices",
            Self::TrafficControl => "redirects by traffic control",
            Self::Bpf => "BPF programs that redirect packets",
            Self::BpfFileSystem => "the BPF file system",
            Self::Program(program) => return write!(f, "the program {program}"),
        })
    }
}

/// Finds out everything, in the order of [`Feature::all`]. Takes some tens of milliseconds and leaves nothing behind.
///
/// What needs rights is tried with the caller's: call it inside a user namespace to learn what an ordinary user can do.
pub fn probe() -> Vec<Finding> {
    let namespace = NetNs::anonymous();
    let findings = Feature::all().into_iter().map(|feature| {
        let result = match (feature, &namespace) {
            (Feature::UserNamespaces, _) => {
                process::try_user_namespace().map_err(|error| feature.missing(error))
            }
            (Feature::BpfFileSystem, _) => {
                bpf::try_mounting().map_err(|error| feature.missing(chain(&error)))
            }
            (Feature::Program(program), _) => {
                process::find_program(program).map(drop).ok_or_else(|| feature.missing("not in PATH"))
            }
            (Feature::NetworkNamespaces, Ok(_)) => Ok(()),
            (_, Ok(namespace)) => inside(feature, namespace).map_err(|why| feature.missing(why)),
            (Feature::NetworkNamespaces, Err(error)) => Err(feature.missing(chain(error))),
            (_, Err(_)) => {
                Err(Feature::NetworkNamespaces.missing("without a network namespace it cannot be tried"))
            }
        };
        Finding { feature, result }
    });
    findings.collect()
}

/// Tries what needs a network namespace; the text is what went wrong.
fn inside(feature: Feature, namespace: &NetNs) -> Result<(), String> {
    let say = |error: &dyn std::error::Error| chain(error);
    let result = match feature {
        Feature::Veth => apply(namespace, &[Request::AddLink(veth("veth0", "veth1"))]),
        Feature::Bridge => apply(namespace, &[bridge("probe0")]),
        Feature::BridgeProxyArp => apply(
            namespace,
            &[
                bridge("probe1"),
                Request::AddLink(veth("veth2", "veth3")),
                Request::set_link("veth2", LinkChange::Master("probe1".into())),
                Request::set_port("veth2", BridgePort { proxy_arp: true, ..BridgePort::STATIC }),
            ],
        ),
        Feature::Vxlan => apply(namespace, &[vxlan()]),
        Feature::Nftables => {
            return nft::apply(namespace, &ruleset(Family::Ip, None)).map_err(|error| say(&error));
        }
        Feature::NftablesBridge => {
            return nft::apply(namespace, &ruleset(Family::Bridge, None)).map_err(|error| say(&error));
        }
        Feature::Conntrack => {
            let state = Statement::is(Field::ConntrackState, Value::Word("established"));
            return nft::apply(namespace, &ruleset(Family::Ip, Some(state))).map_err(|error| say(&error));
        }
        Feature::Nflog => return NflogSocket::open(namespace, 1).map(drop).map_err(|error| say(&error)),
        Feature::TrafficControl => {
            let to = FilterAction::Redirect { device: "veth5".into(), hook: TcHook::Egress };
            apply(namespace, &[Request::AddLink(veth("veth4", "veth5")), filter("veth4", to)])
        }
        Feature::Bpf => {
            let program = bpf::idle_program().map_err(|error| say(&error))?;
            let run = FilterAction::Bpf { program, class_id: 0 };
            apply(namespace, &[Request::AddLink(veth("veth6", "veth7")), filter("veth6", run)])
        }
        Feature::TtlTarget => return nft::ttl::keep(namespace).map_err(|error| say(&error)),
        Feature::Tun => return tap(namespace),
        _ => Ok(()),
    };
    result.map_err(|error| say(&error))
}

fn apply(namespace: &NetNs, requests: &[Request]) -> Result<(), NetlinkError> {
    Netlink::open(namespace)?.apply(requests)
}

fn bridge(name: &str) -> Request {
    Request::AddLink(NewLink::Bridge { name: name.into(), mac: None, mtu: 1500, up: true })
}

fn veth(one: &str, other: &str) -> NewLink {
    let end = |name: &str| VethEnd {
        namespace: None,
        name: name.into(),
        mac: None,
        mtu: 1500,
        up: true,
        arp: true,
    };
    NewLink::Veth(end(one), end(other))
}

fn filter(device: &str, action: FilterAction) -> Request {
    Request::PutFilter(Filter { device: device.into(), hook: TcHook::Ingress, action })
}

fn vxlan() -> Request {
    let vxlan = Vxlan { vni: 1, local: None, port: 4789, learning: false };
    Request::AddLink(NewLink::Vxlan { name: "probe2".into(), vxlan, mac: None, mtu: 1500, up: true })
}

/// One table with one chain, with a rule if there is a statement.
fn ruleset(family: Family, statement: Option<Statement>) -> Ruleset {
    // Both are names.
    let (Ok(table), Ok(name)) = (Name::new("probe"), Name::new("pre")) else { return Ruleset::default() };
    let rules = statement.map(|statement| Rule::new([statement, Statement::Accept])).into_iter().collect();
    let hook = Hook::filter(HookPoint::Prerouting, 0, Policy::Accept);
    let table = Table { chains: vec![Chain::at(name, hook, rules)], ..Table::new(family, table) };
    Ruleset { tables: vec![table] }
}

/// One that stays, as those of encryption do; it goes with the namespace.
fn tap(namespace: &NetNs) -> Result<(), String> {
    let made = namespace.run(|| tap::create("probe3")).map_err(|error| chain(&error))?;
    made.map_err(|error| format!("/dev/net/tun: {error}"))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_can_be_mended() {
        for feature in Feature::all() {
            let missing = feature.missing("why");
            assert!(missing.mend.contains(' '), "{missing:?}");
        }
        assert_eq!(Feature::Program("nft").mend(), "sudo apt install nftables");
    }

    #[test]
    fn a_program_is_found_or_not() {
        assert!(process::find_program("sh").is_some());
        assert_eq!(process::find_program("no-such-program"), None);
    }
}
