//! Words as they can be written in a configuration.

/// A word with the quotes that it needs: the lexer reads the same word again.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '#');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::lex::Lexer;
    use crate::span::FileId;

    proptest! {
        #[test]
        fn the_lexer_reads_it_back(text in "[^\\x00]{0,20}") {
            let line = super::word(&text);
            let mut lexer = Lexer::new(FileId(0), line.as_bytes());
            let words = lexer.next(&|_| None).unwrap().unwrap().words;
            prop_assert_eq!(words.len(), 1);
            prop_assert_eq!(&words[0].text, &text);
        }
    }
}
