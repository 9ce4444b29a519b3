//! Where what is told comes from: the lab's controller, or the next one when it was killed.

use std::marker::PhantomData;

use anyhow::{Result, bail};

use super::Told;
use crate::cli::lasting_link::{Answer, LastingLink};
use crate::controller::protocol::{Page, Turn};
use crate::lab::RunningLab;
use crate::output;

/// Reads page after page.
pub(super) struct Source<T> {
    link: LastingLink,
    after: u64,
    of: PhantomData<T>,
}

impl<T: Told> Source<T> {
    /// Begins with the oldest.
    ///
    /// # Errors
    /// When the lab's controller does not answer.
    pub(super) fn open(lab: &RunningLab) -> Result<Self> {
        Ok(Self { link: LastingLink::open(lab)?, after: 0, of: PhantomData })
    }

    /// What there is now; none when the lab has ended.
    ///
    /// # Errors
    /// When neither the controller answers nor the lab ends.
    pub(super) fn page(&mut self) -> Result<Option<Page<T>>> {
        self.ask(false)
    }

    /// What comes next, once there is something.
    ///
    /// # Errors
    /// See [`Self::page`].
    pub(super) fn next_page(&mut self) -> Result<Option<Page<T>>> {
        self.ask(true)
    }

    fn ask(&mut self, wait: bool) -> Result<Option<Page<T>>> {
        loop {
            match self.link.ask(T::request(Turn { after: self.after, wait }))? {
                Answer::Response(response) => match T::page(response) {
                    Ok(page) => {
                        self.after = page.next;
                        return Ok(Some(page));
                    }
                    Err(other) => bail!("the controller answers {other:?}"),
                },
                Answer::NewController => {
                    // It has heard nothing of what the one before knew.
                    self.after = 0;
                    output::tell(format_args!(
                        "the lab's controller was started again: {} was not told",
                        T::WORDS.meanwhile
                    ));
                }
                Answer::LabEnded => return Ok(None),
            }
        }
    }
}
