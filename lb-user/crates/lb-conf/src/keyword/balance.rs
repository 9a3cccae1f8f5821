//! `balance` and `hash-type`.

use super::args::{invalid, one_of};
use super::{Args, Keyword, Sections, Status, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft};
use crate::lex::Word;
use crate::model::{Algorithm, BalanceKey, HashFunction, HashKind, HashType};

const DB: Sections = Sections::DEFAULTS.union(Sections::BACKEND);

/// The rows.
pub(crate) static BALANCE: &[Keyword<ProxyDraft>] = &[
    served("balance", "<algorithm> …", DB, "how a server is chosen", balance),
    served("hash-type", "<method> [<function> [<modifier>]]", DB, "how a hash becomes a server", hash_type),
    served("hash-balance-factor", "<percent>", DB, "how far a hash may overload a server", |p, a| {
        let word = a.word("a percentage")?;
        let factor: Option<u32> = word.parse().ok().filter(|f| *f == 0 || *f > 100);
        let factor = factor.ok_or_else(|| {
            invalid(word, format!("'{}' is not a factor", word.text)).label("expected 0, or more than 100")
        })?;
        p.hash_balance_factor = Some(factor).filter(|f| *f > 0);
        Ok(())
    }),
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

type Build = fn(&Word, &mut Args<'_>) -> Result<Algorithm, Diagnostic>;

const fn works(name: &'static str, syntax: &'static str, doc: &'static str, build: Build) -> AlgorithmRow {
    AlgorithmRow { name, syntax, doc, status: Status::Served, build: Some(build) }
}

const fn later(name: &'static str, syntax: &'static str, doc: &'static str) -> AlgorithmRow {
    AlgorithmRow { name, syntax, doc, status: Status::NotYet, build: None }
}

/// All algorithms.
pub static ALGORITHMS: &[AlgorithmRow] = &[
    works("roundrobin", "", "each in turn, by weight", |_, _| Ok(Algorithm::RoundRobin)),
    works("static-rr", "", "each in turn, by weights that do not change", |_, _| Ok(Algorithm::StaticRr)),
    works("leastconn", "", "the one with the fewest connections", |_, _| Ok(Algorithm::LeastConn)),
    works("first", "", "the first one that is not full", |_, _| Ok(Algorithm::First)),
    works("random", "[(<draws>)]", "the least loaded of some drawn at random", random),
    works("source", "", "by a hash of the client's address", |_, _| Ok(Algorithm::Source)),
    works(
        "uri",
        "[whole] [len <bytes>] [depth <number>] [path-only]",
        "by a hash of the request's target",
        |_, a| uri(a),
    ),
    works("url_param", "<name> [check_post]", "by a hash of a parameter of the request", url_param),
    works("hdr", "(<name>) [use_domain_only]", "by a hash of a header", |w, a| {
        let name = inside(w)
            .filter(|n| !n.is_empty())
            .ok_or_else(|| invalid(w, "'hdr' needs the name of a header").label("expected hdr(<name>)"))?;
        let domain_only = a.take_if("use_domain_only");
        Ok(Algorithm::Key(BalanceKey::Header { name: name.into(), domain_only }))
    }),
    works("rdp-cookie", "[(<name>)]", "by a hash of an RDP cookie", |w, _| {
        let name = inside(w).unwrap_or("msts");
        Ok(Algorithm::Key(BalanceKey::RdpCookie(name.into())))
    }),
    works("hash", "<expression>", "by a hash of an expression", |_, a| {
        a.word("an expression")?;
        a.take_rest();
        let words = a.words().get(2..).unwrap_or_default();
        let text: Vec<_> = words.iter().map(|word| crate::quote::word(word)).collect();
        Ok(Algorithm::Key(BalanceKey::Expression(text.join(" "))))
    }),
    later("log-hash", "<converters>", "by a hash of a log message"),
    later("log-sticky", "", "the same one as long as it is up"),
    later("sticky", "", "the same one as long as it is up"),
];

fn url_param(word: &Word, args: &mut Args<'_>) -> Result<Algorithm, Diagnostic> {
    let name = args.word("the name of a parameter")?.text.as_str().into();
    let check_post = args.take_if("check_post");
    if check_post {
        let message = "'check_post' of 'balance url_param' is not supported yet by lbx";
        return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
    }
    Ok(Algorithm::Key(BalanceKey::UrlParam { name, check_post }))
}

/// What stands between the parentheses of `name(…)`.
fn inside(word: &str) -> Option<&str> {
    word.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'))
}

/// Draws that `random` makes where it is not told.
const DRAWS: u32 = 2;

fn random(word: &Word, _: &mut Args<'_>) -> Result<Algorithm, Diagnostic> {
    let draws = match inside(word) {
        None if word.contains('(') => None,
        None => Some(DRAWS),
        Some(digits) => digits.parse().ok().filter(|n| (1..=100_000).contains(n)),
    };
    draws.map(Algorithm::Random).ok_or_else(|| {
        invalid(word, format!("'{}' does not say how many to draw", word.text))
            .label("expected random(<number>)")
    })
}

fn uri(args: &mut Args<'_>) -> Result<Algorithm, Diagnostic> {
    let (mut len, mut depth, mut whole, mut path_only) = (None, None, false, false);
    while let Some(word) = args.take() {
        match word.as_ref() {
            "len" => len = Some(args.number(1..=u32::MAX)?),
            "depth" => depth = Some(args.number(1..=u32::MAX)?),
            "whole" => whole = true,
            "path-only" => path_only = true,
            _ => {
                let known = ["len", "depth", "whole", "path-only"];
                let error = invalid(word, format!("unknown word '{}' of 'balance uri'", word.text));
                return Err(error.label(format!("expected {}", one_of(&known))).nearest(word, known));
            }
        }
    }
    Ok(Algorithm::Key(BalanceKey::Uri { len, depth, whole, path_only }))
}

fn balance(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    // Alone, the word names the algorithm that is the default anyway.
    if args.peek().is_none() {
        proxy.algorithm = Some(Placed::new(Algorithm::default(), args.whole()));
        return Ok(());
    }
    let word = args.word("an algorithm such as roundrobin")?;
    let name = word.split_once('(').map_or(word.as_ref(), |(name, _)| name);
    let row = ALGORITHMS.iter().find(|row| row.name == name).ok_or_else(|| unknown(word, name))?;
    let Some(build) = row.build else {
        args.take_rest();
        return Err(not_served(row, word));
    };
    let algorithm = build(word, args)?;
    // What is computed from the stream is compiled once all names are known.
    proxy.balance_words = match &algorithm {
        Algorithm::Key(BalanceKey::Expression(_)) => args.words().get(2..).unwrap_or_default().to_vec(),
        Algorithm::Key(BalanceKey::RdpCookie(name)) => {
            vec![Word::plain(format!("req.rdp_cookie({name})"), word.span)]
        }
        _ => Vec::new(),
    };
    proxy.algorithm = Some(Placed::new(algorithm, args.whole()));
    match row.status {
        Status::Served => Ok(()),
        _ => Err(not_served(row, word)),
    }
}

fn not_served(row: &AlgorithmRow, word: &Word) -> Diagnostic {
    let message = format!("'balance {}' is not supported yet by lbx", row.name);
    Diagnostic::alert(Code::NotServed, message).at(word.span).label(row.doc)
}

fn unknown(word: &Word, name: &str) -> Diagnostic {
    let names: Vec<_> = ALGORITHMS.iter().map(|row| row.name).collect();
    let error = invalid(word, format!("unknown algorithm '{name}'"));
    error.label(format!("expected {}", one_of(&names))).nearest(name, names)
}

const KINDS: [(&str, HashKind); 2] =
    [("map-based", HashKind::MapBased), ("consistent", HashKind::Consistent)];

fn hash_type(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let kind = args.choice(&KINDS)?;
    proxy.hash_type = HashType::of(kind);
    if args.peek().is_some() {
        let function = args.choice(&HashFunction::ALL)?;
        let avalanche = args.peek().is_some() && args.choice(&[("avalanche", true)])?;
        proxy.hash_type = HashType { kind, function, avalanche };
    }
    Ok(())
}
