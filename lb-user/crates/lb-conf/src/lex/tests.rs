use proptest::prelude::*;

use super::*;

fn lookup(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("10.0.0.1".into()),
        "LIST" => Some("a  b c".into()),
        "EMPTY" => Some(String::new()),
        ".LINE" => Some("7".into()),
        _ => None,
    }
}

fn lex(text: &str) -> Result<Vec<String>, String> {
    let mut lexer = Lexer::new(FileId(0), text.as_bytes());
    match lexer.next(&lookup) {
        Some(Ok(statement)) => Ok(statement.words.into_iter().map(|w| w.text).collect()),
        Some(Err(e)) => Err(e.message),
        None => Ok(Vec::new()),
    }
}

#[test]
fn cuts_lines_into_words() {
    let rows: &[(&str, &[&str])] = &[
        ("", &[]),
        ("  # comment", &[]),
        ("\tmode   http # or tcp", &["mode", "http"]),
        ("global#this is it", &["global"]),
        ("a\r\n", &["a"]),
        (r"realm HAProxy\ Statistics", &["realm", "HAProxy Statistics"]),
        (r"a \#b \\c \'d \$e", &["a", "#b", r"\c", "'d", "$e"]),
        (r"\n\r\t\x41", &["\n\r\tA"]),
        (r"^/a\.b\d+$", &[r"^/a\.b\d+$"]),
        (r#""a 'b' #c""#, &["a 'b' #c"]),
        (r#"'a "b" \d $HOST'"#, &[r#"a "b" \d $HOST"#]),
        (r#"%{+Q}o' %s '"%t""#, &["%{+Q}o %s %t"]),
        (r#"a "" b"#, &["a", "", "b"]),
        (r#""$HOST:80" $HOST"#, &["10.0.0.1:80", "$HOST"]),
        (r#""${HOST}x" "${NONE-127.0.0.1}:514""#, &["10.0.0.1x", "127.0.0.1:514"]),
        (r#""${EMPTY-x}" "$NONE""#, &["", ""]),
        (r#""x${LIST[*]}y" z"#, &["xa", "b", "cy", "z"]),
        (r#""${.LINE}""#, &["7"]),
        ("bind :443 \\\n   ssl", &["bind", ":443", "ssl"]),
        ("foo\\\nbar", &["foobar"]),
        (r"last \", &["last", "\\"]),
        ("# a comment does not go on \\\nbind", &[]),
    ];
    for (text, words) in rows {
        assert_eq!(
            lex(text).as_deref(),
            Ok(*words).map(|w| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).as_deref(),
            "{text}"
        );
    }
}

#[test]
fn refuses_what_it_cannot_cut() {
    let rows = [
        ("a \"b", "double quote is not closed on its line"),
        ("a 'b", "single quote is not closed on its line"),
        (r"\xg1", "'\\x' must be followed by two hexadecimal digits"),
        (r"\x1", "'\\x' must be followed by two hexadecimal digits"),
        (r"\xff", "this word holds bytes that are not UTF-8"),
        (r"\x00", "this word holds a NUL character"),
        ("\"$1\"", "a variable's name must begin with a letter or '_'"),
        ("\"${A\"", "'${' is not closed by '}'"),
        ("\"${A*}\"", "expected '}', '-' or '[*]' after a variable's name"),
    ];
    for (text, message) in rows {
        assert_eq!(lex(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn goes_on_after_an_error() {
    let mut lexer = Lexer::new(FileId(0), b"a 'b\nc d\n");
    assert!(lexer.next(&lookup).is_some_and(|r| r.is_err()));
    let second = lexer.next(&lookup).unwrap().unwrap();
    assert_eq!((second.line, second.words.len()), (2, 2));
    assert!(lexer.next(&lookup).is_none());
}

#[test]
fn words_know_where_their_parts_come_from() {
    let mut lexer = Lexer::new(FileId(0), br#"ab "c\x41$HOST""#);
    let words = lexer.next(&lookup).unwrap().unwrap().words;
    let columns = |s: crate::span::Span| (s.start, s.end);
    assert_eq!(columns(words[0].part(1..2)), (2, 3));
    assert_eq!(columns(words[1].span), (4, 16));
    assert_eq!(columns(words[1].part(0..1)), (5, 6));
    assert_eq!(columns(words[1].part(1..2)), (6, 10));
    assert_eq!(columns(words[1].part(2..4)), (10, 15));
}

#[test]
fn variables_that_grow_are_bounded() {
    let value = "x".repeat(1 << 20);
    let lookup = |_: &str| Some(value.clone());
    let text = "\"$A\"\n".repeat(10);
    let mut lexer = Lexer::new(FileId(0), text.as_bytes());
    let read: Vec<_> = std::iter::from_fn(|| lexer.next(&lookup)).map(|line| line.is_ok()).collect();
    assert_eq!(read, [vec![true; 4], vec![false; 6]].concat());
}

proptest! {
    #[test]
    fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut lexer = Lexer::new(FileId(0), &text);
        while lexer.next(&lookup).is_some() {}
    }

    #[test]
    fn never_panics_on_what_looks_like_a_configuration(text in "[a$\"'\\\\{}\\[\\]*#x0 \n-]{0,80}") {
        let mut lexer = Lexer::new(FileId(0), text.as_bytes());
        while lexer.next(&lookup).is_some() {}
    }
}
