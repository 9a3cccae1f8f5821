//! `balance` and `hash-type`.

use super::args::{invalid, one_of};
use super::{Args, Keyword, Sections, Status, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft};
use crate::lex::Word;
use crate::model::{Algorithm, HashFunction, HashKind, HashType};

const DB: Sections = Sections::DEFAULTS.and(Sections::BACKEND);

/// The rows.
pub(crate) static BALANCE: &[Keyword<ProxyDraft>] = &[
    served("balance", "<algorithm> …", DB, "how a server is chosen", balance),
    served("hash-type", "<method> [<function> [<modifier>]]", DB, "how a hash becomes a server", hash_type),
];

/// An algorithm of `balance`.
#[derive(Clone, Copy, Debug)]
pub struct AlgorithmRow {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub syntax: &'static str,
    /// How it chooses.
    pub doc: &'static str,
    /// Whether it is served.
    pub status: Status,
    build: Option<Build>,
}

type Build = fn(&mut Args<'_>) -> Result<Algorithm, Diagnostic>;

const fn works(name: &'static str, syntax: &'static str, doc: &'static str, build: Build) -> AlgorithmRow {
    AlgorithmRow { name, syntax, doc, status: Status::Served, build: Some(build) }
}

const fn later(name: &'static str, syntax: &'static str, doc: &'static str) -> AlgorithmRow {
    AlgorithmRow { name, syntax, doc, status: Status::NotYet, build: None }
}

/// All algorithms.
pub static ALGORITHMS: &[AlgorithmRow] = &[
    works("roundrobin", "", "each in turn, by weight", |_| Ok(Algorithm::RoundRobin)),
    works("source", "", "by a hash of the client's address", |_| Ok(Algorithm::Source)),
    later("static-rr", "", "each in turn, by weights that do not change"),
    later("leastconn", "", "the one with the fewest connections"),
    later("first", "", "the first one that is not full"),
    later("random", "[(<draws>)]", "the least loaded of some drawn at random"),
    later("uri", "[whole] [len <bytes>] [depth <number>] [path-only]", "by a hash of the request's target"),
    later("url_param", "<name> [check_post]", "by a hash of a parameter of the request"),
    later("hdr", "(<name>) [use_domain_only]", "by a hash of a header"),
    later("rdp-cookie", "[(<name>)]", "by a hash of an RDP cookie"),
    later("hash", "<expression>", "by a hash of an expression"),
    later("log-hash", "<converters>", "by a hash of a log message"),
    later("log-sticky", "", "the same one as long as it is up"),
    later("sticky", "", "the same one as long as it is up"),
];

fn balance(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("an algorithm such as roundrobin")?;
    let name = word.split_once('(').map_or(word.as_ref(), |(name, _)| name);
    let row = ALGORITHMS.iter().find(|row| row.name == name).ok_or_else(|| unknown(word, name))?;
    let Some(build) = row.build else {
        args.take_rest();
        let message = format!("'balance {}' is not supported yet by lbx", row.name);
        return Err(Diagnostic::alert(Code::NotServed, message).at(word.span).label(row.doc));
    };
    let algorithm = build(args)?;
    proxy.algorithm = Some(Placed::new(algorithm, args.whole()));
    Ok(())
}

fn unknown(word: &Word, name: &str) -> Diagnostic {
    let names: Vec<_> = ALGORITHMS.iter().map(|row| row.name).collect();
    let error = invalid(word, format!("unknown algorithm '{name}'"));
    error.label(format!("expected {}", one_of(&names))).nearest(name, names)
}

const KINDS: [(&str, HashKind); 2] =
    [("map-based", HashKind::MapBased), ("consistent", HashKind::Consistent)];

/// HAProxy's functions, which the planes do not use: one hash serves both.
const FUNCTIONS: [&str; 5] = ["sdbm", "djb2", "wt6", "crc32", "none"];

fn hash_type(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let kind = args.choice(&KINDS)?;
    if let Some(function) = args.take() {
        hash_function(function)?;
        if let Some(modifier) = args.take() {
            let error =
                Diagnostic::alert(Code::NotServed, "modifiers of a hash are not supported yet by lbx");
            return Err(error.at(modifier.span));
        }
    }
    proxy.hash_type = HashType { kind, function: HashFunction::Xxh };
    Ok(())
}

fn hash_function(word: &Word) -> Result<(), Diagnostic> {
    if word.text == "xxh" {
        return Ok(());
    }
    if FUNCTIONS.contains(&word.as_ref()) {
        let error = Diagnostic::alert(
            Code::NotServed,
            format!("the hash function '{}' is not supported yet by lbx", word.text),
        );
        return Err(error.at(word.span).label("both planes hash by xxHash: leave it out, or write 'xxh'"));
    }
    Err(invalid(word, format!("unknown hash function '{}'", word.text)).nearest(word, FUNCTIONS))
}
