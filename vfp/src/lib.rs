//! A host's data plane: lowers a goal state to per-port namespaces, routes, nftables rulesets and overlay entries, and reconciles the kernel with them.
