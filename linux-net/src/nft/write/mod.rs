//! A ruleset as the kernel's own messages, without the program `nft`: no process, no text to be parsed, and as large a
//! transaction as the socket takes. Only the tables that are made of what ports and their hosts need; `nft` does the rest.
//!
//! The kernel is told what nft would tell it, so that `nft list ruleset` shows the same.

mod bytes;
mod expression;
mod flow_map;
mod key;
mod named_set;
mod rule;
mod set;
#[cfg(test)]
mod tests;

use std::io;

use bytes::{comment, nested, number, text};
use expression::LIST_ELEMENT;

use super::device::Indexes;
use super::kernel::{SUBSYSTEM, TableEntry};
use super::table::{Chain, ChainKind, Family, Hook, HookPoint, Policy, Ruleset, Table};
use super::text::Comment;
use crate::nfnetlink::{self, Request};
use crate::nlmsg;

const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_SET_ELEMENT: u16 = 12;
const NEW_OBJECT: u16 = 18;

const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

/// The families that are written here, with their `NFPROTO_` numbers.
const FAMILIES: [(Family, u8); 3] = [(Family::Ip, 2), (Family::Netdev, 5), (Family::Bridge, 7)];

/// The kernel's number of counters among objects.
const COUNTER: u32 = 1;

/// A transaction.
#[derive(Default)]
pub(super) struct Transaction {
    messages: Vec<Message>,
    /// Numbers that sets have.
    sets: u32,
}

struct Message {
    /// An `NFPROTO_` number.
    family: u8,
    kind: u16,
    flags: u16,
    attributes: Vec<u8>,
}

impl Message {
    fn request(&self) -> Request<'_> {
        Request {
            kind: SUBSYSTEM << 8 | self.kind,
            flags: self.flags,
            family: self.family,
            resource: 0,
            attributes: &self.attributes,
        }
    }
}

impl Transaction {
    /// Removes `outdated` and makes the tables of `ruleset`, whose devices have `indexes`. None when something of it is not
    /// written here.
    pub(super) fn new(
        ruleset: &Ruleset,
        indexes: &Indexes,
        mark: &Comment,
        outdated: &[&TableEntry],
    ) -> Option<Self> {
        let mut transaction = Self::default();
        for table in outdated {
            transaction.delete(table)?;
        }
        for table in &ruleset.tables {
            transaction.table(table, indexes, mark)?;
        }
        Some(transaction)
    }

    /// Asks the kernel for it, in the namespace of the calling thread. When it fails, nothing has changed.
    pub(super) fn commit_here(&self) -> io::Result<()> {
        let requests = self.messages.iter().map(Message::request).collect::<Vec<_>>();
        nfnetlink::transact(&nfnetlink::open_here()?, SUBSYSTEM, &requests)
    }

    fn push(
        &mut self,
        family: Family,
        kind: u16,
        flags: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<()> {
        let mut attributes = Vec::new();
        write(&mut attributes);
        let family = FAMILIES.iter().find(|(known, _)| *known == family)?.1;
        self.messages.push(Message { family, kind, flags, attributes });
        Some(())
    }

    fn delete(&mut self, table: &TableEntry) -> Option<()> {
        let family = FAMILIES.iter().find(|(family, _)| family.to_string() == table.family)?.0;
        self.push(family, DELETE_TABLE, 0, |bytes| text(bytes, 1, &table.name))
    }

    fn table(&mut self, table: &Table, indexes: &Indexes, mark: &Comment) -> Option<()> {
        let name = table.name.as_str();
        self.push(table.family, NEW_TABLE, CREATE, |bytes| {
            text(bytes, 1, name);
            nlmsg::push_attribute(bytes, 6, &comment(mark.as_str()));
        })?;
        for counter in &table.counters {
            self.push(table.family, NEW_OBJECT, CREATE, |bytes| {
                text(bytes, 1, name);
                text(bytes, 2, counter.name.as_str());
                number(bytes, 3, COUNTER);
                nested(bytes, 4, |_| ());
                if let Some(words) = &counter.comment {
                    nlmsg::push_attribute(bytes, 8, &comment(words.as_str()));
                }
            })?;
        }
        for set in &table.sets {
            self.sets += 1;
            let set = named_set::NamedSet::new(self.sets, set)?;
            self.push(table.family, NEW_SET, CREATE, |bytes| bytes.extend(set.declaration(name)))?;
            for contents in set.contents(name) {
                self.push(table.family, NEW_SET_ELEMENT, CREATE, |bytes| bytes.extend(contents))?;
            }
        }
        if !table.connection_sets.is_empty() {
            return None;
        }
        for map in &table.flow_maps {
            self.sets += 1;
            let declaration = flow_map::declaration(self.sets, map, name)?;
            self.push(table.family, NEW_SET, CREATE, |bytes| bytes.extend(declaration))?;
        }
        // Rules and maps speak of chains by name, so all chains come first.
        for chain in &table.chains {
            self.chain(table, chain)?;
        }
        for chain in &table.chains {
            for rule in &chain.rules {
                let rule = rule::Rule::of(rule, table.family, indexes, &mut self.sets)?;
                self.rule(table, chain, &rule)?;
            }
        }
        Some(())
    }

    fn chain(&mut self, table: &Table, chain: &Chain) -> Option<()> {
        let hook = match &chain.hook {
            None => None,
            Some(hook) => Some((hook, point(hook.point, table.family)?)),
        };
        self.push(table.family, NEW_CHAIN, CREATE, |bytes| {
            text(bytes, 1, table.name.as_str());
            text(bytes, 3, chain.name.as_str());
            let Some((hook, point)) = hook else { return };
            nested(bytes, 4, |bytes| {
                number(bytes, 1, point);
                nlmsg::push_attribute(bytes, 2, &hook.priority.to_be_bytes());
                devices(bytes, hook);
            });
            number(bytes, 5, u32::from(hook.policy == Policy::Accept));
            text(bytes, 7, kind(hook.kind));
        })
    }

    /// Its sets come before it, and are filled before it has them.
    fn rule(&mut self, table: &Table, chain: &Chain, rule: &rule::Rule) -> Option<()> {
        let name = table.name.as_str();
        for set in &rule.sets {
            self.push(table.family, NEW_SET, CREATE, |bytes| bytes.extend(set.declaration(name)))?;
            for contents in set.contents(name) {
                self.push(table.family, NEW_SET_ELEMENT, CREATE, |bytes| bytes.extend(contents))?;
            }
        }
        self.push(table.family, NEW_RULE, CREATE | APPEND, |bytes| {
            text(bytes, 1, name);
            text(bytes, 2, chain.name.as_str());
            nested(bytes, 4, |bytes| rule.expressions.iter().for_each(|expression| expression.write(bytes)));
        })
    }
}

/// One device and several are said differently, so that nft lists them so.
fn devices(bytes: &mut Vec<u8>, hook: &Hook) {
    match hook.devices.as_slice() {
        [] => {}
        [device] => text(bytes, 3, device.as_str()),
        devices => {
            nested(bytes, 4, |bytes| {
                devices.iter().for_each(|device| text(bytes, LIST_ELEMENT, device.as_str()))
            });
        }
    }
}

fn point(point: HookPoint, family: Family) -> Option<u32> {
    Some(match point {
        HookPoint::Ingress | HookPoint::Egress if family != Family::Netdev => return None,
        HookPoint::Prerouting | HookPoint::Ingress => 0,
        HookPoint::Input | HookPoint::Egress => 1,
        HookPoint::Forward => 2,
        HookPoint::Output => 3,
        HookPoint::Postrouting => 4,
    })
}

fn kind(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    }
}
