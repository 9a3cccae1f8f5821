//! Expressions against what haproxy answers.

use super::fake::{FakeResolver, Scene};
use super::oracle::{PLAIN, REQUEST};
use crate::error::ErrorKind;
use crate::resolve::Env;
use crate::{Checkpoint, Expr, LogFormat, ParseError, Style};

fn resolver() -> FakeResolver {
    let mut resolver = FakeResolver::default();
    resolver.files.extend([
        ("m1", "k1 v1 x  \n#c\nk2\tv2\nk1 dup\n"),
        ("m2", "^zz(.)(.*)$ [\\2\\1]\n"),
        ("m3", "n 5\n"),
        ("m4", "i 1.2.3.4\n"),
        ("m5", "127.0.0.0/8 loop\n127.0.0.1 me\n"),
        ("m6", "1:4 low\n5 five\n"),
    ]);
    resolver
}

/// The request of the rows in [`REQUEST`].
fn scene() -> Scene {
    let headers = "Host: ex.com:81|X-L: a, b , c|X-L: d|X-E: |X-Q: \"a,b\", c,,d|\
        X-IP: 1.2.3.4, 1.2.3.4:80, [::1]:80, ::1, foo|X-V: 5, 7x|\
        Cookie: k=v; k2=\"a;b\"; k3 = z ; n=12; k=v9|X-B: Bearer tok|\
        Authorization: Basic dXNlcjpwYTpzcw==|Content-Length: 10";
    let mut scene = Scene::new("POST", "/p/a;j=9?x=1&y=2&x=3;z=4&e=&w", headers);
    scene.body = Some(b"a=1&b=&c=3".to_vec());
    scene
}

fn evaluate(text: &str, scene: &Scene) -> Result<String, ParseError> {
    let mut resolver = resolver();
    let mut env = Env::at(Checkpoint::FrontendRequestBody, &mut resolver);
    let format = LogFormat::parse(&format!("%[{text}]"), Style::Http, &mut env)?;
    Ok(String::from_utf8_lossy(&format.format(&scene.ctx())).into_owned())
}

fn compare(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (text, expected) in rows {
        match evaluate(text, &scene()) {
            Ok(value) if value == *expected => {}
            Ok(value) => wrong.push(format!("{text} => {value:?}, haproxy {expected:?}")),
            Err(e) => wrong.push(format!("{text} !! {e}, haproxy {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn values_are_haproxys() {
    compare(PLAIN);
}

#[test]
fn values_of_a_request_are_haproxys() {
    compare(REQUEST);
}

fn error(text: &str) -> ParseError {
    evaluate(text, &scene()).expect_err(text)
}

/// The stretch that an error marks, in an expression between `%[` and `]`.
fn marked(text: &str) -> String {
    let whole = format!("%[{text}]");
    whole[error(text).range].to_owned()
}

#[test]
fn errors_mark_what_is_wrong_and_say_what_was_meant() {
    let rows = [
        ("foo(1)", "foo"),
        ("str(a),foo", "foo"),
        ("str(a),uper", "uper"),
        ("str(a),add(x)", "x"),
        ("req.hdr(a,b)", "b"),
        ("rand(1,2)", "2"),
        ("int(abc)", "abc"),
        ("int()", "int()"),
        ("bool(x)", "x"),
        ("ipv4(1.2.3)", "1.2.3"),
        ("bin(abc)", "abc"),
        ("str(a", "(a]"),
        ("str('a)", "'a)]"),
        ("str(a)b", "b"),
        ("bin(37),add(1)", "add"),
        ("status", "status"),
        ("be_conn(zz)", "zz"),
        ("srv_is_up(be/x)", "be/x"),
        ("var(foo)", "foo"),
        ("var(txn.a-b)", "txn.a-b"),
        ("path,map(nofile)", "nofile"),
        ("path,map_str_int(m4)", "m4"),
        ("path,field(0,/)", "0"),
        ("path,regsub((,x)", "("),
        ("path,regsub(a,b,z)", "z"),
        ("date(1,x)", "x"),
        ("path,set-var(txn.a,foo)", "foo"),
        ("str(a.b.c),jwt_verify(FOO,bad)", "FOO"),
        ("str(a),digest(md4)", "md4"),
        ("res.cache_hit", "res.cache_hit"),
        ("length", "length"),
        ("", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(marked(text), expected, "{text}");
    }
    assert_eq!(error("str(a),uper").hint.as_deref(), Some("did you mean `upper`?"));
    assert_eq!(error("pth").hint.as_deref(), Some("did you mean `path`?"));
    assert!(error("lower").hint.unwrap().contains("converter"));
    assert!(matches!(error("status").kind, ErrorKind::WrongPlace { .. }));
    assert!(matches!(error("bin(37),add(1)").kind, ErrorKind::BadCast { .. }));
    assert!(matches!(error("res.cache_hit").kind, ErrorKind::NotServed { .. }));
    assert!(matches!(error("int()").kind, ErrorKind::MissingArgument { .. }));
}

#[test]
fn converters_may_stand_in_words_of_their_own() {
    let mut resolver = resolver();
    let mut env = Env::anywhere(&mut resolver);
    let (expr, used) = Expr::parse(&["path,", "lower", "length", "table", "st"], &mut env).unwrap();
    assert_eq!(used, 3);
    assert_eq!(expr.eval(&scene().ctx()), Some(crate::Sample::Int(8)));
    let e = Expr::parse(&["path", "lower,foo"], &mut env).unwrap_err();
    assert_eq!((e.word, e.range), (1, 6..9));
}

#[test]
fn variables_keep_their_type_and_end_with_their_scope() {
    assert_eq!(evaluate("int(5),set-var(txn.b),add(txn.b)", &scene()).unwrap(), "10");
    let scene = scene();
    let mut resolver = resolver();
    let mut parse = |t: &str| Expr::parse(&[t], &mut Env::anywhere(&mut resolver)).unwrap().0;
    let (set, get) = (parse("src,set-var(txn.ip)"), parse("var(txn.ip)"));
    let (missing, nowhere) = (parse("var(txn.other)"), parse("src,set-var(res.ip)"));
    let ctx = scene.ctx();
    assert_eq!(get.eval(&ctx), None);
    assert_eq!(set.eval(&ctx), get.eval(&ctx));
    assert!(matches!(get.eval(&ctx), Some(crate::Sample::Ipv4(_))));
    assert_eq!(missing.eval(&ctx), None);
    assert_eq!(nowhere.eval(&ctx), None, "there is no scope res while a request is processed");
}
