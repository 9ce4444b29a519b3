//! Problems for people: the source line, a caret, what is wrong and what would be right.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::{Diagnostic, Lines, Severity};
use crate::topology::Span;

/// Longer lines are not shown: nobody reads them, and the renderer takes long over them.
const LONGEST_LINE: usize = 4096;

/// Whether a terminal reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// With ANSI colours.
    Colored,
}

/// The problems of `file`, whose content is `text`, one after the other.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], file: &str, text: &str, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colored => Renderer::styled(),
    };
    let lines = Lines::new(text);
    let mut rendered = String::new();
    for diagnostic in diagnostics {
        rendered.push_str(&renderer.render(&[group(diagnostic, file, text, &lines)]));
        rendered.push_str("\n\n");
    }
    rendered
}

fn group<'a>(diagnostic: &'a Diagnostic, file: &'a str, text: &'a str, lines: &Lines<'_>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(normalize_untrusted_str(&diagnostic.message)).id(diagnostic.code);
    let (line, number, span) = source_line(text, lines, diagnostic.span);
    let label = diagnostic.label.as_deref().map(normalize_untrusted_str);
    let annotation = AnnotationKind::Primary.span(span.into()).label(label);
    let group = if line.len() <= LONGEST_LINE {
        title.element(Snippet::source(line).line_start(number).path(file).annotation(annotation))
    } else {
        title.element(Origin::path(file).line(number))
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(normalize_untrusted_str(help))),
        None => group,
    }
}

/// The line where `span` begins, its number, and the part of the span on it.
fn source_line<'a>(text: &'a str, lines: &Lines<'_>, span: Span) -> (&'a str, usize, Span) {
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let end = text.floor_char_boundary(span.end).clamp(start, line_end);
    let number = lines.position(start).line;
    (&text[line_start..line_end], number, Span { start: start - line_start, end: end - line_start })
}
