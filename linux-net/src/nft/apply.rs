//! Putting a ruleset into a namespace, and recognising it later.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use super::device;
use super::kernel::{self, TableEntry};
use super::table::{Ruleset, Table};
use super::text::Comment;
use super::write::Transaction;
use crate::netns::{NetNs, NetNsError};
use crate::process::find_program;

/// The first word of the comment of every table that is ours.
const MARK: &str = "linux-net";

/// A failure around nft.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The namespace could not be entered.
    #[error("cannot run nft")]
    NetNs(#[from] NetNsError),
    /// The program could not be started or talked to.
    #[error("cannot run nft (Debian: apt install nftables)")]
    Run(#[source] io::Error),
    /// nft or the kernel refused the ruleset; nothing was changed.
    #[error("nft refuses the ruleset in {namespace}: {stderr}{}", .line.as_ref().map(|l| format!(" in: {l}")).unwrap_or_default())]
    Refused {
        /// Where.
        namespace: String,
        /// What nft says.
        stderr: String,
        /// The line of the ruleset that it is about, if it says so.
        line: Option<String>,
    },
    /// The kernel could not list something.
    #[error("cannot list the {what} in {namespace}")]
    List {
        /// What.
        what: &'static str,
        /// Where.
        namespace: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Makes `ruleset` the ruleset of the namespace, in one transaction: its tables are replaced as a whole, tables that an
/// earlier ruleset of ours left are removed, tables of others stay. Counters of replaced tables begin at 0.
///
/// # Errors
/// Nothing has changed then.
pub fn apply(namespace: &NetNs, ruleset: &Ruleset) -> Result<(), NftError> {
    let present = tables(namespace)?;
    let indexes = device::indexes(namespace, ruleset)?;
    let mark = mark(ruleset, &ruleset.digest_with(&indexes));
    let outdated = present.iter().filter(|table| Mark::of(table).is_some() || is_wanted(table, ruleset));
    if let Some(transaction) = Transaction::new(ruleset, &indexes, &mark, &outdated.collect::<Vec<_>>()) {
        // What the kernel refuses nft may know better; or it says in its own words what is wrong.
        if namespace.run(|| transaction.commit_here())?.is_ok() {
            return Ok(());
        }
    }
    apply_by_nft(namespace, ruleset, &mark, &present)
}

fn apply_by_nft(
    namespace: &NetNs,
    ruleset: &Ruleset,
    mark: &Comment,
    present: &[TableEntry],
) -> Result<(), NftError> {
    let script = script(ruleset, mark, present);
    let output = run(namespace, &["-f", "-"], &script)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let line = offending_line(&stderr, &script);
    Err(NftError::Refused { namespace: namespace.to_string(), stderr, line })
}

/// What [`digest_in`](super::digest_in) said of the ruleset that is in the namespace when it was applied; `None` when there is none of ours, or only a part.
/// It says what was applied: somebody's later change of a rule does not show.
pub fn current_digest(namespace: &NetNs) -> Result<Option<String>, NftError> {
    let tables = tables(namespace)?;
    let owned: Vec<Mark> = tables.iter().filter_map(Mark::of).collect();
    let Some(first) = owned.first() else { return Ok(None) };
    let whole = owned.len() == first.total && owned.iter().all(|mark| mark.digest == first.digest);
    Ok(whole.then(|| first.digest.to_owned()))
}

/// Removes all tables of ours from the namespace.
pub fn delete(namespace: &NetNs) -> Result<(), NftError> {
    apply(namespace, &Ruleset::default())
}

/// What the comment of a table of ours says.
struct Mark<'a> {
    digest: &'a str,
    /// How many tables the ruleset had.
    total: usize,
}

impl<'a> Mark<'a> {
    fn of(table: &'a TableEntry) -> Option<Self> {
        let mut words = table.comment.split(' ');
        let ours = words.next() == Some(MARK);
        let (digest, total) = (words.next()?, words.next()?.parse().ok()?);
        ours.then_some(Self { digest, total })
    }
}

/// By which its tables are known again.
fn mark(ruleset: &Ruleset, digest: &str) -> Comment {
    Comment::lossy(&format!("{MARK} {digest} {}", ruleset.tables.len()))
}

fn script(ruleset: &Ruleset, mark: &Comment, present: &[TableEntry]) -> String {
    let mut script = String::new();
    // Only what is there: a transaction that deletes takes the kernel much longer.
    for table in present.iter().filter(|table| Mark::of(table).is_some() || is_wanted(table, ruleset)) {
        // Writing to a String cannot fail. `delete` alone would fail if the table has gone away meanwhile.
        let _ = writeln!(script, "add table {0} {1}\ndelete table {0} {1}", table.family, table.name);
    }
    for table in &ruleset.tables {
        let _ = table.print(&mut script, Some(mark));
    }
    script
}

fn is_wanted(present: &TableEntry, ruleset: &Ruleset) -> bool {
    let same =
        |table: &Table| present.name == table.name.as_str() && present.family == table.family.to_string();
    ruleset.tables.iter().any(same)
}

fn tables(namespace: &NetNs) -> Result<Vec<TableEntry>, NftError> {
    let failed = |source| NftError::List { what: "tables", namespace: namespace.to_string(), source };
    kernel::tables(namespace)?.map_err(failed)
}

/// Runs nft on a thread inside the namespace, which the program inherits.
fn run(namespace: &NetNs, arguments: &[&str], input: &str) -> Result<Output, NftError> {
    namespace.run(|| run_here(arguments, input))?.map_err(NftError::Run)
}

fn run_here(arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut child = Command::new(find_program("nft").unwrap_or_else(|| "nft".into()))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // nft reads everything before it writes anything, so neither side can block the other.
        match stdin.write_all(input.as_bytes()) {
            // It has refused its arguments; it says why on stderr.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
    }
    child.wait_with_output()
}

/// nft begins a complaint with `/dev/stdin:LINE:COLUMN`.
fn offending_line(stderr: &str, script: &str) -> Option<String> {
    let position = stderr.split("/dev/stdin:").nth(1)?;
    let number: usize = position.split(':').next()?.parse().ok()?;
    Some(script.lines().nth(number.checked_sub(1)?)?.trim().to_owned())
}
