//! What conditions can ask.

use crate::lex::Lookup;

/// The version of HAProxy whose language this is: what `version_atleast` and `version_before` compare with.
pub const LANGUAGE_VERSION: &str = "2.6.12";

/// What `feature()` answers with yes: the entries of `haproxy -vv`'s list that this daemon has, and its own. Those that
/// name a library are not among them, whatever stands for it here, and neither is `NS`, for servers have no namespaces.
pub const FEATURES: &[&str] = &[
    "ACCEPT4",
    "CRYPT_H",
    "EPOLL",
    "GETADDRINFO",
    "LINUX_SPLICE",
    "LINUX_TPROXY",
    "PRCTL",
    "RUSTLS",
    "SYSTEMD",
    "TFO",
    "THREAD",
    "TPROXY",
    "XDP",
];

/// What `enabled()` knows, and whether it is in use.
const ENABLED: &[(&str, bool)] = &[
    ("EPOLL", true),
    ("EVPORTS", false),
    ("FAST-FORWARD", true),
    ("GETADDRINFO", true),
    ("KQUEUE", false),
    ("POLL", false),
    ("REUSEPORT", true),
    ("SERVER-SSL-VERIFY-NONE", false),
    ("SPLICE", true),
];

/// A predicate of the preprocessor.
#[derive(Clone, Copy, Debug)]
pub struct Predicate {
    /// Its name.
    pub name: &'static str,
    /// What stands between its parentheses.
    pub syntax: &'static str,
    /// What it asks.
    pub doc: &'static str,
    arguments: usize,
    call: fn(&[&str], Lookup<'_>) -> Result<bool, String>,
}

/// All predicates.
pub const PREDICATES: &[Predicate] = &[
    row("defined", "<name>", "whether an environment variable exists", 1, |a, get| {
        Ok(get(first(a)).is_some())
    }),
    row("feature", "<name>", "whether the daemon has a feature", 1, |a, _| Ok(FEATURES.contains(&first(a)))),
    row("streq", "<text>,<text>", "whether two texts are equal", 2, |a, _| Ok(first(a) == second(a))),
    row("strneq", "<text>,<text>", "whether two texts differ", 2, |a, _| Ok(first(a) != second(a))),
    row("strstr", "<text>,<part>", "whether the first text holds the second", 2, |a, _| {
        Ok(first(a).contains(second(a)))
    }),
    row("version_atleast", "<version>", "whether the language is of this version or later", 1, |a, _| {
        Ok(version(LANGUAGE_VERSION) >= version(first(a)))
    }),
    row("version_before", "<version>", "whether the language is of an earlier version", 1, |a, _| {
        Ok(version(LANGUAGE_VERSION) < version(first(a)))
    }),
    row(
        "openssl_version_atleast",
        "<version>",
        "whether OpenSSL is at least so new; it is not used",
        1,
        |a, _| other_library(first(a)),
    ),
    row("openssl_version_before", "<version>", "whether OpenSSL is older; it is not used", 1, |a, _| {
        other_library(first(a))
    }),
    row(
        "awslc_api_atleast",
        "<version>",
        "whether AWS-LC's C interface is at least so new; it is not exposed",
        1,
        |_, _| Ok(false),
    ),
    row(
        "awslc_api_before",
        "<version>",
        "whether AWS-LC's C interface is older; it is not exposed",
        1,
        |_, _| Ok(false),
    ),
    row(
        "ssllib_name_startswith",
        "<text>",
        "whether the TLS library's name begins so; it is rustls",
        1,
        |a, _| Ok("rustls".starts_with(first(a))),
    ),
    row("enabled", "<name>", "whether an option of the command line is in use", 1, |a, _| enabled(first(a))),
];

const fn row(
    name: &'static str,
    syntax: &'static str,
    doc: &'static str,
    arguments: usize,
    call: fn(&[&str], Lookup<'_>) -> Result<bool, String>,
) -> Predicate {
    Predicate { name, syntax, doc, arguments, call }
}

fn first<'a>(arguments: &[&'a str]) -> &'a str {
    arguments.first().copied().unwrap_or_default()
}

fn second<'a>(arguments: &[&'a str]) -> &'a str {
    arguments.get(1).copied().unwrap_or_default()
}

/// Asks a predicate, or says what is wrong with its arguments.
pub(super) fn call(row: &Predicate, arguments: &[String], lookup: Lookup<'_>) -> Result<bool, String> {
    if arguments.len() != row.arguments {
        return Err(format!("'{}' takes ({})", row.name, row.syntax));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (row.call)(&arguments, lookup)
}

fn enabled(name: &str) -> Result<bool, String> {
    let found = ENABLED.iter().find(|(known, _)| *known == name).map(|(_, on)| *on);
    found.ok_or_else(|| {
        let known: Vec<_> = ENABLED.iter().map(|(n, _)| *n).collect();
        format!("unknown option '{name}', expected one of {}", known.join(", "))
    })
}

/// Whether a library that is not used is of a version.
fn other_library(version: &str) -> Result<bool, String> {
    let mut numbers = version.splitn(3, '.').map(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let is_version = numbers.by_ref().take(3).filter(|is| *is).count() == 3;
    if is_version { Ok(false) } else { Err(format!("'{version}' is not a version such as 1.1.1")) }
}

/// A version in an order in which `2.6-dev1` comes before `2.6`: a release counts as a very late development one. It is
/// read as far as it is one.
fn version(text: &str) -> [u32; 5] {
    let mut parts = [0, 0, 0, u32::MAX, 0];
    let (numbers, suffix) = text.split_once('-').unwrap_or((text, ""));
    for (part, number) in parts.iter_mut().take(3).zip(numbers.split('.')) {
        *part = leading(number);
    }
    if let Some(development) = suffix.strip_prefix("dev") {
        parts[3] = leading(development);
    }
    parts
}

/// The number that a text begins with; zero if it begins with none.
fn leading(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
