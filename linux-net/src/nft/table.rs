//! Tables and what is in them, and how they print.

use std::fmt;

use super::device::Indexes;
use super::flow_map::FlowMap;
use super::statement::{Field, Statement, Value, join};
use super::text::{Comment, Name};

/// All tables of one owner in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In the order in which they print.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which packets it sees.
    pub family: Family,
    /// Its name, unique in the family.
    pub name: Name,
    /// Counters that rules refer to.
    pub counters: Vec<Counter>,
    /// Sets that rules refer to.
    pub sets: Vec<Set>,
    /// Sets in which rules count connections.
    pub connection_sets: Vec<ConnectionSet>,
    /// Maps in which rules remember flows.
    pub flow_maps: Vec<FlowMap>,
    /// Chains, in any order: names are resolved when the whole table is there.
    pub chains: Vec<Chain>,
}

/// Which packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv4 and IPv6.
    Inet,
    /// ARP.
    Arp,
    /// Frames that a bridge forwards.
    Bridge,
    /// Frames of one device.
    Netdev,
}

/// A named counter; it keeps counting as long as the table is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Unique in the table.
    pub name: Name,
    /// What it counts, for people.
    pub comment: Option<Comment>,
}

/// A named set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Unique in the table.
    pub name: Name,
    /// What it has elements of: the types of these fields, side by side.
    pub fields: Vec<Field>,
    /// Whether elements may be prefixes and ranges; overlapping ones are merged.
    pub intervals: bool,
    /// With several fields, [`Value::Tuple`]s. May be empty.
    pub elements: Vec<Value>,
}

/// A set in which rules count connections, see [`Statement::CountConnections`]. What has ended counts no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSet {
    /// Unique in the table.
    pub name: Name,
    /// What is counted together: the types of these fields, side by side.
    pub fields: Vec<Field>,
    /// How many different ones there may be at a time.
    pub size: u32,
}

/// A chain of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Unique in the table.
    pub name: Name,
    /// Where packets come from; `None` = from jumps only.
    pub hook: Option<Hook>,
    /// Tried from the first on.
    pub rules: Vec<Rule>,
}

/// Where in the kernel a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// What the chain is for.
    pub kind: ChainKind,
    /// Which point of the way.
    pub point: HookPoint,
    /// Smaller is earlier. -400 is before defragmentation, -200 conntrack, -150 mangle, -100 DNAT, 0 filter, 100 SNAT.
    pub priority: i32,
    /// What happens to a packet that no rule decides.
    pub policy: Policy,
    /// The devices, for the family netdev: at least one, and all of them there.
    pub devices: Vec<Name>,
}

/// What a chain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// Anything but the two below.
    Filter,
    /// Address translation: sees the first packet of a flow.
    Nat,
    /// Changes of locally made packets that must lead to a new routing decision.
    Route,
}

/// A point of a packet's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookPoint {
    /// As it comes from the device (family netdev).
    Ingress,
    /// As it goes to the device (family netdev).
    Egress,
    /// Before routing.
    Prerouting,
    /// To a local socket.
    Input,
    /// Through.
    Forward,
    /// From a local socket.
    Output,
    /// After routing.
    Postrouting,
}

/// What happens to a packet that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
}

/// One rule: statements from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Never empty.
    pub statements: Vec<Statement>,
    /// For people.
    pub comment: Option<Comment>,
}

impl Rule {
    /// A rule without a comment.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { statements: statements.into_iter().collect(), comment: None }
    }

    /// The same rule with a comment.
    pub fn comment(self, comment: Comment) -> Self {
        Self { comment: Some(comment), ..self }
    }
}

impl Table {
    /// An empty table.
    pub fn new(family: Family, name: Name) -> Self {
        let (counters, sets, connection_sets) = (Vec::new(), Vec::new(), Vec::new());
        let (flow_maps, chains) = (Vec::new(), Vec::new());
        Self { family, name, counters, sets, connection_sets, flow_maps, chains }
    }
}

impl Chain {
    /// A chain that packets come to by jumps only.
    pub fn new(name: Name, rules: Vec<Rule>) -> Self {
        Self { name, hook: None, rules }
    }

    /// A chain that stands at a hook.
    pub fn at(name: Name, hook: Hook, rules: Vec<Rule>) -> Self {
        Self { name, hook: Some(hook), rules }
    }
}

impl Hook {
    /// A filter chain.
    pub fn filter(point: HookPoint, priority: i32, policy: Policy) -> Self {
        Self { kind: ChainKind::Filter, point, priority, policy, devices: Vec::new() }
    }

    /// An address translation chain.
    pub fn nat(point: HookPoint, priority: i32) -> Self {
        Self { kind: ChainKind::Nat, point, priority, policy: Policy::Accept, devices: Vec::new() }
    }

    /// A filter chain at devices (family netdev).
    pub fn netdev(point: HookPoint, devices: Vec<Name>, priority: i32) -> Self {
        Self { kind: ChainKind::Filter, point, priority, policy: Policy::Accept, devices }
    }
}

impl Ruleset {
    /// What tells this ruleset from others: 128 bits of its text as 32 hexadecimal digits, the same in every build.
    pub fn digest(&self) -> String {
        self.digest_with(&Indexes::new())
    }

    /// The same of the text and the devices.
    pub(super) fn digest_with(&self, devices: &Indexes) -> String {
        let devices = devices.iter().map(|(name, index)| format!("{name} {index}\n")).collect::<String>();
        format!("{:032x}", fnv1a(format!("{self}{devices}").as_bytes()))
    }
}

/// FNV-1a with 128 bits: no protection against malice, and none is needed: who can write our tables can write the digest.
fn fnv1a(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| table.print(f, None))
    }
}

impl Table {
    /// Prints the table, with a comment if one is given.
    pub(super) fn print(&self, f: &mut dyn fmt::Write, comment: Option<&Comment>) -> fmt::Result {
        writeln!(f, "table {} {} {{", self.family, self.name)?;
        if let Some(comment) = comment {
            writeln!(f, "\tcomment {comment}")?;
        }
        self.counters.iter().try_for_each(|counter| writeln!(f, "{counter}"))?;
        self.sets.iter().try_for_each(|set| writeln!(f, "{set}"))?;
        self.connection_sets.iter().try_for_each(|set| writeln!(f, "{set}"))?;
        self.flow_maps.iter().try_for_each(|map| writeln!(f, "{map}"))?;
        self.chains.iter().try_for_each(|chain| writeln!(f, "{chain}"))?;
        writeln!(f, "}}")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, None)
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.comment {
            Some(comment) => write!(f, "\tcounter {} {{\n\t\tcomment {comment}\n\t}}", self.name),
            None => write!(f, "\tcounter {} {{\n\t}}", self.name),
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tset {} {{", self.name)?;
        f.write_str("\t\ttypeof ")?;
        join(f, &self.fields, " . ")?;
        writeln!(f)?;
        if self.intervals {
            writeln!(f, "\t\tflags interval\n\t\tauto-merge")?;
        }
        if !self.elements.is_empty() {
            f.write_str("\t\telements = { ")?;
            join(f, &self.elements, ", ")?;
            writeln!(f, " }}")?;
        }
        f.write_str("\t}")
    }
}

impl fmt::Display for ConnectionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tset {} {{", self.name)?;
        f.write_str("\t\ttypeof ")?;
        join(f, &self.fields, " . ")?;
        write!(f, "\n\t\tsize {}\n\t\tflags dynamic\n\t}}", self.size)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(hook) = &self.hook {
            writeln!(f, "\t\t{hook}")?;
        }
        self.rules.iter().try_for_each(|rule| writeln!(f, "\t\t{rule}"))?;
        f.write_str("\t}")
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {} hook {}", self.kind, self.point)?;
        match self.devices.as_slice() {
            [] => {}
            [device] => write!(f, " device \"{device}\"")?,
            devices => {
                f.write_str(" devices = { ")?;
                join(f, devices, ", ")?;
                f.write_str(" }")?;
            }
        }
        write!(f, " priority {}; policy {};", self.priority, self.policy)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.statements, " ")?;
        self.comment.as_ref().map_or(Ok(()), |comment| write!(f, " comment {comment}"))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        })
    }
}

impl fmt::Display for ChainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        })
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        })
    }
}
