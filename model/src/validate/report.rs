//! The problems found so far: validation never stops at the first.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::topology::{Span, Spanned};

use super::name::{Caseless, Names, resource_name_problem};

/// More errors than this are counted, not told: nobody reads them, and a broken generator can make millions.
const MOST_ERRORS: usize = 1000;
/// So many names are compared in search of the ones that were meant.
const MOST_COMPARISONS: usize = 100_000;

/// Collects problems.
#[derive(Debug)]
pub(super) struct Report {
    /// Keys that could not be read, which has been told: nothing is said about their absence.
    omitted: HashSet<String>,
    /// Whether everything else could be read; otherwise lists may lack items.
    readable: bool,
    errors: Vec<Diagnostic>,
    /// Errors after the first [`MOST_ERRORS`].
    untold: usize,
    /// How many names were compared in search of the ones that were meant.
    comparisons: usize,
    warnings: Vec<Diagnostic>,
}

impl Report {
    /// No problems yet, for a file in which the keys `omitted` could not be read.
    pub(super) fn new(omitted: &[String], readable: bool) -> Self {
        Self {
            omitted: omitted.iter().map(|key| key.to_ascii_lowercase()).collect(),
            readable,
            errors: Vec::new(),
            untold: 0,
            comparisons: 0,
            warnings: Vec::new(),
        }
    }

    /// An error about an empty list, unless it may have lost its items because they could not be read.
    pub(super) fn empty(
        &mut self,
        code: &'static str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.readable {
            self.error(code, at, message, help);
        }
    }

    /// Whether a key of this name was written and could not be read.
    pub(super) fn is_omitted(&self, key: &str) -> bool {
        self.omitted.contains(&key.to_ascii_lowercase())
    }

    /// Azure, or this emulator, would refuse the file: `code` for programs, what is wrong, and what would be right.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(Diagnostic::error(code, at, message).help(help));
        } else {
            self.untold += 1;
        }
    }

    /// Azure accepts it, and it will surprise.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.warnings.push(Diagnostic::warning(code, at, message).help(help));
    }

    /// A feature of Azure that this emulator does not have yet.
    pub(super) fn not_built(&mut self, at: Span, feature: impl std::fmt::Display) {
        self.error("NotBuiltYet", at, format!("not built yet: {feature}"), "leave it out");
    }

    /// The position of the resource that `reference` names; an error when there is none.
    pub(super) fn resolve(
        &mut self,
        kind: &str,
        names: &Names,
        reference: &Spanned<String>,
    ) -> Option<usize> {
        self.resolve_in("", kind, names, &reference.value, reference.span)
    }

    /// The same for a resource inside another one, which the message writes before its name.
    pub(super) fn resolve_in(
        &mut self,
        parent: &str,
        kind: &str,
        names: &Names,
        name: &str,
        at: Span,
    ) -> Option<usize> {
        let found = names.find(name);
        if found.is_none() && !self.is_omitted(name) {
            self.comparisons += names.len();
            let few = self.comparisons <= MOST_COMPARISONS;
            let help = match if few { names.closest(name) } else { None } {
                Some(similar) => format!("did you mean `{parent}{similar}`?"),
                None if names.is_empty() => format!("there is no {kind} at all"),
                None => format!("there is {}", names.listed()),
            };
            self.error("InvalidResourceReference", at, format!("there is no {kind} `{parent}{name}`"), help);
        }
        found
    }

    /// The one of `names` that `word` was probably meant to be. Nobody's errors are so many that this takes long.
    pub(super) fn similar<'n>(
        &mut self,
        word: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<&'n str> {
        if self.comparisons > MOST_COMPARISONS {
            return None;
        }
        let mut compared = 0;
        let similar = did_you_mean(word, names.inspect(|_| compared += 1));
        self.comparisons += compared;
        similar
    }

    /// The names of all resources of one kind; an error for each that may not be one, or that is there already.
    pub(super) fn names<'n>(
        &mut self,
        kind: &str,
        limit: usize,
        names: impl IntoIterator<Item = &'n Spanned<String>>,
    ) -> Names {
        let mut all = Names::default();
        for name in names {
            self.check_name(kind, limit, name);
            if let Err(first) = all.add(&name.value) {
                self.two_of_one_name(kind, all.get(first), name);
            }
        }
        all
    }

    /// The same for names that nothing refers to.
    pub(super) fn check_names<'n>(
        &mut self,
        kind: &str,
        limit: usize,
        names: impl IntoIterator<Item = &'n Spanned<String>>,
    ) {
        let mut known = HashSet::new();
        for name in names {
            self.check_name(kind, limit, name);
            if let Some(Caseless(first)) = known.replace(Caseless(&name.value)) {
                self.two_of_one_name(kind, first, name);
                known.replace(Caseless(first));
            }
        }
    }

    fn check_name(&mut self, kind: &str, limit: usize, name: &Spanned<String>) {
        if let Some((problem, help)) = resource_name_problem(&name.value, limit) {
            let message = format!("{kind} name `{}` {problem}", name.value);
            self.error("InvalidResourceName", name.span, message, help);
        }
    }

    fn two_of_one_name(&mut self, kind: &str, first: &str, name: &Spanned<String>) {
        let message = format!("there are two {kind}s of one name: `{first}` and `{}`", name.value);
        let help = "case does not tell names apart: give one of them another name";
        self.error("DuplicateResourceName", name.span, message, help);
    }

    /// An error when there are more than allowed. `what` is written only then: give it as `format_args!`.
    pub(super) fn at_most(&mut self, limit: usize, count: usize, at: Span, what: impl std::fmt::Display) {
        if count > limit {
            let message = format!("there are {count} {what}; at most {limit} are allowed");
            self.error("LimitExceeded", at, message, format!("leave {} out", count - limit));
        }
    }

    /// An error when a number is not one of those allowed.
    pub(super) fn within(&mut self, allowed: RangeInclusive<u32>, number: &Spanned<u32>, what: &str) {
        if !allowed.contains(&number.value) {
            let message = format!("{what} is {number}");
            let help = format!("use a number from {} to {}", allowed.start(), allowed.end());
            self.error("ValueOutOfRange", number.span, message, help);
        }
    }

    /// Whether everything in the file could be read.
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether the file can become a network.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// The warnings of a clean file, or every problem, errors first.
    pub(super) fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.is_clean() {
            return Ok(self.warnings);
        }
        if let Some(last) = self.errors.last().filter(|_| self.untold > 0) {
            let message = format!("there are {} more errors", self.untold);
            let more = Diagnostic::error("TooManyErrors", last.span, message).help("mend the first ones");
            self.errors.push(more);
        }
        self.errors.append(&mut self.warnings);
        Err(self.errors)
    }
}
