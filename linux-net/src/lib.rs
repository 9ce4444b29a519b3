//! Linux network plumbing: namespaces, netlink, nftables, sysctl, NFLOG, sandboxes and kernel feature probes. Knows nothing of Azure.
