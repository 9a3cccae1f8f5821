//! `retry-on`.

use super::args::invalid;
use super::{Args, Keyword, Sections, inert, served};
use crate::diag::Diagnostic;
use crate::draft::ProxyDraft;
use crate::model::RetryOn;

const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);

/// The rows.
pub(crate) static RETRY: &[Keyword<ProxyDraft>] = &[served(
    "retry-on",
    "none | [conn-failure] [empty-response] [junk-response] [response-timeout] [0rtt-rejected] [all-retryable-errors] [<status>]…",
    DB,
    "which failures are tried again",
    retry_on,
)
.strict()];

/// Statuses that a request may be tried again for.
const STATUSES: [u16; 11] = [401, 403, 404, 408, 425, 429, 500, 501, 502, 503, 504];

/// Words of it.
const WORDS: [&str; 7] = [
    "none",
    "conn-failure",
    "empty-response",
    "junk-response",
    "response-timeout",
    "0rtt-rejected",
    "all-retryable-errors",
];

fn retry_on(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let mut on = RetryOn { failed_connections: false, ..RetryOn::default() };
    let first = args.word("what is to be tried again")?;
    if first.text != "none" {
        let mut next = Some(first);
        while let Some(word) = next {
            match word.as_ref() {
                "conn-failure" => on.failed_connections = true,
                "empty-response" => on.empty_responses = true,
                "junk-response" => on.junk_responses = true,
                "response-timeout" => on.timeouts = true,
                early @ "0rtt-rejected" => {
                    inert::argument_note(early, "nothing is sent before the handshake is over", args);
                }
                "all-retryable-errors" => all(&mut on),
                other => match other.parse().ok().filter(|status| STATUSES.contains(status)) {
                    Some(status) => on.statuses.push(status),
                    None => {
                        let error = invalid(word, format!("'{other}' cannot be tried again on"));
                        return Err(error.nearest(word, WORDS));
                    }
                },
            }
            next = args.take();
        }
    }
    proxy.retry_on = on;
    proxy.lines.retain(|line| !line.starts_with("retry-on "));
    proxy.lines.push(args.text());
    Ok(())
}

fn all(on: &mut RetryOn) {
    (on.failed_connections, on.empty_responses, on.junk_responses, on.timeouts) = (true, true, true, true);
    on.statuses.extend([500, 502, 503, 504]);
}
