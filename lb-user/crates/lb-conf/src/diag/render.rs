//! Diagnostics as text and as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::{Diagnostic, Severity};
use crate::source::Sources;
use crate::span::Span;

/// How text is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Without colours.
    #[default]
    Plain,
    /// With ANSI colours, for a terminal.
    Colour,
}

/// A diagnostic as text of several lines: the message, the line with its marks, and the help.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Alert => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Notice => Level::NOTE,
        Severity::Diag => Level::INFO,
    };
    let title = level.with_name(diagnostic.severity.name()).primary_title(diagnostic.message.as_str());
    let mut group = Group::with_title(title);
    if let Some(span) = diagnostic.span {
        group = group.element(snippet(sources, span, diagnostic.label.as_deref(), AnnotationKind::Primary));
    }
    for (span, reason) in &diagnostic.related {
        group = group.element(snippet(sources, *span, Some(reason), AnnotationKind::Context));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    renderer.render(&[group])
}

fn snippet<'a>(
    sources: &Sources,
    span: Span,
    label: Option<&'a str>,
    kind: AnnotationKind,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = sources.line(span.file, span.line).unwrap_or_default().trim_end_matches('\r').to_owned();
    let (start, end) = columns(span, &text);
    Snippet::source(text)
        .line_start(span.line as usize)
        .path(sources.path(span.file).display().to_string())
        .annotation(kind.span(start..end).label(label))
}

/// The marked bytes of a line, moved to where characters begin and end.
fn columns(span: Span, text: &str) -> (usize, usize) {
    let start = text.floor_char_boundary((span.start.saturating_sub(1) as usize).min(text.len()));
    let end = text.ceil_char_boundary((span.end.saturating_sub(1) as usize).clamp(start, text.len()));
    (start, end)
}

#[derive(Serialize)]
struct Line<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    help: &'a [String],
}

#[derive(Serialize)]
struct Place {
    file: String,
    line: u32,
    column: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    place: Place,
    reason: &'a str,
}

fn place(sources: &Sources, span: Span) -> Place {
    let file = sources.path(span.file).display().to_string();
    Place { file, line: span.line, column: span.start, end_column: span.end }
}

/// A diagnostic as one line of JSON, for editors and pipelines.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let line = Line {
        severity: diagnostic.severity.name(),
        code: diagnostic.code.name(),
        message: &diagnostic.message,
        place: diagnostic.span.map(|s| place(sources, s)),
        expected: diagnostic.label.as_deref(),
        related: diagnostic
            .related
            .iter()
            .map(|(s, reason)| Related { place: place(sources, *s), reason })
            .collect(),
        help: &diagnostic.help,
    };
    serde_json::to_string(&line).unwrap_or_else(|e| format!("{{\"severity\":\"alert\",\"message\":\"{e}\"}}"))
}
