//! The statistics page: what it answers, for whoever has the connection and has asked for the password.

mod form;
mod html;
#[cfg(test)]
mod tests;

use lb_conf::model::StatsPage;

use super::{Filter, Info, Row, csv, json, rows};
use crate::host::Process;
use crate::runtime::Runtime;
use crate::tick::Tick;

/// The body of a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It has more than [`FORM_BYTES`].
    TooLong,
}

/// The longest form that is read: a little less than what is ever read ahead of a body.
pub const FORM_BYTES: usize = 15 * 1024 - 1;

/// A request for the page.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// What follows the page's URI in the request's target: `;` and words.
    pub options: &'a str,
    /// The body of a POST.
    pub form: Option<Form<'a>>,
    /// Whether the client may change servers (`stats admin`).
    pub admin: bool,
}

/// What the page is made from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its settings.
    pub page: &'a StatsPage,
    /// The state.
    pub runtime: &'a Runtime,
    /// The process.
    pub process: &'a Process,
    /// Now.
    pub now: Tick,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, or 303 after a form.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// `refresh`, in seconds.
    pub refresh: Option<u64>,
    /// `location`.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// The options of a page's URI, which begin with a semicolon each. None: the target is another one's.
pub fn options<'t>(page: &StatsPage, target: &'t str) -> Option<&'t str> {
    target.strip_prefix(page.uri.as_str())
}

/// Answers a request.
pub fn answer(source: &Source<'_>, asked: &Asked<'_>) -> Answer {
    if let Some(form) = asked.form {
        let outcome = match form {
            _ if !asked.admin => form::Outcome::Denied,
            Form::TooLong => form::Outcome::TooLong,
            Form::Whole(bytes) => form::submit(source, bytes),
        };
        return Answer {
            status: 303,
            content_type: "text/plain",
            refresh: None,
            location: Some(format!("{};st={}{}", source.page.uri, outcome.code(), kept(asked.options))),
            body: String::new(),
        };
    }
    let has = |option| asked.options.split(';').any(|word| word == option);
    let filter = Filter { no_maint: has("no-maint"), up: has("up"), ..Filter::default() };
    let rows = shown(source, &filter);
    let (content_type, body) = match (has("csv"), has("json")) {
        (true, _) => ("text/plain", csv(&rows)),
        (false, true) => ("application/json", json(&rows)),
        (false, false) => ("text/html; charset=utf-8", page(source, asked, &rows)),
    };
    let refresh = source.page.refresh.filter(|_| !has("norefresh")).map(|refresh| refresh.as_secs());
    Answer { status: 200, content_type, refresh, location: None, body }
}

/// Options of a page that the page behind a form has, too.
const KEPT: [&str; 3] = ["up", "no-maint", "norefresh"];

fn kept(options: &str) -> String {
    let has = |option: &&str| options.split(';').any(|word| word == *option);
    KEPT.into_iter().filter(has).map(|option| format!(";{option}")).collect()
}

// `stats scope`
fn shown(source: &Source<'_>, filter: &Filter) -> Vec<Row> {
    let mut rows = rows(&source.runtime.load(), filter, source.process.maxconn, source.now);
    let scope = &source.page.scope;
    rows.retain(|row| scope.is_empty() || scope.contains(&row.proxy().name));
    rows
}

fn page(source: &Source<'_>, asked: &Asked<'_>, rows: &[Row]) -> String {
    let info =
        Info::new(source.process.clone(), source.runtime.process(), &source.runtime.load(), source.now);
    let note = asked.options.split(';').find_map(|word| form::Outcome::of(word.strip_prefix("st=")?));
    html::page(&html::Content {
        page: source.page,
        process: source.process,
        info: &info,
        note,
        admin: asked.admin,
        rows,
    })
}
