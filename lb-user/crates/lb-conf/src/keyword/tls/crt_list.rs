//! `crt-list`: a file with a line for each certificate: its file, settings in brackets, and names.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::args::invalid;
use super::super::lookup::check_status;
use super::super::{Args, Context, Sections, Status, inert};
use super::Parsed;
use super::bind::BIND_TLS;
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindSettings, BindTlsDraft, CertificateDraft, Placed};
use crate::lex::Word;
use crate::model::SniFilter;
use crate::span::Span;

/// The words that a line may have in brackets.
const WORDS: [&str; 14] = [
    "allow-0rtt",
    "alpn",
    "ca-file",
    "ca-verify-file",
    "ciphers",
    "ciphersuites",
    "crl-file",
    "curves",
    "ecdhe",
    "no-ca-names",
    "npn",
    "ssl-max-ver",
    "ssl-min-ver",
    "verify",
];

/// `crt-list FILE`
pub(super) fn read(bind: &mut BindSettings, args: &mut Args<'_>) -> Parsed {
    let word = args.word("the path of a file")?;
    let path = PathBuf::from(&word.text);
    let text = args.host.read(&path).map_err(|e| {
        Diagnostic::alert(Code::File, format!("cannot read '{}': {e}", word.text)).at(word.span)
    })?;
    let text = String::from_utf8(text).map_err(|_| invalid(word, format!("'{}' is not text", word.text)))?;
    let mut any = false;
    for (line, number) in text.lines().zip(1..).map(|(line, number)| (line.trim(), number)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        any = true;
        let place = Place { file: &word.text, line: number, span: word.span };
        match entry(line, &path, &place, args) {
            Ok(certificate) => bind.tls_mut().certificates.push(certificate),
            Err(error) => args.note(place.told(error)),
        }
    }
    if any { Ok(()) } else { Err(invalid(word, format!("there is no certificate in '{}'", word.text))) }
}

/// A line of the file, and the word of the configuration that names the file.
struct Place<'a> {
    file: &'a str,
    line: u32,
    span: Span,
}

impl Place<'_> {
    /// The finding with the line that it is about; the mark stands at the word.
    fn told(&self, mut finding: Diagnostic) -> Diagnostic {
        finding.message = format!("{}:{}: {}", self.file, self.line, finding.message);
        finding.at(self.span)
    }
}

fn entry(
    line: &str,
    list: &std::path::Path,
    place: &Place<'_>,
    args: &mut Args<'_>,
) -> Result<CertificateDraft, Diagnostic> {
    let (file, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let (settings, names) = match rest.strip_prefix('[') {
        None => (None, rest),
        Some(inside) => {
            let unclosed = || Diagnostic::alert(Code::Syntax, "'[' without ']'").at(place.span);
            let (inside, names) = inside.split_once(']').ok_or_else(unclosed)?;
            (Some(Arc::new(settings(inside, place, args)?)), names)
        }
    };
    let path = Placed::new(file.to_owned(), place.span);
    let names = names.split_whitespace().map(filter).collect();
    Ok(CertificateDraft { path, list: Some(list.to_owned()), settings, names })
}

fn filter(word: &str) -> SniFilter {
    let pattern = word.strip_prefix('!');
    SniFilter { negative: pattern.is_some(), pattern: pattern.unwrap_or(word).to_ascii_lowercase().into() }
}

fn settings(text: &str, place: &Place<'_>, args: &mut Args<'_>) -> Result<BindTlsDraft, Diagnostic> {
    let words: Vec<_> = text.split_whitespace().map(|word| Word::plain(word, place.span)).collect();
    let mut context = Context::new(args.host);
    let mut target = BindSettings::default();
    let result = match words.is_empty() {
        true => Ok(()),
        false => read_words(&mut target, &words, &mut context),
    };
    context.notes.into_iter().for_each(|note| args.note(place.told(note)));
    result.map(|()| Arc::unwrap_or_clone(target.tls))
}

fn read_words(target: &mut BindSettings, words: &[Word], context: &mut Context<'_>) -> Parsed {
    let mut args = Args::new(words, 0, Sections::FRONTEND, context);
    while let Some(word) = args.take() {
        let rows = BIND_TLS.iter().flat_map(|table| table.iter());
        let known = |name: &str| WORDS.contains(&name);
        let Some(keyword) = rows.into_iter().find(|k| k.row.name == word.text && known(k.row.name)) else {
            let error = Diagnostic::alert(Code::UnknownWord, format!("unknown word '{}'", word.text));
            return Err(error.at(word.span).nearest(word, WORDS));
        };
        match (keyword.parse, keyword.row.status) {
            (Some(parse), _) => parse(target, &mut args)?,
            (None, Status::NoEffect(reason)) => inert::read(&keyword.row, reason, &mut args)?,
            (None, _) => {}
        }
        check_status(&keyword.row, std::slice::from_ref(word))?;
    }
    Ok(())
}
