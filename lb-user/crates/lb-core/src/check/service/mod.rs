//! Checks that speak a service's own protocol. The outcomes were read off HAProxy 2.6, given the same answers.

mod ldap;
mod mail;
mod mysql;
mod pgsql;
mod redis;
mod ssl;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use lb_conf::model::{CheckConnect, ServiceCheck};

use super::CheckStatus;
use super::program::Step;

/// An answer that is waited for.
#[derive(Debug)]
pub(super) struct Reply {
    /// Judges what has come so far, all of it since the check last sent something; true: no more will come.
    pub(super) judge: fn(&[u8], bool) -> Answer,
    /// What it is called when none comes in time.
    pub(super) silence: CheckStatus,
}

/// What an answer says: the outcome, the protocol's code, and words for the reader.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is not complete.
    More,
    /// The check goes on, or ends with this.
    Good(CheckStatus, Option<u16>, String),
    /// The check ends with this.
    Bad(CheckStatus, Option<u16>, String),
}

impl Answer {
    fn good(code: u16, info: impl Into<String>) -> Self {
        Self::Good(CheckStatus::L7Ok, Some(code), info.into())
    }

    /// An answer that is one of the protocol, and says no.
    fn no(code: u16, info: impl Into<String>) -> Self {
        Self::Bad(CheckStatus::L7Status, Some(code), info.into())
    }

    /// An answer that is none.
    fn nonsense(info: &str) -> Self {
        Self::Bad(CheckStatus::L7Response, None, info.to_owned())
    }

    /// What is short: more must come, or nothing more will.
    fn short(complete: bool, info: &str) -> Self {
        if complete { Self::nonsense(info) } else { Self::More }
    }
}

/// The steps of a check.
pub(super) fn steps(check: &ServiceCheck) -> Vec<Step> {
    let mut steps = vec![Step::Connect(CheckConnect::default())];
    match check {
        ServiceCheck::Ldap => steps.extend([send(ldap::BIND), wait(ldap::bind_response)]),
        ServiceCheck::Mysql(None) => steps.push(wait(mysql::greeting)),
        ServiceCheck::Mysql(Some(user)) => {
            steps.extend([send(&mysql::login(user)), wait(mysql::greeting), wait(mysql::logged_in)]);
        }
        ServiceCheck::Pgsql { user } => {
            steps.extend([send(&pgsql::startup(user)), wait(pgsql::authentication)])
        }
        ServiceCheck::Redis => steps.extend([send(redis::PING), wait(redis::pong)]),
        ServiceCheck::Smtp { hello } => steps.extend([
            wait(mail::greeting),
            send(format!("{hello}\r\n").as_bytes()),
            wait(mail::reply),
            send(b"QUIT\r\n"),
            wait(mail::reply),
        ]),
        ServiceCheck::SslHello => {
            let reply = Reply { judge: ssl::hello, silence: CheckStatus::L6Timeout };
            steps.extend([send(&ssl::client_hello()), Step::Reply(reply)]);
        }
    }
    steps
}

/// Whether the service would take a reset for an error of its client.
pub(super) fn lingers(check: &ServiceCheck) -> bool {
    matches!(check, ServiceCheck::Mysql(_) | ServiceCheck::Pgsql { .. } | ServiceCheck::Smtp { .. })
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(Bytes::copy_from_slice(bytes))
}

fn wait(judge: fn(&[u8], bool) -> Answer) -> Step {
    Step::Reply(Reply { judge, silence: CheckStatus::L7Timeout })
}

/// Text of a server, as far as it is shown: without control characters, and not endless.
fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect::<String>()
        .trim()
        .to_owned()
}
