//! `timeout`.

use std::time::Duration;

use super::{Args, Keyword, Sections, served, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::{ProxyDraft, Timeouts};

const DF: Sections = Sections::DEFAULTS.union(Sections::FRONTEND);
const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);
const DFB: Sections = DF.union(DB);

/// The rows.
pub(crate) static TIMEOUTS: &[Keyword<ProxyDraft>] = &[
    served("timeout client", "<time>", DF, "the longest silence of a client", |p, a| {
        set(p, a, |t| &mut t.client)
    }),
    served("timeout client-fin", "<time>", DF, "the same on a half-closed connection", |p, a| {
        set(p, a, |t| &mut t.client_fin)
    }),
    served(
        "timeout http-request",
        "<time>",
        DFB,
        "the longest time that a request's head may take",
        |p, a| set(p, a, |t| &mut t.http_request),
    ),
    served("timeout http-keep-alive", "<time>", DFB, "the longest wait for the next request", |p, a| {
        set(p, a, |t| &mut t.http_keep_alive)
    }),
    served("timeout connect", "<time>", DB, "the longest that connecting to a server may take", |p, a| {
        set(p, a, |t| &mut t.connect)
    }),
    served("timeout server", "<time>", DB, "the longest silence of a server", |p, a| {
        set(p, a, |t| &mut t.server)
    }),
    served("timeout server-fin", "<time>", DB, "the same on a half-closed connection", |p, a| {
        set(p, a, |t| &mut t.server_fin)
    }),
    served("timeout check", "<time>", DB, "the longest that the answer to a check may take", |p, a| {
        set(p, a, |t| &mut t.check)
    }),
    served("timeout queue", "<time>", DB, "the longest wait for a server's turn", |p, a| {
        set(p, a, |t| &mut t.queue)
    }),
    served("timeout tunnel", "<time>", DB, "the longest silence in both directions of a tunnel", |p, a| {
        set(p, a, |t| &mut t.tunnel)
    }),
    served("timeout tarpit", "<time>", DFB, "how long a tarpitted client waits for its error", |p, a| {
        set(p, a, |t| &mut t.tarpit)
    }),
    unread("timeout client-hs", "<time>", DF, "the longest that a TLS handshake may take"),
];

/// Reads a time into the field that `field` chooses.
fn set(
    proxy: &mut ProxyDraft,
    args: &mut Args<'_>,
    field: fn(&mut Timeouts) -> &mut Option<Duration>,
) -> Result<(), Diagnostic> {
    let time = args.time()?;
    let inherited = *field(&mut proxy.inherited);
    let current = field(&mut proxy.timeouts);
    let in_defaults = args.sections == Sections::DEFAULTS;
    if !in_defaults && current.is_some() && *current != inherited {
        let message =
            format!("'{} {}' overwrites an earlier value of this section", args.head().text, word(args));
        args.note(Diagnostic::warning(Code::Duplicate, message).at(args.whole()));
    }
    *current = Some(time);
    Ok(())
}

fn word<'a>(args: &Args<'a>) -> &'a str {
    args.words().get(1).map(|w| w.text.as_str()).unwrap_or_default()
}
