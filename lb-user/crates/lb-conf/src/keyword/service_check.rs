//! `option mysql-check` and the checks of other services.

use super::args::invalid;
use super::{Args, check};
use crate::diag::Diagnostic;
use crate::draft::{CheckKind, ProxyDraft};
use crate::lex::Word;
use crate::model::{MysqlUser, ServiceCheck};

type Outcome = Result<(), Diagnostic>;

/// The longest name of a user: packets of logins have a length of one byte in places.
const LONGEST_USER: usize = 200;

fn choose(proxy: &mut ProxyDraft, args: &Args<'_>, service: ServiceCheck) -> Outcome {
    check::choose(proxy, args, CheckKind::Service(service));
    Ok(())
}

pub(super) fn ldap(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    choose(proxy, args, ServiceCheck::Ldap)
}

pub(super) fn redis(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    choose(proxy, args, ServiceCheck::Redis)
}

pub(super) fn ssl_hello(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    choose(proxy, args, ServiceCheck::SslHello)
}

/// `option mysql-check [user NAME [post-41|pre-41]]`
pub(super) fn mysql(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    if args.peek().is_none() {
        return choose(proxy, args, ServiceCheck::Mysql(None));
    }
    let name = user(args)?;
    let pre_41 = match args.peek() {
        None => false,
        Some(_) => args.choice(&[("post-41", false), ("pre-41", true)])?,
    };
    choose(proxy, args, ServiceCheck::Mysql(Some(MysqlUser { name, pre_41 })))
}

/// `option pgsql-check user NAME`
pub(super) fn pgsql(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    let user = user(args)?;
    choose(proxy, args, ServiceCheck::Pgsql { user })
}

fn user(args: &mut Args<'_>) -> Result<String, Diagnostic> {
    args.choice(&[("user", ())])?;
    let name = args.word("the name of a user")?;
    if name.len() > LONGEST_USER {
        return Err(invalid(name, format!("the name has more than {LONGEST_USER} bytes")));
    }
    Ok(name.text.clone())
}

/// `option smtpchk [HELLO DOMAIN]`; a command that is none stands for HELO.
pub(super) fn smtp(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Outcome {
    let hello = match args.take() {
        None => "HELO localhost".to_owned(),
        Some(command) => {
            let known = ["HELO", "EHLO"].into_iter().find(|name| *name == command.text);
            let domain = args.word("the name of a domain")?;
            refuse_spaces(domain)?;
            format!("{} {}", known.unwrap_or("HELO"), domain.text)
        }
    };
    choose(proxy, args, ServiceCheck::Smtp { hello })
}

/// A line feed would begin a second command.
fn refuse_spaces(domain: &Word) -> Outcome {
    if domain.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err(invalid(domain, format!("'{}' is not a domain", domain.text.escape_debug())));
    }
    Ok(())
}
