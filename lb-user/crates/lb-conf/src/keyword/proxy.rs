//! Words of `defaults`, `frontend`, `backend` and `listen` that belong to no family of their own.

use std::time::Duration;

use super::args::invalid;
use super::{Args, Keyword, Sections, bind, inert, log, newer, refused, served, server, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft, StateSource};
use crate::model::Mode;

const F: Sections = Sections::FRONTEND;
const B: Sections = Sections::BACKEND;
const FB: Sections = F.union(B);
const DF: Sections = Sections::DEFAULTS.union(F);
const DB: Sections = Sections::DEFAULTS.union(B);
const DFB: Sections = DF.union(DB);

/// What bare digits count where seconds are usual.
const SECOND: Duration = Duration::from_secs(1);

/// The rows.
pub(crate) static PROXY: &[Keyword<ProxyDraft>] = &[
    served("mode", "tcp|http", DFB, "what the proxy understands of its traffic", mode),
    served("bind", "<address>[,…] [<setting>…]", F, "an address that accepts connections", bind::bind),
    served("server", "<name> <address>[:<port>] [<setting>…]", B, "a server", server::server).strict(),
    served("default-server", "<setting>…", DB, "settings of the servers that follow", server::default_server)
        .strict(),
    served(
        "default_backend",
        "<backend>",
        DF,
        "the backend for traffic that no rule sends elsewhere",
        |p: &mut ProxyDraft, a| {
            let word = a.word("the name of a backend")?;
            p.default_backend = Some(Placed::new(word.text.clone(), word.span));
            Ok(())
        },
    ),
    served("maxconn", "<number>", DF, "concurrent connections; beyond it accepting stops", |p, a| {
        p.maxconn = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
        Ok(())
    }),
    served("backlog", "<number>", DF, "connections that may wait to be accepted", |p, a| {
        p.backlog = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
        Ok(())
    }),
    served(
        "fullconn",
        "<number>",
        DB,
        "concurrent connections at which minconn has grown to maxconn",
        |p, a| {
            p.fullconn = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
            Ok(())
        },
    ),
    served("retries", "<number>", DB, "attempts to connect beyond the first", |p, a| {
        p.retries = Some(a.number(0..=u32::MAX)?);
        Ok(())
    }),
    served("disabled", "", DFB, "takes no traffic", |p, _| {
        p.disabled = true;
        Ok(())
    }),
    served("enabled", "", DFB, "takes traffic", |p, _| {
        p.disabled = false;
        Ok(())
    }),
    served("description", "<text>…", FB, "free text in statistics", |p, a| {
        if a.peek().is_none() {
            a.word("a text")?;
        }
        let words: Vec<_> = a.take_rest().iter().map(|w| w.text.as_str()).collect();
        p.description = Some(words.join(" "));
        Ok(())
    }),
    served("id", "<number>", FB, "the proxy's number in statistics", |p, a| {
        let number = a.number(1..=u32::MAX)?;
        p.id = Some(Placed::new(number, a.last().span));
        Ok(())
    }),
    served(
        "log",
        "global | <address> [len <size>] [format <name>] <facility> [<level> [<least>]]",
        DFB,
        "where traffic is logged",
        log::proxy_log,
    )
    .negatable(),
    served("log-tag", "<text>", DFB, "the program's name in logs", |p, a| {
        p.log_tag = Some(a.word("a name")?.text.clone());
        Ok(())
    }),
    newer("backup", "", DB, "is a backup"),
    served("bind-process", "[<set>…]", DFB, "which processes serve; there is one", |_, a| {
        while a.peek().is_some() {
            bind::process_set(a)?;
        }
        let warning =
            Diagnostic::warning(Code::Deprecated, "'bind-process' is an old word, and has no effect");
        a.note(warning.at(a.whole()).label("leave it out"));
        Ok(())
    }),
    served("clitcpka-cnt", "<number>", DF, "probes before a client counts as gone", |p, a| {
        p.client_keep_alive.count = Some(a.number(1..=u32::from(u8::MAX))?);
        Ok(())
    }),
    served("clitcpka-idle", "<time>", DF, "silence before clients are probed", |p, a| {
        p.client_keep_alive.idle = Some(a.time_in(SECOND)?);
        Ok(())
    }),
    served("clitcpka-intvl", "<time>", DF, "between two probes of clients", |p, a| {
        p.client_keep_alive.interval = Some(a.time_in(SECOND)?);
        Ok(())
    }),
    unread("dispatch", "<address>", B, "an address that takes all traffic"),
    refused("email-alert", "<setting>…", DFB, "alerts by mail", "alerts by mail are left to monitoring"),
    refused("external-check", "command|path <text>", DB, "checks by a program", "no program is started"),
    unread("filter", "<name> <setting>…", FB, "processes the stream"),
    newer("force-be-switch", "if|unless <condition>", F, "uses disabled backends"),
    refused(
        "grace",
        "<time>",
        DFB,
        "how long a listener stays open when stopping",
        "removed from HAProxy too: write it in the global section",
    ),
    newer("guid", "<text>", FB, "a name that survives reloads"),
    newer("hash-preserve-affinity", "<when>", DB, "how a hash treats full servers"),
    served("load-server-state-from-file", "global|local|none", DB, "takes up states of a file", |p, a| {
        let sources =
            [("global", Some(StateSource::Global)), ("local", Some(StateSource::Local)), ("none", None)];
        p.load_states = a.choice(&sources)?;
        keep_line(p, a);
        Ok(())
    }),
    newer("log-steps", "<list>", DF, "when traffic is logged"),
    inert(
        "max-session-srv-conns",
        "<number>",
        DF,
        "server connections that a client keeps",
        "idle server connections belong to the worker and not to a client",
    ),
    served("http-send-name-header", "<name>", DB, "tells the server its name in a header", |p, a| {
        p.send_name_header = Some(a.word("the name of a header")?.text.as_str().into());
        p.lines.retain(|line| !line.starts_with("http-send-name-header"));
        p.lines.push(a.text());
        Ok(())
    }),
    refused("monitor-net", "<network>", DF, "sources that only test the port", "removed from HAProxy too"),
    unread("persist", "rdp-cookie [(<name>)]", DB, "keeps clients on their servers by an RDP cookie"),
    newer("quic-initial", "<action> …", DF, "rules for new QUIC connections"),
    served(
        "server-state-file-name",
        "<file>|use-backend-name",
        DB,
        "the file of server states",
        |p: &mut ProxyDraft, a| {
            let word = a.word("a file, or 'use-backend-name'")?;
            let named = (word.text != "use-backend-name").then(|| word.text.clone());
            p.state_file = named.map(|name| Placed::new(name, word.span));
            keep_line(p, a);
            Ok(())
        },
    ),
    served(
        "server-template",
        "<prefix> <number>|<low>-<high> <name>:<port> [<setting>…]",
        B,
        "servers by number",
        server::template,
    )
    .strict(),
    served("srvtcpka-cnt", "<number>", DB, "probes before a server counts as gone", |p, a| {
        p.server_keep_alive.count = Some(a.number(1..=u32::from(u8::MAX))?);
        Ok(())
    }),
    served("srvtcpka-idle", "<time>", DB, "silence before servers are probed", |p, a| {
        p.server_keep_alive.idle = Some(a.time_in(SECOND)?);
        Ok(())
    }),
    served("srvtcpka-intvl", "<time>", DB, "between two probes of servers", |p, a| {
        p.server_keep_alive.interval = Some(a.time_in(SECOND)?);
        Ok(())
    }),
    unread("transparent", "", DB, "connects to where the client wanted to"),
    refused("use-fcgi-app", "<name>", B, "speaks FastCGI", "FastCGI is left to the application server"),
    refused("clitimeout", "<time>", DF, "the longest silence of a client", "write 'timeout client'"),
    refused("contimeout", "<time>", DB, "the longest that connecting may take", "write 'timeout connect'"),
    refused("srvtimeout", "<time>", DB, "the longest silence of a server", "write 'timeout server'"),
    refused("redispatch", "", DB, "another server is tried", "write 'option redispatch'"),
    refused("appsession", "<cookie> …", DB, "sessions of applications", "write 'stick on'"),
    refused("block", "if|unless <condition>", FB, "refuses requests", "write 'http-request deny'"),
    refused("reqadd", "<text>", DFB, "adds a header", "write 'http-request add-header'"),
    refused("reqallow", "<regex>", DFB, "allows requests", "write 'http-request allow'"),
    refused("reqdel", "<regex>", DFB, "removes headers", "write 'http-request del-header'"),
    refused("reqdeny", "<regex>", DFB, "refuses requests", "write 'http-request deny'"),
    refused("reqrep", "<regex> <text>", DFB, "replaces headers", "write 'http-request replace-header'"),
    refused("reqirep", "<regex> <text>", DFB, "replaces headers", "write 'http-request replace-header'"),
    refused("rspadd", "<text>", DFB, "adds a header", "write 'http-response add-header'"),
    refused("rspdel", "<regex>", DFB, "removes headers", "write 'http-response del-header'"),
    refused("rsprep", "<regex> <text>", DFB, "replaces headers", "write 'http-response replace-header'"),
];

/// Keeps a line that the model cannot be turned back into, of which the last one counts.
fn keep_line(proxy: &mut ProxyDraft, args: &Args<'_>) {
    let begin = format!("{} ", args.head().text);
    proxy.lines.retain(|line| !line.starts_with(&begin));
    proxy.lines.push(args.text());
}

fn mode(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("'tcp' or 'http'")?;
    proxy.mode = match word.as_ref() {
        "tcp" => Mode::Tcp,
        "http" => Mode::Http,
        "log" | "spop" => {
            let message = format!("'mode {}' is not supported yet by lbx", word.text);
            return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
        }
        "health" => {
            let error = invalid(word, "'mode health' exists no more");
            return Err(error.label("write 'http-request return status 200'"));
        }
        _ => {
            let error =
                invalid(word, format!("unknown mode '{}'", word.text)).label("expected 'tcp' or 'http'");
            return Err(error.nearest(word, ["tcp", "http"]));
        }
    };
    Ok(())
}
