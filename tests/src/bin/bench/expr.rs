//! What expressions, conditions and log formats cost: nanoseconds for one evaluation on one core, parsing left out.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use lb_expr::ctx::{Connection, Kept, KeptRequest, RequestHead};
use lb_expr::pattern::Patterns;
use lb_expr::vars::{VarNames, VarStore, Vars};
use lb_expr::world::{BackendId, FrontendId, Nowhere, ServerId, TableId, UserlistId};
use lb_expr::{Acls, Condition, Ctx, Env, Expr, Layer, LogFacts, LogFormat, Resolver, Style, Unresolved};
use lbx_tests::report::{Report, median};

/// Evaluations of one measurement: some milliseconds.
const REPEAT: u32 = 100_000;

/// What typical rules evaluate.
const EXPRESSIONS: &[&str] = &[
    "path",
    "path,length,add(1)",
    "path,lower",
    "path,field(2,/)",
    "src",
    "src,ipmask(24)",
    "req.hdr(host)",
    "req.hdr(host),host_only,lower",
    "req.hdr(x-forwarded-for,-1)",
    "req.cook(SESSIONID)",
    "urlp(id)",
    "var(txn.name)",
    "method",
    "base,crc32",
    "path,regsub('/+','/',g)",
    "req.hdr(user-agent),sha1,hex",
];

/// The formats of `option tcplog` and `option httplog`, as the manual gives them.
const FORMATS: &[(&str, &str)] = &[
    ("tcplog", "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"),
    (
        "httplog",
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
    ),
];

/// Match methods, the fetch that is matched, and what the n-th pattern is.
type Patterned = (&'static str, &'static str, fn(u32) -> String);

const PATTERNED: &[Patterned] = &[
    ("str", "path", |n| format!("/page/{n}")),
    ("beg", "path", |n| format!("/dir{n}/")),
    ("end", "path", |n| format!(".ext{n}")),
    ("sub", "path", |n| format!("needle{n}x")),
    ("dom", "req.hdr(host)", |n| format!("host{n}.example")),
    ("ip", "src", |n| format!("{}/28", Ipv4Addr::from(0x0a00_0000 + n * 16))),
    ("reg", "path", |n| format!("^/user/{n}/[a-z]+$")),
];

/// How many patterns an ACL has.
const COUNTS: [u32; 3] = [10, 1_000, 100_000];

/// Measures everything.
pub(crate) fn run(rounds: u32) -> Result<Report> {
    let mut report = Report::new("expressions", &["ns"]);
    for text in EXPRESSIONS {
        report.row(*text, &[expression(rounds, text)?]);
    }
    for (name, text) in FORMATS {
        report.row(*name, &[format(rounds, text)?]);
    }
    for (method, fetch, pattern) in PATTERNED {
        for count in COUNTS {
            let row = format!("{fetch} -m {method}, {count} patterns");
            report.row(row, &[patterns(rounds, method, fetch, *pattern, count)?]);
        }
    }
    Ok(report)
}

fn expression(rounds: u32, text: &str) -> Result<Option<f64>> {
    let mut names = Names::default();
    // So that the variable has the first index of its scope.
    let set = Expr::parse(&["path,set-var(txn.name)"], &mut Env::anywhere(&mut names));
    let parsed = Expr::parse(&[text], &mut Env::anywhere(&mut names));
    let (expr, _) = parsed.map_err(|e| anyhow!("{text}: {e}"))?;
    let (set, _) = set.map_err(|e| anyhow!("set-var: {e}"))?;
    let scene = Scene::new();
    let ctx = scene.ctx();
    ensure!(set.eval(&ctx).is_some() && expr.eval(&ctx).is_some(), "{text} has no value");
    Ok(time(rounds, || _ = black_box(black_box(&expr).eval(&ctx))))
}

fn format(rounds: u32, text: &str) -> Result<Option<f64>> {
    let format = LogFormat::parse(text, Style::Log, &mut Env::anywhere(&mut Names::default()));
    let format = format.map_err(|e| anyhow!("{text}: {e}"))?;
    let scene = Scene::new();
    let facts = LogFacts::default();
    let ctx = Ctx { facts: Some(&facts), ..scene.ctx() };
    let mut line = Vec::new();
    Ok(time(rounds, || {
        line.clear();
        format.write(&ctx, black_box(&mut line));
    }))
}

/// An ACL of so many patterns, none of which matches.
fn patterns(
    rounds: u32,
    method: &str,
    fetch: &str,
    pattern: fn(u32) -> String,
    count: u32,
) -> Result<Option<f64>> {
    let patterns_file = (0..count).map(|n| pattern(n) + "\n").collect();
    let mut names = Names { patterns_file, ..Names::default() };
    let words = ["if", "{", fetch, "-m", method, "-f", "patterns", "}"];
    let condition = Condition::parse(&words, &mut Acls::default(), 0, &mut Env::anywhere(&mut names));
    let condition = condition.map_err(|e| anyhow!("{method}: {e}"))?;
    let scene = Scene::new();
    let ctx = scene.ctx();
    ensure!(!condition.holds(&ctx), "{method} matches");
    Ok(time(rounds, || _ = black_box(black_box(&condition).holds(&ctx))))
}

/// Nanoseconds of one run: the median of some rounds.
fn time(rounds: u32, mut run: impl FnMut()) -> Option<f64> {
    let round = |_| {
        let start = Instant::now();
        (0..REPEAT).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(REPEAT)
    };
    median((0..rounds).map(round).collect())
}

/// A request of a browser.
struct Scene {
    uri: Uri,
    headers: HeaderMap,
    kept: Kept,
    txn: VarStore,
}

struct Client;

impl Connection for Client {
    fn src(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::new(192, 0, 2, 7), 40_000).into())
    }
    fn dst(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::new(192, 0, 2, 80), 443).into())
    }
}

impl Scene {
    fn new() -> Self {
        const TARGET: &str = "/Static//images/Logo.png?id=12345&size=large";
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "www.Example.com:8443"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            ("accept", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"),
            ("accept-language", "en-US,en;q=0.5"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("cookie", "lang=en; theme=dark; SESSIONID=5a3c1d7e9f; seen=1"),
            ("x-forwarded-for", "198.51.100.4, 203.0.113.9"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let request =
            KeptRequest { method: Method::GET, uri: TARGET.into(), version: Version::HTTP_11, first: true };
        let kept = Kept { request: Some(request), ..Kept::default() };
        Self { uri: Uri::from_static(TARGET), headers, kept, txn: VarStore::default() }
    }

    fn ctx(&self) -> Ctx<'_> {
        let head = RequestHead {
            method: &Method::GET,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            first: true,
        };
        let now = Duration::from_secs(1_795_371_168);
        Ctx {
            client: Some(&Client),
            request: Some(head),
            kept: Some(&self.kept),
            vars: Vars { txn: Some(&self.txn), ..Vars::default() },
            ..Ctx::new(&Nowhere, now)
        }
    }
}

/// A configuration with nothing in it but a file of patterns.
#[derive(Default)]
struct Names {
    variables: VarNames,
    patterns: Patterns,
    patterns_file: String,
}

fn nothing<T>() -> Result<T, Unresolved> {
    Err(Unresolved::new("the benchmark has no such thing"))
}

impl Resolver for Names {
    fn frontend(&self, _: Option<&str>) -> Result<FrontendId, Unresolved> {
        nothing()
    }
    fn backend(&self, _: Option<&str>) -> Result<BackendId, Unresolved> {
        nothing()
    }
    fn server(&self, _: Option<&str>, _: &str) -> Result<ServerId, Unresolved> {
        nothing()
    }
    fn table(&self, _: Option<&str>) -> Result<TableId, Unresolved> {
        nothing()
    }
    fn userlist(&self, _: &str) -> Result<UserlistId, Unresolved> {
        nothing()
    }
    fn serves(&self, _: Layer) -> Result<(), &'static str> {
        Ok(())
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn hostname(&self) -> &str {
        "bench"
    }
    fn read_file(&self, _: &str) -> Result<Vec<u8>, Unresolved> {
        Ok(self.patterns_file.clone().into_bytes())
    }
    fn lookup_host(&self, _: &str) -> Result<Vec<Ipv4Addr>, Unresolved> {
        nothing()
    }
    fn variables(&mut self) -> &mut VarNames {
        &mut self.variables
    }
    fn patterns(&mut self) -> &mut Patterns {
        &mut self.patterns
    }
}
