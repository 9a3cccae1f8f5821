//! Every row of every table is whole.

use std::collections::HashSet;

use super::fake::{FakeResolver, Scene};
use crate::acl::{AclTest, PREDEFINED, keywords};
use crate::logformat::VARIABLES;
use crate::resolve::Env;
use crate::{Acls, Expr, Layer, LogFormat, Style, converters, fetches};

fn resolver() -> FakeResolver {
    let mut resolver = FakeResolver::default();
    resolver.files.insert("file.map", "");
    resolver.files.insert("cert.pem", super::oracle::CERTIFICATE);
    resolver
}

/// The example parses, has the row's type, uses the row, and evaluates.
fn check_example(name: &str, example: &str, layers: &[Layer]) {
    let mut resolver = resolver();
    let mut acls = Acls::default();
    let parsed = Expr::parse(&[example], &mut Env::anywhere(&mut resolver).with_acls(&mut acls, 0));
    if layers.contains(&Layer::Cache) {
        assert!(parsed.is_err(), "{name} must be refused where there is no cache");
        return;
    }
    let (expr, _) = parsed.unwrap_or_else(|e| panic!("{name}: `{example}`: {e} at {:?}", e.range));
    assert!(example.contains(name), "the example of {name} does not use it");
    let scene = Scene::new("GET", "/a?b=c", "Host: h");
    let value = expr.eval(&scene.ctx());
    if let Some(value) = value {
        let kind = expr.output();
        let possible = crate::cast::cast(value.clone(), kind).map(|v| v.kind());
        assert!(possible.is_some(), "{name}: a {} where a {kind} is declared", value.kind());
    }
}

/// A word that is refused is known, and says why.
fn check_row(name: &str, example: &str, layers: &[Layer], refused: Option<&str>) {
    let Some(why) = refused else { return check_example(name, example, layers) };
    let text =
        if converters().any(|row| row.name == name) { format!("str(a),{name}") } else { name.to_owned() };
    let mut resolver = resolver();
    let error = Expr::parse(&[&text], &mut Env::anywhere(&mut resolver)).unwrap_err();
    assert!(error.to_string().contains(why), "{name}: {error}");
}

#[test]
fn fetches_are_whole() {
    let mut seen = HashSet::new();
    for row in fetches() {
        for name in row.names {
            assert!(seen.insert(*name), "{name} is there twice");
        }
        assert!(!row.doc.is_empty(), "{} has no doc", row.names[0]);
        assert!(row.args.is_sorted_by_key(|a| a.optional), "{}: optional arguments come last", row.names[0]);
        check_row(row.names[0], row.example, row.layers, row.refused);
    }
    assert!(seen.len() > 300, "only {} fetches", seen.len());
}

#[test]
fn converters_are_whole() {
    let mut seen = HashSet::new();
    for row in converters() {
        assert!(seen.insert(row.name), "{} is there twice", row.name);
        assert!(!row.doc.is_empty(), "{} has no doc", row.name);
        check_row(row.name, row.example, row.layers, row.refused);
    }
    assert!(seen.len() > 100, "only {} converters", seen.len());
}

#[test]
fn predefined_acls_parse() {
    for row in PREDEFINED {
        let mut resolver = resolver();
        let test = AclTest::parse(row.words, &mut Env::anywhere(&mut resolver));
        assert!(test.is_ok(), "{}: {}", row.name, test.unwrap_err());
        assert!(!row.doc.is_empty());
    }
}

#[test]
fn acl_keywords_parse() {
    for keyword in keywords() {
        let mut resolver = resolver();
        let word = match keyword.fetch {
            "http_auth_group" => format!("{}(users)", keyword.name),
            "req.payload" | "req.payload_lv" => format!("{}(0,1)", keyword.name),
            _ => keyword.name.clone(),
        };
        let test = AclTest::parse(&[&word], &mut Env::anywhere(&mut resolver));
        assert!(test.is_ok(), "{word}: {}", test.unwrap_err());
    }
}

#[test]
fn log_variables_are_whole() {
    let mut seen = HashSet::new();
    for row in VARIABLES {
        assert!(seen.insert(row.name), "{} is there twice", row.name);
        assert!(!row.doc.is_empty(), "{} has no doc", row.name);
        let mut resolver = resolver();
        let text = format!("%{{+Q,+X}}{} %{0}", row.name);
        let text = text.replace("{0}", row.name);
        let format = LogFormat::parse(&text, Style::Log, &mut Env::anywhere(&mut resolver)).unwrap();
        let scene = Scene::new("GET", "/a?b=c", "Host: h");
        format.format(&scene.ctx());
    }
    // configuration.txt, section 8.2.6, without %o.
    assert_eq!(seen.len(), 63);
}
