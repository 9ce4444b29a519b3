//! How far a slow thing is, on standard error: a bar on a terminal, a few lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// One line of progress.
pub(super) enum ProgressLine {
    Bar(ProgressBar),
    /// What it is about, and the quarters that were told.
    Lines {
        title: String,
        told: u32,
    },
}

impl ProgressLine {
    /// Begins with this title.
    pub(super) fn begin(title: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            output::tell(format_args!("{title}: applying"));
            return Self::Lines { title: title.to_owned(), told: 0 };
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{bar:32}] {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Bar(bar)
    }

    /// Says how far it is.
    pub(super) fn advance(&mut self, what: &str, done: u32, total: u32) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(total.into());
                bar.set_position(done.into());
                bar.set_message(what.to_owned());
            }
            Self::Lines { title, told } => {
                let quarter = (done * 4).checked_div(total).unwrap_or(0);
                if quarter > *told {
                    *told = quarter;
                    output::tell(format_args!("{title}: {} % ({what})", quarter * 25));
                }
            }
        }
    }

    /// Ends it.
    pub(super) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
