//! Actions that answer, or end what goes on.

use super::{ActionRow, Places, RuleArgs, row};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Status;
use crate::keyword::invalid;
use crate::lex::Word;
use crate::model::{Action, ErrorAnswer, Redirect, RedirectTo, Reply, ReplyBody};
use lb_expr::Style;

const TCP: Places = Places::TCP_CONNECTION.union(Places::TCP_SESSION).union(Places::TCP_CONTENT);
const TR: Places = Places::TCP_RESPONSE;
const Q: Places = Places::HTTP_REQUEST;
const R: Places = Places::HTTP_RESPONSE;
const A: Places = Places::HTTP_AFTER_RESPONSE;
const S: Places = Places::STATS;

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(Status::Served, "allow", "", Q.union(R).union(A).union(S), "passes over the rules behind it", |_| {
        Ok(Action::Allow)
    }),
    row(Status::Served, "accept", "", TCP.union(TR), "passes over the rules behind it", |_| {
        Ok(Action::Allow)
    }),
    row(Status::Served, "deny", "[status <code>] [<reply>…]", Q.union(S), "refuses the request", |a| {
        Ok(Action::Deny(Box::new(reply(a, 403)?)))
    }),
    row(Status::Served, "deny", "[status <code>] [<reply>…]", R, "refuses the response", |a| {
        Ok(Action::Deny(Box::new(reply(a, 502)?)))
    }),
    row(
        Status::Served,
        "tarpit",
        "[status <code>] [<reply>…]",
        Q,
        "refuses the request after a while",
        |a| Ok(Action::Tarpit(Box::new(reply(a, 500)?))),
    ),
    row(Status::Served, "return", "[status <code>] [<reply>…]", Q.union(R), "answers", |a| {
        Ok(Action::Return(Box::new(reply(a, 200)?)))
    }),
    row(
        Status::Served,
        "redirect",
        "location|prefix|scheme <format> [<setting>…]",
        Q.union(R),
        "answers with a redirect",
        |a| Ok(Action::Redirect(Box::new(redirect(a)?))),
    ),
    row(Status::Served, "auth", "[realm <text>]", Q.union(S), "asks for a user and a password", |a| {
        let realm = if a.args.take_if("realm") { Some(a.args.word("a text")?.text.clone()) } else { None };
        Ok(Action::Auth { realm })
    }),
    row(
        Status::Served,
        "reject",
        "",
        TCP.union(TR).union(Q),
        "closes the connection without an answer",
        |_| Ok(Action::Reject),
    ),
    row(Status::Served, "close", "", TR, "closes the connection to the server", |_| Ok(Action::Close)),
    row(
        Status::Served,
        "silent-drop",
        "",
        TCP.union(TR).union(Q).union(R),
        "forgets the connection without telling the client",
        |_| Ok(Action::SilentDrop),
    ),
];

/// Words of an answer.
const REPLY: [&str; 12] = [
    "status",
    "deny_status",
    "content-type",
    "default-errorfiles",
    "errorfile",
    "errorfiles",
    "file",
    "lf-file",
    "string",
    "lf-string",
    "hdr",
    "if",
];

/// `[status CODE] [content-type TYPE] [BODY] [hdr NAME FORMAT]…`
pub(crate) fn reply(a: &mut RuleArgs<'_, '_>, status: u16) -> Result<Reply, Diagnostic> {
    let mut reply = Reply { status, content_type: None, body: ReplyBody::None, headers: Vec::new() };
    let mut sections = Vec::new();
    old_status(&mut reply, a)?;
    while a.more() {
        let word = a.args.word("a setting")?;
        match word.as_ref() {
            "status" => reply.status = a.args.number(200..=599)?,
            "content-type" => reply.content_type = Some(a.args.word("a media type")?.text.clone()),
            "hdr" => {
                let name = a.header()?;
                reply.headers.push((name, a.format("a format")?));
            }
            "default-errorfiles" => body(&mut reply, ReplyBody::ErrorAnswer, word)?,
            "errorfile" => {
                let bytes = read(a)?;
                body(&mut reply, ReplyBody::Message(bytes), word)?;
            }
            "file" => {
                let bytes = read(a)?;
                body(&mut reply, ReplyBody::Bytes(bytes), word)?;
            }
            "string" => {
                let text = a.args.word("a text")?.text.clone();
                body(&mut reply, ReplyBody::Bytes(text.into_bytes()), word)?;
            }
            "lf-string" => {
                let format = a.format("a format")?;
                body(&mut reply, ReplyBody::Format(format), word)?;
            }
            "lf-file" => {
                let format = file_format(a)?;
                body(&mut reply, ReplyBody::Format(format), word)?;
            }
            "errorfiles" => {
                let name = a.args.word("the name of an http-errors section")?;
                let answers = a.compiler.names.http_errors(name)?;
                sections.push((answers, word));
            }
            _ => {
                let error = invalid(word, format!("unknown word '{}' of an answer", word.text));
                return Err(error.label("expected status, content-type, a body or hdr").nearest(word, REPLY));
            }
        }
    }
    for (answers, word) in sections {
        // A section without an answer of the status leaves it to the proxy.
        let own = match answers.get(&reply.status).map(|answer| &**answer) {
            Some(ErrorAnswer::Raw(bytes)) => ReplyBody::Message(bytes.clone()),
            _ => ReplyBody::ErrorAnswer,
        };
        body(&mut reply, own, word)?;
    }
    check(&reply, a)?;
    Ok(reply)
}

/// `deny_status CODE`, the old form, which stands before all else of a refusal.
fn old_status(reply: &mut Reply, a: &mut RuleArgs<'_, '_>) -> Result<(), Diagnostic> {
    let refuses = a.word.is_some_and(|word| word.text == "deny" || word.text == "tarpit");
    if refuses && a.args.take_if("deny_status") {
        reply.status = a.args.number(200..=599)?;
    }
    Ok(())
}

fn body(reply: &mut Reply, body: ReplyBody, word: &Word) -> Result<(), Diagnostic> {
    if !matches!(reply.body, ReplyBody::None) {
        let error =
            Diagnostic::alert(Code::Conflict, format!("'{}': the answer has a body already", word.text));
        return Err(error.at(word.span));
    }
    reply.body = body;
    Ok(())
}

fn check(reply: &Reply, a: &RuleArgs<'_, '_>) -> Result<(), Diagnostic> {
    let has_body = match &reply.body {
        ReplyBody::Bytes(bytes) => !bytes.is_empty(),
        ReplyBody::Format(_) => true,
        _ => false,
    };
    if has_body && reply.content_type.is_none() {
        let error = Diagnostic::alert(Code::MissingArgument, "the answer has a body, but no 'content-type'");
        return Err(error.at(a.args.whole()));
    }
    Ok(())
}

fn read(a: &mut RuleArgs<'_, '_>) -> Result<Vec<u8>, Diagnostic> {
    let word = a.args.word("a file")?;
    a.args
        .host
        .read(word.text.as_ref())
        .map_err(|e| Diagnostic::alert(Code::File, format!("cannot read '{}': {e}", word.text)).at(word.span))
}

fn file_format(a: &mut RuleArgs<'_, '_>) -> Result<lb_expr::LogFormat, Diagnostic> {
    let bytes = read(a)?;
    let word = a.args.last();
    let text = String::from_utf8(bytes)
        .map_err(|_| Diagnostic::alert(Code::File, format!("'{}' is not UTF-8", word.text)).at(word.span))?;
    let format = a.compiler.format(word, &text, Style::Http)?;
    a.note_bytes(&format, word);
    Ok(format)
}

/// Statuses of redirects.
const REDIRECTS: [(&str, u16); 5] = [("301", 301), ("302", 302), ("303", 303), ("307", 307), ("308", 308)];

/// `location|prefix|scheme FORMAT [SETTING…]`
pub(crate) fn redirect(a: &mut RuleArgs<'_, '_>) -> Result<Redirect, Diagnostic> {
    let (mut to, mut status, mut set_cookie) = (None, 302, None);
    let (mut drop_query, mut append_slash, mut ignore_empty) = (false, false, false);
    while a.more() {
        let word = a.args.word("a setting")?;
        match word.as_ref() {
            "location" => to = Some(RedirectTo::Location(a.format("a URL")?)),
            "prefix" => to = Some(RedirectTo::Prefix(a.format("the beginning of a URL")?)),
            "scheme" => to = Some(RedirectTo::Scheme(a.format("a scheme such as https")?)),
            "code" => status = a.args.choice(&REDIRECTS)?,
            "drop-query" => drop_query = true,
            "append-slash" => append_slash = true,
            "ignore-empty" => ignore_empty = true,
            "set-cookie" => {
                let cookie = a.args.word("<name>[=<value>]")?;
                let equals = if cookie.contains('=') { "" } else { "=" };
                set_cookie = Some(format!("{}{equals}; path=/;", cookie.text));
            }
            "clear-cookie" => {
                let cookie = a.args.word("<name>[=]")?;
                let equals = if cookie.contains('=') { "" } else { "=" };
                set_cookie = Some(format!("{}{equals}; path=/; Max-Age=0;", cookie.text));
            }
            _ => {
                let known = [
                    "location",
                    "prefix",
                    "scheme",
                    "code",
                    "drop-query",
                    "append-slash",
                    "ignore-empty",
                    "set-cookie",
                    "clear-cookie",
                ];
                let error = invalid(word, format!("unknown word '{}' of a redirect", word.text));
                return Err(error.label("expected location, prefix or scheme").nearest(word, known));
            }
        }
    }
    let to = to.ok_or_else(|| {
        let error =
            Diagnostic::alert(Code::MissingArgument, "the redirect says not where to").at(a.args.whole());
        error.label("expected location, prefix or scheme")
    })?;
    Ok(Redirect { to, status, drop_query, append_slash, ignore_empty, set_cookie })
}
