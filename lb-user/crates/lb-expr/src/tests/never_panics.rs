//! Whatever stands in a configuration or a request, nothing panics, and errors mark a stretch of their word.

use proptest::prelude::*;

use super::fake::{FakeResolver, Scene};
use crate::resolve::Env;
use crate::{Acls, Condition, Expr, LogFormat, ParseError, Style, converters, fetches};

/// Text made of what the parsers look for.
fn text() -> impl Strategy<Value = String> {
    let names: Vec<String> = fetches()
        .map(|r| r.example.to_owned())
        .chain(converters().map(|r| r.example.to_owned()))
        .chain(
            ["(", ")", ",", "'", "\"", "\\", "%", "[", "]", "{", "}", "+Q", " ", "é", "0", "-1", "."]
                .map(str::to_owned),
        )
        .collect();
    let part = prop_oneof![
        3 => prop::sample::select(names),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn check(error: &ParseError, words: &[&str]) {
    assert!(error.word <= words.len());
    if let Some(word) = words.get(error.word) {
        assert!(
            word.get(error.range.clone()).is_some(),
            "{:?} is no stretch of `{word}`: {error}",
            error.range
        );
    }
}

fn resolver() -> FakeResolver {
    let mut resolver = FakeResolver::default();
    resolver.files.insert("file.map", "a b\n");
    resolver
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn expressions(text in text(), uri in "/[ -~]{0,20}", value in "[ -~]{0,30}", body in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut resolver = resolver();
        let Ok(uri) = uri.parse::<http::Uri>() else { return Ok(()) };
        let headers = format!("Host: h|Cookie: {v}|Authorization: {v}|X: {v}", v = value.replace('|', ","));
        let mut scene = Scene::new("POST", "/", &headers);
        scene.uri = uri;
        scene.body = Some(body);
        match Expr::parse(&[&text], &mut Env::anywhere(&mut resolver)) {
            Ok((expr, _)) => {
                expr.eval(&scene.ctx());
                let mut seen = 0;
                expr.any(&scene.ctx(), |_| { seen += 1; seen > 1000 });
                prop_assert!(seen < 1000, "an expression has no end of values");
            }
            Err(e) => check(&e, &[&text]),
        }
    }

    #[test]
    fn every_converter_takes_every_text(
        at in 0usize..converters().count(),
        text in prop_oneof!["[ -~]{0,20}", "\\PC{0,12}", "[0-9.:;=,\\-]{0,12}"],
    ) {
        let mut resolver = resolver();
        resolver.files.insert("cert.pem", super::oracle::CERTIFICATE);
        let Some(row) = converters().nth(at) else { return Ok(()) };
        // The call of the converter, out of its example, behind a variable that holds the text.
        let Some(start) = row.example.find(&format!(",{}", row.name)) else { return Ok(()) };
        let call = format!("var(txn.text){}", &row.example[start..]);
        let mut env = Env::anywhere(&mut resolver);
        let Ok((expr, _)) = Expr::parse(&[&call], &mut env) else { return Ok(()) };
        let id = env.resolver.variables().resolve("txn.text").unwrap();
        let scene = Scene::new("GET", "/", "Host: h");
        scene.txn.set(id.index, Some(crate::Sample::str(text.as_str()).into()));
        expr.eval(&scene.ctx());
        scene.txn.set(id.index, Some(crate::Sample::bin(text.as_bytes()).into()));
        expr.eval(&scene.ctx());
    }

    #[test]
    fn formats(text in text()) {
        let mut resolver = resolver();
        let scene = Scene::new("GET", "/", "Host: h");
        for style in [Style::Log, Style::Http] {
            match LogFormat::parse(&text, style, &mut Env::anywhere(&mut resolver)) {
                Ok(format) => _ = format.format(&scene.ctx()),
                Err(e) => check(&e, &[&text]),
            }
        }
    }

    #[test]
    fn conditions(words in prop::collection::vec(prop_oneof![
        2 => prop::sample::select(vec!["{", "}", "!", "or", "||", "if", "-i", "-m", "str", "reg", "ip", "-f", "-u", "gt", "1:5",
            "METH_GET", "path_beg", "src", "hdr(host)", "10.0.0.0/8", "::1/128", "(", "a"]).prop_map(str::to_owned),
        1 => text(),
    ], 0..10)) {
        let mut resolver = resolver();
        let mut acls = Acls::default();
        let words: Vec<&str> = std::iter::once("if").chain(words.iter().map(String::as_str)).collect();
        let scene = Scene::new("GET", "/", "Host: h");
        match Condition::parse(&words, &mut acls, 0, &mut Env::anywhere(&mut resolver)) {
            Ok(condition) => _ = condition.eval(&scene.ctx()),
            Err(e) => check(&e, &words),
        }
        if let Err(e) = acls.declare(&words[1..], 0, &mut Env::anywhere(&mut resolver)) {
            check(&e, &words[1..]);
        }
    }
}
