//! ACLs and conditions against what haproxy answers.

use super::fake::{FakeResolver, Scene};
use crate::error::ErrorKind;
use crate::resolve::Env;
use crate::{Acls, Checkpoint, Condition, ParseError, Verdict};

fn resolver() -> FakeResolver {
    let mut resolver = FakeResolver::default();
    resolver.files.extend([
        ("pats", "a\nb\n#c\n  #d\n  e f  \n\n"),
        ("ips", "127.0.0.0/8\n10.0.0.1\n"),
        ("m", "k v\n"),
    ]);
    resolver
}

fn scene() -> Scene {
    let headers = "Host: www.example.com:80|User-Agent: t|X-L: a, b , c|X-L: d|Cookie: k=v; k2=v2|\
        Authorization: Basic dXNlcjpwYTpzcw==";
    Scene::new("GET", "/a/b.html?x=1&y=2", headers)
}

fn parse(text: &str, acls: &mut Acls, resolver: &mut FakeResolver) -> Result<Condition, ParseError> {
    let words: Vec<&str> = text.split(' ').collect();
    let mut env = Env::at(Checkpoint::FrontendHttpRequest, resolver);
    Condition::parse(&words, acls, 10, &mut env)
}

fn holds(text: &str) -> Result<bool, ParseError> {
    let mut resolver = resolver();
    let condition = parse(&format!("if {text}"), &mut Acls::default(), &mut resolver)?;
    Ok(condition.holds(&scene().ctx()))
}

#[test]
fn conditions_hold_as_haproxys_do() {
    let yes = [
        "{ str(a) a }",
        "{ str(a) -m str a }",
        "{ req.hdr(x-l) a }",
        "{ hdr(x-l) b }",
        "{ hdr(x-l) -i D }",
        "{ bool(true) 0 }",
        "{ bool(true) }",
        "{ int(5) 1:6 }",
        "{ int(5) gt 1:6 }",
        "{ int(5) gt 4 7 }",
        "{ int(5) eq 4 5 }",
        "{ int(5) -m bool }",
        "{ int(-5) lt 0 }",
        "{ int(5) :5 }",
        "{ path_beg /a /z }",
        "{ path_dir a }",
        "{ path_end .html }",
        "{ path_sub b.h }",
        r"{ path_reg ^/a/[bc]\.html$ }",
        "{ path_reg -i ^/A }",
        "{ hdr_dom(host) .example.com. }",
        "{ path_len gt 8 }",
        "{ path -m len 9 }",
        "{ str(a) -m str -f pats }",
        "{ src 127.1 }",
        "{ src 127.0.1/255.255.0.0 }",
        "{ src ::ffff:0:0/96 }",
        "{ src localhost }",
        "{ src -f ips }",
        "{ src,ipmask(8) 127.0.0.0 }",
        "{ ipv6(2002:7f00:1::) -m ip 127.0.0.1 }",
        "{ str(127.0.0.1) -m ip 127.0.0.0/8 }",
        "{ bin(0102) -m bin 0102 }",
        "{ bin(4100) -m str A }",
        "{ req.hdr_cnt(x-l) eq 4 }",
        "{ method GET }",
        "{ cook(k) v }",
        "{ req.cook(k) -m found }",
        "{ hdr_beg(host),lower -m beg www }",
        "{ req.ver 1.1 }",
        "{ hdr_beg(host) -m end :80 }",
        "{ urlp(y) 2 }",
        "{ urlp_val(y) gt 1 }",
        "{ path -i -m str /A/B.HTML }",
        "{ str(10) -m int ge 5 }",
        "{ http_auth(users) }",
        "{ http_auth_group(users) admins }",
        "{ str(k) -m str -M -f m }",
        "METH_GET",
        "LOCALHOST METH_GET",
        "{ path_beg /z } or METH_GET",
        "{ path_beg /z } || METH_GET",
        "or METH_GET",
        "METH_GET or",
        "!METH_POST",
        "! METH_POST",
        "!{ path_beg /z }",
        "TRUE",
    ];
    for text in yes {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    let no = [
        "{ int(5) }",
        "{ int(5) 6: }",
        "{ path_beg }",
        "{ path_dir b }",
        "{ path_dir / }",
        "{ hdr_dom(host) exam }",
        "{ path -- -x }",
        "{ path -f pats }",
        "{ src 127 }",
        "{ method get }",
        "{ req.cook(zz) -m found }",
        "{ hdr(host) }",
        "{ hdr_beg(host),lower www }",
        "{ str(10) ge 5 }",
        "{ status 200 }",
        "{ http_auth_group(users) guests }",
        "! { path_beg /a }",
        "!METH_GET",
        "METH_GET METH_POST",
        "FALSE",
    ];
    for text in no {
        assert_eq!(holds(text), Ok(false), "{text}");
    }
}

/// The stretch that an error marks; `<end>` behind the last word.
fn marked(text: &str) -> (String, ErrorKind) {
    let e = holds(text).expect_err(text);
    let words: Vec<&str> = text.split(' ').collect();
    let word = words.get(e.word.wrapping_sub(1)).copied();
    (word.map_or_else(|| "<end>".to_owned(), |w| w[e.range].to_owned()), e.kind)
}

#[test]
fn errors_mark_what_is_wrong() {
    let rows = [
        ("{ int(5) ge abc }", "abc"),
        ("{ int(5) 5.5 }", "5.5"),
        ("{ int(-5) -5 }", "-5"),
        ("{ int(5) : }", ":"),
        ("{ path_reg ( }", "("),
        ("{ path -m foo x }", "foo"),
        ("{ path -m }", "-m"),
        ("{ path -x a }", "-x"),
        ("{ path -f nofile }", "nofile"),
        ("{ src 127.0.0.1/33 }", "127.0.0.1/33"),
        ("{ src -n localhost }", "localhost"),
        ("{ src foo..bar }", "foo..bar"),
        ("{ src -f pats }", "pats"),
        ("{ bin(0102) -m bin 010 }", "010"),
        ("{ bin(0102) 0102 }", "bin(0102)"),
        ("{ bool(true) -m ip 1.2.3.4 }", "ip"),
        ("{ foo bar }", "foo"),
        ("{ hdr_beg(host),foo bar }", "foo"),
        ("{ hdr_beg(host,x) bar }", "x"),
        ("{ path_beg /a", "{"),
        ("{ }", "<end>"),
        ("nope", "nope"),
        ("METH_GET and METH_POST", "and"),
        ("METH_GET !", "<end>"),
        ("{ nbsrv(zz) gt 1 }", "zz"),
        ("{ path -f pats -m beg }", "-m"),
    ];
    for (text, expected) in rows {
        if text == "{ }" {
            assert!(matches!(marked(text).1, ErrorKind::MissingExpression));
            continue;
        }
        assert_eq!(marked(text).0, expected, "{text}");
    }
    let hint = |text: &str| holds(text).expect_err(text).hint.unwrap_or_default();
    assert_eq!(hint("{ path_bge /a }"), "did you mean `path_beg`?");
    assert_eq!(hint("METH_GTE"), "did you mean `METH_GET`?");
    assert!(hint("METH_GET and METH_POST").contains("without a word"));
    assert!(hint("path_beg").contains("{ path_beg"));
}

#[test]
fn lines_of_one_name_are_ored_and_what_they_test_shows() {
    let mut resolver = resolver();
    let mut acls = Acls::default();
    let mut declare = |words: &[&str], position| {
        let mut env = Env::anywhere(&mut resolver);
        let acl = acls.declare(words, position, &mut env).unwrap();
        acl.tests().iter().map(|t| t.expr().fetch_row().names[0]).collect::<Vec<_>>()
    };
    declare(&["is_admin", "path_beg", "/admin"], 1);
    let tested = declare(&["is_admin", "src", "127.0.0.0/8"], 2);
    assert_eq!(tested, ["path", "src"]);
    declare(&["later", "always_true"], 20);
    assert_eq!(acls.unused().count(), 2);

    let mut resolver = self::resolver();
    let condition = parse("unless is_admin", &mut acls, &mut resolver).unwrap();
    assert_eq!(condition.eval(&scene().ctx()), Verdict::Fail);
    assert_eq!(acls.unused().count(), 1);
    let e = parse("if later", &mut acls, &mut resolver).unwrap_err();
    assert_eq!(e.hint.as_deref(), Some("it is declared further down"));
    let bad = acls.declare(&["a b", "src", "1.2.3.4"], 1, &mut Env::anywhere(&mut resolver)).unwrap_err();
    assert_eq!((bad.word, bad.range), (0, 1..2));
}

#[test]
fn misuse_is_told_and_whether_anything_is_left() {
    let mut resolver = resolver();
    let mut acls = Acls::default();
    let mut env = Env::anywhere(&mut resolver);
    acls.declare(&["mixed", "status", "200"], 1, &mut env).unwrap();
    acls.declare(&["mixed", "path", "/"], 1, &mut env).unwrap();
    let condition = parse("if METH_GET mixed { res.hdr(x) -m found }", &mut acls, &mut resolver).unwrap();
    let found = condition.misuses(Checkpoint::FrontendHttpRequest);
    let found: Vec<_> = found.iter().map(|m| (m.word, &*m.acl, m.fetch, m.never)).collect();
    assert_eq!(found, [(2, "acl 'mixed'", "status", false), (3, "anonymous acl", "res.hdr", true)]);
    assert!(condition.needs_http());
}

#[test]
fn inspection_waits_for_bytes_that_may_decide() {
    let mut scene = scene();
    scene.body = Some(b"\x16\x03\x01".to_vec());
    scene.complete = false;
    let mut resolver = resolver();
    let mut acls = Acls::default();
    let hello = parse("if { req.ssl_hello_type 1 }", &mut acls, &mut resolver).unwrap();
    let not_hello = parse("if !{ req.ssl_hello_type 1 }", &mut acls, &mut resolver).unwrap();
    let either = parse("if { req.ssl_hello_type 1 } or TRUE", &mut acls, &mut resolver).unwrap();
    let mut ctx = scene.ctx();
    assert_eq!(hello.eval(&ctx), Verdict::Fail, "where nothing can wait, what is not there does not match");
    ctx.may_wait = true;
    assert_eq!(hello.eval(&ctx), Verdict::Unknown);
    assert_eq!(not_hello.eval(&ctx), Verdict::Unknown);
    assert_eq!(either.eval(&ctx), Verdict::Pass);
    let mut scene = self::scene();
    scene.body = Some(b"GET / HTTP/1.1".to_vec());
    scene.complete = false;
    let mut ctx = scene.ctx();
    ctx.may_wait = true;
    assert_eq!(hello.eval(&ctx), Verdict::Fail, "no more bytes make TLS of this");
}

#[test]
fn patterns_in_the_configuration_have_ids_and_files_their_names() {
    let mut resolver = resolver();
    let condition =
        parse("if { src -u 42 10.0.0.1 } or { path -f pats }", &mut Acls::default(), &mut resolver).unwrap();
    assert!(!condition.holds(&scene().ctx()));
    resolver.patterns.find("#42").unwrap().edit([crate::pattern::Edit::add("127.0.0.0/8", None)]).unwrap();
    assert!(condition.holds(&scene().ctx()));
    assert!(resolver.patterns.find("pats").is_some());
    assert!(parse("if { src -u 42 10.0.0.1 }", &mut Acls::default(), &mut resolver).is_err());
}
