//! `vnetlab drops`: the packets that a lab dropped, and why, in Azure's words.

mod row;

use std::process::ExitCode;

use anyhow::Result;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use goal_state::{DropReason, NicId};

use super::log::{self, Told, Words};
use crate::controller::protocol::{Dropped, Page, Request, Response, Turn};
use crate::output::Format;
use row::Row;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: log::Args,
    /// Only drops for this reason; several are separated by commas.
    #[arg(long, value_name = "LAYER", value_delimiter = ',', value_parser = reasons())]
    reason: Vec<DropReason>,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let wants = |dropped: &Dropped| args.reason.is_empty() || args.reason.contains(&dropped.drop.reason);
    log::run(&args.log, wants, format)
}

fn reasons() -> impl TypedValueParser<Value = DropReason> {
    PossibleValuesParser::new(DropReason::ALL.map(DropReason::as_str)).try_map(|word| {
        let mut reasons = DropReason::ALL.into_iter();
        reasons.find(|reason| reason.as_str() == word).ok_or("there is no such reason")
    })
}

impl Told for Dropped {
    type Row = Row;
    const WORDS: Words = Words {
        one: "drop",
        many: "drops",
        meanwhile: "what was dropped meanwhile",
        gap: "an agent was started again: what its host dropped meanwhile was not told",
    };
    const HEADINGS: &'static [&'static str] =
        &["TIME", "AT", "DIRECTION", "PROTOCOL", "SOURCE", "DESTINATION", "REASON", "DETAIL"];
    const WIDTHS: &'static [usize] = &[27, 16, 9, 8, 21, 21, 20];

    fn request(turn: Turn) -> Request {
        Request::Drops(turn)
    }

    fn page(response: Response) -> Result<Page<Self>, Box<Response>> {
        match response {
            Response::Drops(page) => Ok(page),
            other => Err(Box::new(other)),
        }
    }

    fn time_us(&self) -> u64 {
        self.drop.time_us
    }

    fn nic(&self) -> Option<&NicId> {
        self.drop.nic.as_ref()
    }

    fn row(&self) -> Row {
        Row::of(&self.drop, self.subnet.as_deref())
    }

    fn cells(&self) -> Vec<String> {
        self.row().cells()
    }
}
