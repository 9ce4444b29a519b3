//! `vnetlab drops`: the packets that a lab dropped, and why, in Azure's words.

mod filter;
mod row;
mod source;

use std::process::ExitCode;

use anyhow::Result;

use super::lab_choice::LabChoice;
use crate::controller::protocol::{DropEntry, DropPage};
use crate::output::{self, Format, sentence};
use filter::Filter;
use row::{Drops, Row};
use source::Source;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// Go on with each new drop, until Ctrl-C or the lab's end.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: filter::Choice,
    /// Begin with the last N of the drops that are remembered; 0 with --follow shows new ones only.
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<usize>,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let filter = Filter::of(&args.filter, &lab)?;
    let mut source = Source::open(&lab)?;
    let mut drops = Drops::default();
    while let Some(page) = source.page()?
        && !page.entries.is_empty()
    {
        drops.forgotten += page.forgotten;
        page.entries.into_iter().for_each(|entry| note(&mut drops, &filter, entry));
    }
    // Each host tells in its own order.
    drops.value.sort_by_key(|row| row.time_us);
    if let Some(tail) = args.tail {
        drops.value.drain(..drops.value.len().saturating_sub(tail));
    }
    if args.follow {
        follow(&mut source, &filter, &drops, format)?;
    } else {
        output::show(&drops, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn note(drops: &mut Drops, filter: &Filter, entry: DropEntry) {
    match entry {
        DropEntry::Drop { drop, subnet } if filter.wants(&drop) => {
            drops.value.push(Row::of(&drop, subnet.as_deref()));
        }
        DropEntry::Drop { .. } => {}
        DropEntry::Lost { count: 0 } => drops.gaps += 1,
        DropEntry::Lost { count } => drops.lost += count,
    }
}

/// Prints what there is, then each new drop on its own.
fn follow(source: &mut Source, filter: &Filter, drops: &Drops, format: Format) -> Result<()> {
    tell_untold(drops);
    let header = if format == Format::Table { row::header() } else { String::new() };
    let mut open = output::print_if_read(&header)? && print_rows(drops, format)?;
    while open && let Some(page) = source.next_page()? {
        let drops = drops_of(filter, page);
        tell_untold(&drops);
        open = print_rows(&drops, format)?;
    }
    Ok(())
}

/// What a page has to tell; who follows has not seen what is forgotten either.
fn drops_of(filter: &Filter, page: DropPage) -> Drops {
    let mut drops = Drops { lost: page.forgotten, ..Drops::default() };
    page.entries.into_iter().for_each(|entry| note(&mut drops, filter, entry));
    drops
}

/// Whether somebody reads on.
fn print_rows(drops: &Drops, format: Format) -> Result<bool> {
    let mut text = String::new();
    for row in &drops.value {
        text += &row.line(format)?;
    }
    output::print_if_read(&text)
}

/// On standard error, so that standard output is drops alone.
fn tell_untold(drops: &Drops) {
    drops.untold().iter().for_each(output::tell);
}

/// `1 drop`, `2 drops`.
fn count_of(count: u64) -> String {
    sentence(usize::try_from(count).unwrap_or(usize::MAX), "drop", "drops")
}
