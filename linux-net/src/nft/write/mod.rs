//! A ruleset as the kernel's own messages, without the program `nft`: no process, no text to be parsed, and as large a
//! transaction as the socket takes. Only the IPv4 tables that are made of what ports need; `nft` does the rest.
//!
//! The kernel is told what nft would tell it, so that `nft list ruleset` shows the same.

mod bytes;
mod expression;
mod key;
mod rule;
mod set;
#[cfg(test)]
mod tests;

use std::io;

use bytes::{comment, nested, number, text};

use super::kernel::{SUBSYSTEM, TableEntry};
use super::table::{Chain, ChainKind, Family, HookPoint, Policy, Ruleset, Table};
use super::text::Comment;
use crate::nfnetlink::{self, Request};
use crate::nlmsg;

const IPV4: u8 = 2;

const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_SET_ELEMENT: u16 = 12;
const NEW_OBJECT: u16 = 18;

const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

/// The kernel's number of counters among objects.
const COUNTER: u32 = 1;

/// A transaction.
#[derive(Default)]
pub(super) struct Transaction {
    messages: Vec<Message>,
}

struct Message {
    kind: u16,
    flags: u16,
    attributes: Vec<u8>,
}

impl Message {
    fn request(&self) -> Request<'_> {
        Request {
            kind: SUBSYSTEM << 8 | self.kind,
            flags: self.flags,
            family: IPV4,
            resource: 0,
            attributes: &self.attributes,
        }
    }
}

impl Transaction {
    /// Removes `outdated` and makes the tables of `ruleset`. None when something of it is not written here.
    pub(super) fn new(ruleset: &Ruleset, mark: &Comment, outdated: &[&TableEntry]) -> Option<Self> {
        let mut transaction = Self::default();
        for table in outdated {
            transaction.delete(table)?;
        }
        for table in &ruleset.tables {
            transaction.table(table, mark)?;
        }
        Some(transaction)
    }

    /// Asks the kernel for it, in the namespace of the calling thread. When it fails, nothing has changed.
    pub(super) fn commit_here(&self) -> io::Result<()> {
        let requests = self.messages.iter().map(Message::request).collect::<Vec<_>>();
        nfnetlink::transact(&nfnetlink::open_here()?, SUBSYSTEM, &requests)
    }

    fn push(&mut self, kind: u16, flags: u16, write: impl FnOnce(&mut Vec<u8>)) {
        let mut attributes = Vec::new();
        write(&mut attributes);
        self.messages.push(Message { kind, flags, attributes });
    }

    fn delete(&mut self, table: &TableEntry) -> Option<()> {
        (table.family == Family::Ip.to_string()).then_some(())?;
        self.push(DELETE_TABLE, 0, |bytes| text(bytes, 1, &table.name));
        Some(())
    }

    fn table(&mut self, table: &Table, mark: &Comment) -> Option<()> {
        (table.family == Family::Ip && table.sets.is_empty()).then_some(())?;
        let name = table.name.as_str();
        self.push(NEW_TABLE, CREATE, |bytes| {
            text(bytes, 1, name);
            nlmsg::push_attribute(bytes, 6, &comment(mark.as_str()));
        });
        for counter in &table.counters {
            self.push(NEW_OBJECT, CREATE, |bytes| {
                text(bytes, 1, name);
                text(bytes, 2, counter.name.as_str());
                number(bytes, 3, COUNTER);
                nested(bytes, 4, |_| ());
                if let Some(words) = &counter.comment {
                    nlmsg::push_attribute(bytes, 8, &comment(words.as_str()));
                }
            });
        }
        // Rules and maps speak of chains by name, so all chains come first.
        for chain in &table.chains {
            self.chain(name, chain)?;
        }
        let mut sets = 0;
        for chain in &table.chains {
            for rule in &chain.rules {
                self.rule(name, chain, rule::Rule::of(rule, &mut sets)?);
            }
        }
        Some(())
    }

    fn chain(&mut self, table: &str, chain: &Chain) -> Option<()> {
        let hook = match &chain.hook {
            None => None,
            Some(hook) if !hook.devices.is_empty() => return None,
            Some(hook) => Some((hook, point(hook.point)?)),
        };
        self.push(NEW_CHAIN, CREATE, |bytes| {
            text(bytes, 1, table);
            text(bytes, 3, chain.name.as_str());
            let Some((hook, point)) = hook else { return };
            nested(bytes, 4, |bytes| {
                number(bytes, 1, point);
                nlmsg::push_attribute(bytes, 2, &hook.priority.to_be_bytes());
            });
            number(bytes, 5, u32::from(hook.policy == Policy::Accept));
            text(bytes, 7, kind(hook.kind));
        });
        Some(())
    }

    /// Its sets come before it, and are filled before it has them.
    fn rule(&mut self, table: &str, chain: &Chain, rule: rule::Rule) {
        for set in &rule.sets {
            self.push(NEW_SET, CREATE, |bytes| bytes.extend(set.declaration(table)));
            for contents in set.contents(table) {
                self.push(NEW_SET_ELEMENT, CREATE, |bytes| bytes.extend(contents));
            }
        }
        self.push(NEW_RULE, CREATE | APPEND, |bytes| {
            text(bytes, 1, table);
            text(bytes, 2, chain.name.as_str());
            nested(bytes, 4, |bytes| rule.expressions.iter().for_each(|expression| expression.write(bytes)));
        });
    }
}

fn point(point: HookPoint) -> Option<u32> {
    Some(match point {
        HookPoint::Prerouting => 0,
        HookPoint::Input => 1,
        HookPoint::Forward => 2,
        HookPoint::Output => 3,
        HookPoint::Postrouting => 4,
        HookPoint::Ingress | HookPoint::Egress => return None,
    })
}

fn kind(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    }
}
