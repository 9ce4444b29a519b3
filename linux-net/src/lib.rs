//! Linux network plumbing: namespaces, netlink, nftables, BPF, sysctl, NFLOG, sandboxes and kernel feature probes. Knows nothing of Azure.
//!
//! Everything is synchronous: an operation in a namespace is a few system calls, and a caller that wants several at once
//! uses threads. This is the only crate that calls `setns`.
//!
//! | module | idea |
//! |---|---|
//! | [`netns`] | a network namespace: make, pin, open, run something inside |
//! | [`mac`] | an Ethernet address |
//! | [`netlink`] | links, addresses, routes, next hops, rules, neighbours, FDB entries and filters as plain values, applied in batches |
//! | [`link_monitor`] | what happens to the links of a namespace, as it happens |
//! | [`nft`] | a ruleset as a typed value, applied in one transaction; its counters |
//! | [`bpf`] | programs and maps of BPF objects: loaded once per sandbox, and pinned |
//! | [`nflog`] | the packets that a ruleset has logged |
//! | [`softnet`] | frames that wait to be received |
//! | [`sysctl`] | kernel parameters of a namespace |
//! | [`sandbox`] | what the first process of a sandbox needs: namespaces, mounts, capabilities, reaping |
//! | [`process`] | starting a program inside namespaces |
//! | [`features`] | what this machine can do, and how to mend what it cannot |
//! | [`clock`] | the time as programs in the kernel read it |
//! | [`capture`] | frames as they pass a device |
//! | [`tap`] | a device whose other side is this program |
//! | [`udp`] | many datagrams at once |

pub mod bpf;
pub mod capture;
pub mod clock;
pub mod features;
pub mod link_monitor;
pub mod mac;
pub mod netlink;
pub mod netns;
pub mod nflog;
mod nfnetlink;
pub mod nft;
mod nlmsg;
pub mod process;
pub mod sandbox;
pub mod softnet;
pub mod sysctl;
pub mod tap;
pub mod udp;

pub use mac::MacAddr;
pub use netlink::Netlink;
pub use netns::NetNs;
