//! Words of `global` for limits, sizes and the start of the process.

use super::args::invalid;
use super::global::once;
use super::{Args, Keyword, Sections, inert, served};
use crate::diag::Diagnostic;
use crate::draft::{GlobalDraft, Placed, ProcVarDraft};

const G: Sections = Sections::GLOBAL;

/// The smallest and the largest HTTP/2 frame that can be agreed on (RFC 9113, section 4.2).
const FRAME: std::ops::RangeInclusive<u32> = 16_384..=16_777_215;

/// The rows.
pub(crate) static TUNING: &[Keyword<GlobalDraft>] = &[
    served("quiet", "", G, "says nothing while starting", |g, _| on(&mut g.model.tuning.quiet)),
    served("zero-warning", "", G, "warnings are fatal", |g, _| on(&mut g.model.tuning.zero_warning)),
    served("set-dumpable", "", G, "permits core dumps", |g: &mut GlobalDraft, a| {
        g.tuning.dumpable = !a.negated;
        Ok(())
    })
    .negatable(),
    served("strict-limits", "", G, "fails if limits cannot be raised", |g: &mut GlobalDraft, a| {
        g.tuning.lenient_limits = a.negated && !a.reset;
        Ok(())
    })
    .negatable(),
    served("fd-hard-limit", "<number>", G, "the most files that are computed with", |g, a| {
        limit(a, &mut g.model.tuning.fd_hard_limit)
    }),
    served("nosplice", "", G, "no splicing", |g, _| on(&mut g.model.tuning.no_splice)),
    served("grace", "<time>", G, "how long a stop waits before it begins", |g, a| {
        g.tuning.grace = Some(a.time()?);
        Ok(())
    }),
    inert(
        "localpeer",
        "<name>",
        G,
        "this instance's name among the peers",
        "there are no peers yet; it sets HAPROXY_LOCALPEER only",
    ),
    served("spread-checks", "<percent>", G, "how much the intervals of checks vary", |g, a| {
        g.spread_checks = a.number(0..=50)?;
        Ok(())
    }),
    served("max-spread-checks", "<time>", G, "the most that first checks are spread over", |g, a| {
        g.tuning.max_spread_checks = Some(a.time()?);
        Ok(())
    }),
    served("maxconnrate", "<number>", G, "new connections in a second", |g, a| {
        limit(a, &mut g.model.tuning.limits.connection_rate)
    }),
    served("maxsessrate", "<number>", G, "new sessions in a second", |g, a| {
        limit(a, &mut g.model.tuning.limits.session_rate)
    }),
    served("maxsslconn", "<number>", G, "concurrent TLS connections", |g, a| {
        limit(a, &mut g.model.tuning.limits.tls_connections)
    }),
    served("maxsslrate", "<number>", G, "TLS handshakes in a second", |g, a| {
        limit(a, &mut g.model.tuning.limits.tls_rate)
    }),
    served("maxcomprate", "<number>", G, "kilobytes that go into compression in a second", |g, a| {
        limit(a, &mut g.model.tuning.limits.compression_rate)?;
        let rate = &mut g.model.tuning.limits.compression_rate;
        *rate = rate.map(|kilobytes| kilobytes.saturating_mul(1024));
        Ok(())
    }),
    served("server-state-base", "<folder>", G, "where files of server states are", |g, a| {
        let folder = a.word("a folder")?.text.clone().into();
        once(&mut g.state_base, folder, a)
    }),
    served("server-state-file", "<file>", G, "the file of server states", |g, a| {
        let word = a.word("a file")?;
        let file = Placed::new(word.text.clone(), word.span);
        once(&mut g.state_file, file, a)
    }),
    served("set-var", "<variable> <expression>", G, "sets a variable of the process", |g, a| {
        variable(g, a, false)
    }),
    served("set-var-fmt", "<variable> <format>", G, "sets a variable of the process to a text", |g, a| {
        variable(g, a, true)
    }),
    served("tune.bufsize", "<size>", G, "the size of a buffer", |g, a| size(a, &mut g.model.tuning.buffer)),
    served("tune.maxrewrite", "<size>", G, "room for rewriting headers", |g, a| {
        size(a, &mut g.model.tuning.max_rewrite)
    }),
    served("tune.http.maxhdr", "<number>", G, "header fields in a message", |g, a| {
        g.tuning.http_fields = Some(a.number(1..=32_767)?);
        Ok(())
    }),
    served("tune.http.logurilen", "<number>", G, "bytes of a request line in logs", |g, a| {
        limit(a, &mut g.model.tuning.log_uri_bytes)
    }),
    served(
        "tune.h2.initial-window-size",
        "<number>",
        G,
        "bytes of a body that HTTP/2 clients may send unasked",
        |g, a| number(a, &mut g.model.tuning.h2.window),
    ),
    served("tune.h2.fe.initial-window-size", "<number>", G, "the same, as later versions have it", |g, a| {
        number(a, &mut g.model.tuning.h2.window)
    }),
    served(
        "tune.h2.max-concurrent-streams",
        "<number>",
        G,
        "requests at a time of an HTTP/2 client",
        |g, a| number(a, &mut g.model.tuning.h2.streams),
    ),
    served(
        "tune.h2.fe.max-concurrent-streams",
        "<number>",
        G,
        "the same, as later versions have it",
        |g, a| number(a, &mut g.model.tuning.h2.streams),
    ),
    served("h2-workaround-bogus-websocket-clients", "", G, "does not offer WebSocket over HTTP/2", |g, _| {
        on(&mut g.model.tuning.h2.no_websocket)
    }),
    served("tune.h2.max-frame-size", "<number>", G, "bytes of an HTTP/2 frame", |g, a| {
        g.tuning.h2.frame = Some(a.number(FRAME)?);
        Ok(())
    }),
    served("tune.rcvbuf.client", "<size>", G, "receive buffers of clients", |g, a| {
        size(a, &mut g.model.tuning.client_buffers.receive)
    }),
    served("tune.rcvbuf.server", "<size>", G, "receive buffers of servers", |g, a| {
        size(a, &mut g.model.tuning.server_buffers.receive)
    }),
    served("tune.sndbuf.client", "<size>", G, "send buffers of clients", |g, a| {
        size(a, &mut g.model.tuning.client_buffers.send)
    }),
    served("tune.sndbuf.server", "<size>", G, "send buffers of servers", |g, a| {
        size(a, &mut g.model.tuning.server_buffers.send)
    }),
    served("tune.pipesize", "<size>", G, "the size of pipes for splicing", |g, a| {
        size(a, &mut g.model.tuning.pipe_bytes)
    }),
];

fn on(field: &mut bool) -> Result<(), Diagnostic> {
    *field = true;
    Ok(())
}

/// A number, of which zero means the built-in value.
fn limit(args: &mut Args<'_>, field: &mut Option<u32>) -> Result<(), Diagnostic> {
    *field = Some(args.number(0..=u32::MAX)?).filter(|n| *n > 0);
    Ok(())
}

fn number(args: &mut Args<'_>, field: &mut Option<u32>) -> Result<(), Diagnostic> {
    *field = Some(args.number(1..=i32::MAX.unsigned_abs())?);
    Ok(())
}

/// A size in bytes, of which zero means the built-in value.
fn size(args: &mut Args<'_>, field: &mut Option<u32>) -> Result<(), Diagnostic> {
    let size = u32::try_from(args.size()?).map_err(|_| invalid(args.last(), "the size is beyond 4 GB"))?;
    *field = Some(size).filter(|n| *n > 0);
    Ok(())
}

/// `set-var VARIABLE EXPRESSION` and `set-var-fmt VARIABLE FORMAT`: compiled once all names are known.
fn variable(global: &mut GlobalDraft, args: &mut Args<'_>, format: bool) -> Result<(), Diagnostic> {
    let word = args.word("a variable such as proc.name")?;
    if !word.starts_with("proc.") {
        let error = invalid(word, format!("'{}' is not a variable of the process", word.text));
        return Err(error.label("expected proc. and a name"));
    }
    let value = args.take_rest().to_vec();
    global.variables.push(ProcVarDraft { name: word.clone(), value, format });
    Ok(())
}
