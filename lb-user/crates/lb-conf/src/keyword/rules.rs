//! Words whose lines are compiled once all names are known: conditions, rules and formats.

use super::args::invalid;
use super::section::SectionKind;
use super::{Args, Keyword, Sections, order, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{FormatDraft, Placed, ProxyDraft, RuleDraft, RuleKind};
use crate::model::{Column, KeyType};
use crate::span::Span;

const F: Sections = Sections::FRONTEND;
const B: Sections = Sections::BACKEND;
const FB: Sections = F.union(B);
const DF: Sections = Sections::DEFAULTS.union(F);
const DFB: Sections = DF.union(B);

/// The rows. Those of rules are served as far as their actions are.
pub(crate) static RULES: &[Keyword<ProxyDraft>] = &[
    served(
        "acl",
        "<name> <criterion> [<flag>…] [<operator>] [<pattern>…]",
        DFB,
        "names a condition",
        |p, a| keep(p, a, RuleKind::Acl),
    ),
    served(
        "tcp-request",
        "connection|session|content <action> [if|unless <condition>] | inspect-delay <time>",
        DFB,
        "rules for connections",
        |p, a| keep(p, a, RuleKind::TcpRequest),
    ),
    served(
        "tcp-response",
        "content <action> [if|unless <condition>] | inspect-delay <time>",
        DFB,
        "rules for what servers send",
        tcp_response,
    ),
    served("http-request", "<action> [if|unless <condition>]", DFB, "rules for requests", http_request),
    served(
        "http-response",
        "<action> [if|unless <condition>]",
        DFB,
        "rules for responses of servers",
        |p, a| keep(p, a, RuleKind::HttpResponse),
    ),
    served(
        "http-after-response",
        "<action> [if|unless <condition>]",
        DFB,
        "rules for all responses",
        |p, a| keep(p, a, RuleKind::HttpAfterResponse),
    ),
    served(
        "redirect",
        "location|prefix|scheme <format> [<setting>…] [if|unless <condition>]",
        FB,
        "redirects requests",
        |p, a| keep(p, a, RuleKind::Redirect),
    ),
    served("use_backend", "<backend> [if|unless <condition>]", F, "sends traffic to a backend", |p, a| {
        keep(p, a, RuleKind::UseBackend)
    }),
    served("use-server", "<server> if|unless <condition>", B, "sends traffic to a server", |p, a| {
        keep(p, a, RuleKind::UseServer)
    }),
    served(
        "stick",
        "on|match|store-request|store-response <expression> [table <name>] [if|unless <condition>]",
        B,
        "keeps clients on their servers by a table",
        |p, a| keep(p, a, RuleKind::Stick),
    ),
    served("monitor", "fail if|unless <condition>", F, "when the monitor reports failure", |p, a| {
        a.choice(&[("fail", ())])?;
        keep(p, a, RuleKind::MonitorFail)
    }),
    served("http-error", "status <code> [<reply>…]", DFB, "the answer to an error", |p, a| {
        keep(p, a, RuleKind::HttpError)
    }),
    served("force-persist", "if|unless <condition>", B, "uses servers that are down", |p, a| {
        keep(p, a, RuleKind::ForcePersist)
    }),
    served("ignore-persist", "if|unless <condition>", B, "disregards persistence", |p, a| {
        keep(p, a, RuleKind::IgnorePersist)
    }),
    served(
        "stick-table",
        "type <type> size <size> [expire <time>] [nopurge] [peers <name>] [srvkey name|addr] [store <column>[,…]]…",
        FB,
        "a table of counters and servers by key",
        stick_table,
    ),
    served("log-format", "<format>", DFB, "how traffic is logged", |p, a| {
        keep_format(p, a);
        p.log_format = Some(FormatDraft::Text(a.word("a format")?.clone()));
        Ok(())
    }),
    served("error-log-format", "<format>", DF, "how failed connections are logged", |p, a| {
        keep_format(p, a);
        p.error_log_format = Some(FormatDraft::Text(a.word("a format")?.clone()));
        Ok(())
    }),
    served("log-format-sd", "<format>", DF, "the structured part of logs", |p, a| {
        keep_format(p, a);
        p.log_format_sd = Some(FormatDraft::Text(a.word("a format")?.clone()));
        Ok(())
    }),
    served("unique-id-format", "<format>", DF, "how requests are numbered", |p, a| {
        keep_format(p, a);
        p.unique_id_format = Some(FormatDraft::Text(a.word("a format")?.clone()));
        Ok(())
    }),
    served("unique-id-header", "<name>", DF, "the header that tells servers the number", |p, a| {
        let word = a.word("the name of a header")?;
        p.unique_id_header = Some(Placed::new(word.text.clone(), word.span));
        Ok(())
    }),
    served("option httplog", "[clf]", DFB, "logs requests", |p, a| {
        let name = if a.take_if("clf") { "httplog clf" } else { "httplog" };
        keep_format(p, a);
        p.log_format = Some(FormatDraft::Named(name, a.whole()));
        Ok(())
    }),
    served("option httpslog", "", DFB, "logs requests and TLS", |p, a| {
        keep_format(p, a);
        p.log_format = Some(FormatDraft::Named("httpslog", a.whole()));
        Ok(())
    }),
    served("option tcplog", "[clf]", DFB, "logs connections", |p, a| {
        keep_format(p, a);
        p.log_format = Some(FormatDraft::Named("tcplog", a.whole()));
        Ok(())
    }),
];

/// Keeps a format's line, of which the last one of a kind counts. Backends log nothing: their frontends do.
fn keep_format(proxy: &mut ProxyDraft, args: &mut Args<'_>) {
    let kind = |text: &str| text.split(' ').next().map(str::to_owned);
    let text = args.text();
    if proxy.kind == SectionKind::Backend {
        let message = format!("'{}' has no effect in backends", kind(&text).unwrap_or_default());
        let warning = Diagnostic::warning(Code::NoEffect, message).at(args.whole());
        args.note(warning.help("frontends log in their own format"));
    }
    proxy.lines.retain(|line| kind(line) != kind(&text));
    proxy.lines.push(text);
}

pub(super) fn keep(proxy: &mut ProxyDraft, args: &mut Args<'_>, kind: RuleKind) -> Result<(), Diagnostic> {
    if args.sections == Sections::DEFAULTS
        && proxy.name.is_empty()
        && ![RuleKind::Stick, RuleKind::HttpError].contains(&kind)
    {
        let message = format!("'{}' needs a defaults section with a name", args.head().text);
        return Err(Diagnostic::alert(Code::Misplaced, message).at(args.span()));
    }
    order::note(proxy, args, kind);
    let head = args.head().clone();
    proxy.lines.push(args.text());
    proxy.rules.push(RuleDraft { kind, words: args.take_rest().to_vec(), head });
    Ok(())
}

/// `tcp-response …`. A frontend sees nothing of servers.
fn tcp_response(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let content = args.peek().filter(|word| word.text == "content" && args.sections == F);
    if let Some(content) = content {
        let error =
            Diagnostic::alert(Code::Misplaced, "'tcp-response content' is for backends").at(content.span);
        return Err(error.label("valid in defaults, backend and listen"));
    }
    keep(proxy, args, RuleKind::TcpResponse)
}

/// `http-request …`. A frontend has no servers whose timeouts could be set; what it inherits may be meant for others.
fn http_request(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let action = args.peek().filter(|word| word.text == "set-timeout" && args.sections == F);
    if let Some(action) = action {
        let error = Diagnostic::alert(Code::Misplaced, "'set-timeout' is for backends").at(action.span);
        return Err(error.label("valid in backend and listen"));
    }
    keep(proxy, args, RuleKind::HttpRequest)
}

/// A `stick-table` as it is written.
#[derive(Clone, Debug)]
pub(crate) struct TableDraft {
    pub(crate) key: KeyType,
    pub(crate) size: u32,
    pub(crate) expire: Option<std::time::Duration>,
    pub(crate) no_purge: bool,
    pub(crate) server_by_address: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) span: Span,
}

/// Bytes of a key whose length is not given.
const KEY_LENGTH: u32 = 32;

fn stick_table(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let (mut key, mut size) = (None, None);
    let mut table = TableDraft {
        key: KeyType::Ipv4,
        size: 0,
        expire: None,
        no_purge: false,
        server_by_address: false,
        columns: Vec::new(),
        span: args.whole(),
    };
    while let Some(word) = args.take() {
        match word.as_ref() {
            "type" => key = Some(key_type(args)?),
            "size" => size = Some(args.size()?),
            "expire" => table.expire = Some(args.time()?),
            "nopurge" => table.no_purge = true,
            "srvkey" => table.server_by_address = args.choice(&[("name", false), ("addr", true)])?,
            "store" => columns(&mut table, args)?,
            "peers" | "write-to" | "recv-only" => {
                let message = format!("'{}' of a stick-table is not supported yet by lbx", word.text);
                return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
            }
            _ => {
                let known = ["type", "size", "expire", "nopurge", "srvkey", "store", "peers"];
                let error = invalid(word, format!("unknown word '{}' of 'stick-table'", word.text));
                return Err(error
                    .label(format!("expected {}", super::args::one_of(&known)))
                    .nearest(word, known));
            }
        }
    }
    let missing = |what: &str| {
        Diagnostic::alert(Code::MissingArgument, format!("the stick-table has no '{what}'")).at(args.whole())
    };
    table.key = key.ok_or_else(|| missing("type"))?;
    table.size =
        size.filter(|s| *s > 0).and_then(|s| u32::try_from(s).ok()).ok_or_else(|| missing("size"))?;
    if let Some(first) = &proxy.table {
        let error =
            Diagnostic::alert(Code::Duplicate, "the proxy has a stick-table already").at(args.whole());
        return Err(error.related(first.span, "the first one"));
    }
    proxy.table = Some(table);
    Ok(())
}

fn key_type(args: &mut Args<'_>) -> Result<KeyType, Diagnostic> {
    type Make = fn(u32) -> KeyType;
    let types: [(&str, Make); 5] = [
        ("ip", |_| KeyType::Ipv4),
        ("ipv6", |_| KeyType::Ipv6),
        ("integer", |_| KeyType::Integer),
        ("string", KeyType::String),
        ("binary", KeyType::Binary),
    ];
    let make = args.choice(&types)?;
    let has_length = matches!(make(KEY_LENGTH), KeyType::String(_) | KeyType::Binary(_));
    let length = if has_length && args.take_if("len") { args.number(1..=65_535)? } else { KEY_LENGTH };
    Ok(make(length))
}

fn columns(table: &mut TableDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("a column such as http_req_rate(10s)")?;
    for (range, text) in super::list::split(word) {
        let column = super::columns::parse(text).map_err(|why| {
            let error = Diagnostic::alert(Code::InvalidArgument, why).at(word.part(range.clone()));
            error.nearest(text.split('(').next().unwrap_or(text), super::columns::names())
        })?;
        table.columns.push(column);
    }
    exclusive(&table.columns).map_err(|why| Diagnostic::alert(Code::Conflict, why).at(word.span))
}

/// An array of counters takes the place of the single ones.
fn exclusive(columns: &[Column]) -> Result<(), String> {
    let shown: Vec<_> = columns.iter().map(|column| super::columns::show(*column)).collect();
    let has = |name: &str| shown.iter().any(|s| s.split('(').next() == Some(name));
    let rows: [(&str, &[&str]); 3] =
        [("gpt", &["gpt0"]), ("gpc", &["gpc0", "gpc1"]), ("gpc_rate", &["gpc0_rate", "gpc1_rate"])];
    for (array, singles) in rows.into_iter().filter(|(array, _)| has(array)) {
        if let Some(single) = singles.iter().find(|single| has(single)) {
            return Err(format!("a table has '{array}' or '{single}', not both"));
        }
    }
    Ok(())
}
