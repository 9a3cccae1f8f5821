use proptest::prelude::*;

use super::*;

fn lookup(name: &str) -> Option<String> {
    (name == "SET").then(String::new)
}

#[test]
fn conditions_are_answered() {
    let rows = [
        ("", false),
        ("0", false),
        ("1", true),
        ("20", true),
        ("!0", true),
        ("-1", true),
        ("-0", false),
        ("+1", true),
        ("!!1", true),
        ("defined(SET)", true),
        ("defined(UNSET)", false),
        ("!defined(UNSET)", true),
        ("feature(XDP)", true),
        ("feature(OPENSSL)", false),
        ("streq(a,a)", true),
        ("strneq(a, a)", true),
        ("streq(\"a,b\",'a,b')", true),
        ("strstr(abc,b)", true),
        ("version_atleast(2.6)", true),
        ("version_atleast(2.6-dev3)", true),
        ("version_atleast(3.0)", false),
        ("version_before(2.7)", true),
        ("ssllib_name_startswith(rust)", true),
        ("openssl_version_atleast(1.1.1)", false),
        ("version_atleast(x)", true),
        ("version_before(x)", false),
        ("version_atleast(2.6.12.9)", true),
        ("version_atleast", true),
        ("defined", false),
        ("0x1", true),
        ("0x0", false),
        ("017", true),
        ("feature(LINUX_SPLICE)", true),
        ("feature(NS)", false),
        ("enabled(EPOLL)", true),
        ("0 && 1 || 1", true),
        ("1 || 1 && 0", true),
        ("(1 || 1) && 0", false),
        ("  1  ", true),
    ];
    for (text, value) in rows {
        assert_eq!(evaluate(text, &lookup), Ok(value), "{text}");
    }
}

#[test]
fn wrong_conditions_are_refused_where_they_are_wrong() {
    let rows = [
        ("define(x)", 0, "unknown predicate 'define'"),
        ("1 1", 2, "expected '&&', '||' or the end"),
        ("1 &&", 4, "expected a number, a predicate, '!' or '('"),
        ("(1", 2, "expected ')'"),
        ("streq", 0, "'streq' takes (<text>,<text>)"),
        ("08", 0, "unknown predicate '08'"),
        ("openssl_version_atleast(1.1)", 0, "'1.1' is not a version such as 1.1.1"),
        ("streq(a)", 0, "'streq' takes (<text>,<text>)"),
        ("streq(a,b", 5, "expected ')' behind the arguments"),
    ];
    for (text, offset, message) in rows {
        let error = evaluate(text, &lookup).unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{text}");
    }
    assert_eq!(evaluate(&"(".repeat(10_000), &lookup).unwrap_err().message, "nested too deep");
}

#[test]
fn conditions_of_the_command_line_are_lexed() {
    let lookup = |name: &str| (name == "FOO").then(|| "bar".to_owned());
    let rows = [
        (r#"streq("$FOO",bar)"#, Some(true)),
        (r#"streq("${FOO}x",barx)"#, Some(true)),
        (r#"streq("$FOO",baz)"#, Some(false)),
        ("streq($FOO,bar)", Some(false)),
        ("streq(a b,a b)", Some(true)),
        (r#""1""#, Some(true)),
        ("-1", Some(true)),
        ("", Some(false)),
        (r#"streq("a"#, None),
        ("1 x", None),
        ("1 # x", None),
        ("1#x", None),
        ("1\\n", None),
        (" ", None),
        ("1\n1", None),
    ];
    for (text, value) in rows {
        assert_eq!(evaluate_argument(text, &lookup).ok(), value, "{text}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in "[a-z(),!&| \"'\\\\0-9é]{0,60}") {
        let _ = evaluate(&text, &lookup);
        let _ = evaluate_argument(&text, &lookup);
    }
}
