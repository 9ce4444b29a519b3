//! What a lab tells of again and again, dropped packets and switched data paths: what is remembered, and what comes.

mod choice;
pub(super) mod logged;
mod source;

use std::process::ExitCode;

use anyhow::Result;
use goal_state::NicId;
use serde::Serialize;

use super::lab_choice::LabChoice;
use crate::controller::protocol::{Entry, Page, Request, Response, Turn};
use crate::output::{self, Format};
use choice::{Choice, Filter};
use logged::Logged;
use source::Source;

pub(super) use logged::time;

// Of the same name as those of the command around them.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Go on with each new one, until Ctrl-C or the lab's end.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    choice: Choice,
    /// Begin with the last N of those that are remembered; 0 with --follow shows new ones only.
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,
}

/// Something that a lab tells of.
pub(super) trait Told: Sized {
    /// It as programs read it: the stable interface.
    type Row: Serialize;
    /// What it is called.
    const WORDS: Words;
    /// Of its columns.
    const HEADINGS: &'static [&'static str];
    /// Of the columns of a table that nobody knows the end of. The last one needs none.
    const WIDTHS: &'static [usize];

    /// Asks a controller for such.
    fn request(turn: Turn) -> Request;

    /// The controller's answer.
    ///
    /// # Errors
    /// The response itself when it is another one.
    fn page(response: Response) -> Result<Page<Self>, Box<Response>>;

    /// When, in microseconds since 1970 (Unix time).
    fn time_us(&self) -> u64;

    /// At which NIC; none when nobody knows.
    fn nic(&self) -> Option<&NicId>;

    /// It as programs read it.
    fn row(&self) -> Self::Row;

    /// It as people read it, a text for each heading.
    fn cells(&self) -> Vec<String>;
}

/// How to speak of such things.
pub(super) struct Words {
    /// `drop`.
    pub(super) one: &'static str,
    /// `drops`.
    pub(super) many: &'static str,
    /// What is missed by who is not there: `what was dropped meanwhile`.
    pub(super) meanwhile: &'static str,
    /// Where nobody knows how many were lost, as a sentence.
    pub(super) gap: &'static str,
}

/// Shows what is remembered, as far as it is wanted, and follows what comes.
///
/// # Errors
/// A refusal when there is no such lab, VM or NIC; when the lab's controller does not answer.
pub(super) fn run<T: Told>(args: &Args, wants: impl Fn(&T) -> bool, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let filter = Filter::of(&args.choice, &lab)?;
    let wants = |told: &T| filter.wants(told) && wants(told);
    let mut source = Source::<T>::open(&lab)?;
    let mut logged = Logged::default();
    while let Some(page) = source.page()?
        && !page.entries.is_empty()
    {
        logged.forgotten += page.forgotten;
        note(&mut logged, &wants, page.entries);
    }
    // Each host tells in its own order.
    logged.value.sort_by_key(T::time_us);
    if let Some(tail) = args.tail {
        logged.value.drain(..logged.value.len().saturating_sub(tail));
    }
    if args.follow {
        follow(&mut source, &wants, &logged, format)?;
    } else {
        output::show(&logged, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn note<T: Told>(logged: &mut Logged<T>, wants: &impl Fn(&T) -> bool, entries: Vec<Entry<T>>) {
    for entry in entries {
        match entry {
            Entry::Told(told) if wants(&told) => logged.value.push(told),
            Entry::Told(_) => {}
            Entry::Lost { count: 0 } => logged.gaps += 1,
            Entry::Lost { count } => logged.lost += count,
        }
    }
}

/// Prints what there is, then each new one on its own.
fn follow<T: Told>(
    source: &mut Source<T>,
    wants: &impl Fn(&T) -> bool,
    logged: &Logged<T>,
    format: Format,
) -> Result<()> {
    logged.tell_untold();
    let header = if format == Format::Table { logged::header::<T>() } else { String::new() };
    let mut open = output::print_if_read(&header)? && logged.print(format)?;
    while open && let Some(page) = source.next_page()? {
        // Who follows has not seen what is forgotten either.
        let mut logged = Logged { lost: page.forgotten, ..Logged::default() };
        note(&mut logged, wants, page.entries);
        logged.tell_untold();
        open = logged.print(format)?;
    }
    Ok(())
}
