//! Forwarding that does not consume the TTL.
//!
//! nft's language cannot say `ttl + 1`, but iptables' target `TTL` can, and nf_tables runs it through its compat layer
//! (`CONFIG_NFT_COMPAT`, `CONFIG_NETFILTER_XT_TARGET_HL`). The target insists on a table called `mangle`. So this module
//! writes one table of its own, `ip mangle`, straight to the kernel: every IPv4 packet that comes in gets one hop more
//! before forwarding takes it.

use std::io;

use nix::libc;

use super::kernel::{self, SUBSYSTEM};
use crate::netns::{NetNs, NetNsError};
use crate::nfnetlink::{self, Request};
use crate::nlmsg::{NESTED, push_attribute};

const TABLE: &[u8] = b"mangle\0";
const CHAIN: &[u8] = b"keep_ttl\0";
const MARK: &str = "linux-net-ttl";

const NEW_TABLE: u16 = SUBSYSTEM << 8;
const DELETE_TABLE: u16 = SUBSYSTEM << 8 | 2;
const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;

const FLAG_CREATE: u16 = 0x400;
const FLAG_APPEND: u16 = 0x800;
const FAMILY_IPV4: u8 = 2;
const HOOK_PREROUTING: u32 = 0;
const PRIORITY_MANGLE: i32 = -150;

/// `struct ipt_TTL_info` (linux/netfilter_ipv4/ipt_ttl.h): mode 1 = increment, by 1; padded as xtables wants it.
const INCREMENT_BY_ONE: [u8; 8] = [1, 1, 0, 0, 0, 0, 0, 0];

/// The TTL cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum TtlError {
    /// The namespace could not be entered.
    #[error("cannot keep the TTL")]
    NetNs(#[from] NetNsError),
    /// Without it everything works, but each forwarding hop shows in the TTL.
    #[error("the kernel cannot keep the TTL: it lacks CONFIG_NFT_COMPAT or CONFIG_NETFILTER_XT_TARGET_HL")]
    Unsupported,
    /// The kernel refused the table.
    #[error("cannot write the table ip mangle in {namespace}")]
    Refused {
        /// Where.
        namespace: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// From now on forwarding in `namespace` does not consume the TTL. Doing it twice is doing it once.
pub fn keep(namespace: &NetNs) -> Result<(), TtlError> {
    let refused = |source| TtlError::Refused { namespace: namespace.to_string(), source };
    let tables = kernel::tables(namespace)?.map_err(refused)?;
    let present = tables.iter().find(|table| (table.family, table.name.as_str()) == ("ip", "mangle"));
    if present.is_some_and(|table| table.comment == MARK) {
        return Ok(());
    }
    match namespace.run(|| write_table(present.is_some()))? {
        // The expression or the target is not there.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EOPNOTSUPP)) => {
            Err(TtlError::Unsupported)
        }
        other => other.map_err(refused),
    }
}

/// Somebody else's table of that name gives way.
fn write_table(replace: bool) -> io::Result<()> {
    let table = encode(&[(1, TABLE)]);
    let marked = encode(&[(1, TABLE), (6, &userdata(MARK))]);
    let chain = chain();
    let rule = rule();
    let request =
        |kind, flags, attributes| Request { kind, flags, family: FAMILY_IPV4, resource: 0, attributes };
    let mut requests = Vec::new();
    if replace {
        requests.push(request(DELETE_TABLE, 0, table.as_slice()));
    }
    requests.push(request(NEW_TABLE, FLAG_CREATE, marked.as_slice()));
    requests.push(request(NEW_CHAIN, FLAG_CREATE, chain.as_slice()));
    requests.push(request(NEW_RULE, FLAG_CREATE | FLAG_APPEND, rule.as_slice()));
    nfnetlink::transact(&nfnetlink::open_here()?, SUBSYSTEM, &requests)
}

/// `type filter hook prerouting priority -150`.
fn chain() -> Vec<u8> {
    let hook = encode(&[(1, &HOOK_PREROUTING.to_be_bytes()), (2, &PRIORITY_MANGLE.to_be_bytes())]);
    encode(&[(1, TABLE), (3, CHAIN), (4 | NESTED, &hook), (7, b"filter\0")])
}

/// One expression: the target `TTL`, revision 0.
fn rule() -> Vec<u8> {
    let target = encode(&[(1, b"TTL\0"), (2, &0u32.to_be_bytes()), (3, &INCREMENT_BY_ONE)]);
    let expression = encode(&[(1, b"target\0"), (2 | NESTED, &target)]);
    let expressions = encode(&[(1 | NESTED, &expression)]);
    encode(&[(1, TABLE), (2, CHAIN), (4 | NESTED, &expressions)])
}

/// A comment, as libnftnl keeps it.
fn userdata(comment: &str) -> Vec<u8> {
    let mut bytes = vec![0, comment.len() as u8 + 1];
    bytes.extend_from_slice(comment.as_bytes());
    bytes.push(0);
    bytes
}

fn encode(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    attributes.iter().for_each(|(kind, value)| push_attribute(&mut bytes, *kind, value));
    bytes
}
