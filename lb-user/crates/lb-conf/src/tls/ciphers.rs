//! Cipher strings as OpenSSL reads them (openssl-ciphers(1)).

use super::suite::{CipherSuite, LACKING_13, SERVED_13, Suite};
use super::table::SUITES;

/// What a cipher string asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphers {
    /// The suites that are served, the preferred one first.
    pub suites: Vec<CipherSuite>,
    /// The suites that are asked for by name and not served. What a word for many covers is not told.
    pub lacking: Vec<&'static str>,
    /// Words that OpenSSL does not know either, and passes over.
    pub unknown: Vec<String>,
}

/// Why a cipher string is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// It covers no suite at all.
    #[error("'{0}' covers no cipher suite")]
    NoMatch(String),
    /// It covers only suites that are not served.
    #[error("none of the cipher suites that '{0}' covers is served")]
    NoneServed(String),
    /// A TLS 1.3 suite that does not exist.
    #[error("unknown TLS 1.3 cipher suite '{0}'")]
    Unknown(String),
    /// An `@` command that OpenSSL does not have.
    #[error("unknown command '{0}'")]
    Command(String),
}

/// Reads `ciphers`: suites up to TLS 1.2.
///
/// # Errors
///
/// An unknown `@` command, or no suite is left that is served.
pub fn parse_ciphers(text: &str) -> Result<Ciphers, CipherError> {
    let mut order = Order { list: SUITES.iter().map(|suite| (suite, false)).collect(), unknown: Vec::new() };
    for (index, word) in words(text).enumerate() {
        order.rule(word, index == 0)?;
    }
    let Order { list, unknown } = order;
    let active = list.into_iter().filter(|(_, active)| *active).map(|(suite, _)| suite);
    let (served, lacking): (Vec<_>, Vec<_>) = active.partition(|suite| suite.served().is_some());
    if served.is_empty() {
        let kind = if lacking.is_empty() { CipherError::NoMatch } else { CipherError::NoneServed };
        return Err(kind(text.to_owned()));
    }
    let suites = served.into_iter().filter_map(Suite::served).collect();
    let named =
        lacking.into_iter().map(|suite| suite.name).filter(|name| words(text).any(|word| word == *name));
    Ok(Ciphers { suites, lacking: named.collect(), unknown })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([':', ',', ' ', ';']).filter(|w| !w.is_empty())
}

/// Reads `ciphersuites`: names of TLS 1.3 suites, separated by colons.
///
/// # Errors
///
/// An unknown name, or no suite is left that is served.
pub fn parse_ciphersuites(text: &str) -> Result<Ciphers, CipherError> {
    let mut ciphers = Ciphers { suites: Vec::new(), lacking: Vec::new(), unknown: Vec::new() };
    for word in text.split(':').filter(|w| !w.is_empty()) {
        if let Some((id, _)) = SERVED_13.iter().find(|(_, name)| *name == word) {
            push_new(&mut ciphers.suites, CipherSuite(*id));
        } else {
            let lacking = LACKING_13.iter().find(|name| **name == word);
            ciphers.lacking.push(lacking.ok_or_else(|| CipherError::Unknown(word.to_owned()))?);
        }
    }
    match ciphers.suites.is_empty() {
        true if ciphers.lacking.is_empty() => Err(CipherError::NoMatch(text.to_owned())),
        true => Err(CipherError::NoneServed(text.to_owned())),
        false => Ok(ciphers),
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

/// All suites in an order that the rules change, each with whether it is chosen.
struct Order {
    list: Vec<(&'static Suite, bool)>,
    unknown: Vec<String>,
}

impl Order {
    fn rule(&mut self, word: &str, first: bool) -> Result<(), CipherError> {
        if let Some(command) = word.strip_prefix('@') {
            return self.command(command);
        }
        // Anywhere else the word means nothing to OpenSSL.
        if first && word == "DEFAULT" {
            self.add(|suite| suite.default);
            return Ok(());
        }
        let (operator, words) = match word.strip_prefix(['!', '-', '+']) {
            Some(words) => (word.as_bytes().first().copied(), words),
            None => (None, word),
        };
        let Some(covers) = covering(words) else {
            if operator.is_none() {
                self.unknown.push(word.to_owned());
            }
            return Ok(());
        };
        match operator {
            Some(b'!') => self.list.retain(|(suite, _)| !covers(suite)),
            Some(b'-') => self.remove(covers),
            Some(_) => self.move_last(covers),
            None => self.add(covers),
        }
        Ok(())
    }

    fn command(&mut self, command: &str) -> Result<(), CipherError> {
        match command {
            // The longest keys first, otherwise as they stand.
            "STRENGTH" => self.list.sort_by_key(|(suite, _)| std::cmp::Reverse(suite.bits)),
            // Everything that is served satisfies the levels up to 2; levels set nothing else here.
            _ if command.starts_with("SECLEVEL=") => {}
            _ => return Err(CipherError::Command(format!("@{command}"))),
        }
        Ok(())
    }

    fn add(&mut self, covers: impl Fn(&Suite) -> bool) {
        let (chosen, mut rest) = self.split(|suite, active| !active && covers(suite));
        rest.extend(chosen.into_iter().map(|(suite, _)| (suite, true)));
        self.list = rest;
    }

    /// Removed suites go to the front, so that they come back in their place if they are added again.
    fn remove(&mut self, covers: impl Fn(&Suite) -> bool) {
        let (chosen, rest) = self.split(|suite, active| active && covers(suite));
        self.list = chosen.into_iter().map(|(suite, _)| (suite, false)).chain(rest).collect();
    }

    fn move_last(&mut self, covers: impl Fn(&Suite) -> bool) {
        let (chosen, mut rest) = self.split(|suite, active| active && covers(suite));
        rest.extend(chosen);
        self.list = rest;
    }

    fn split(&mut self, choose: impl Fn(&Suite, bool) -> bool) -> (Chosen, Chosen) {
        std::mem::take(&mut self.list).into_iter().partition(|(suite, active)| choose(suite, *active))
    }
}

type Chosen = Vec<(&'static Suite, bool)>;

/// What `A+B+C` covers: what each of the words does. None: one of them is not known.
fn covering(words: &str) -> Option<impl Fn(&Suite) -> bool> {
    let words: Vec<&str> = words.split('+').collect();
    let probe = SUITES.first()?;
    words.iter().all(|word| probe.is_in(word).is_some()).then_some(())?;
    let covered =
        words.iter().map(|word| SUITES.iter().filter(|s| s.is_in(word) == Some(true)).map(|s| s.id));
    let mut sets = covered.map(Iterator::collect::<Vec<u16>>);
    let first = sets.next()?;
    let ids = sets.fold(first, |ids, set| ids.into_iter().filter(|id| set.contains(id)).collect());
    Some(move |suite: &Suite| ids.contains(&suite.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> String {
        let ciphers = parse_ciphers(text).expect(text);
        ciphers.suites.iter().map(|s| s.name().unwrap_or("?")).collect::<Vec<_>>().join(":")
    }

    #[test]
    fn suites_stand_in_the_order_that_openssl_gives_them() {
        // String, what `openssl ciphers` prints for it of the suites that are served.
        let rows = [
            (
                "DEFAULT",
                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
                 ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
            ),
            (
                "ECDHE+AESGCM:!aNULL",
                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:\
                 ECDHE-RSA-AES128-GCM-SHA256",
            ),
            (
                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
            ),
            (
                "ECDHE-RSA-AES128-GCM-SHA256:ECDHE+CHACHA20:@STRENGTH",
                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256",
            ),
            (
                "HIGH:!aNULL:!MD5:!RSA:+ECDSA",
                "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:\
                 ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
            ),
            ("AESGCM:-aRSA:!AES128", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ];
        for (text, expected) in rows {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_lacking_or_unknown_is_told() {
        let ciphers =
            parse_ciphers("kRSA:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:NONSENSE:!WHATEVER");
        let ciphers = ciphers.expect("one is served");
        assert_eq!(ciphers.lacking, ["DHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(ciphers.unknown, ["NONSENSE"]);
    }

    #[test]
    fn a_string_that_leaves_nothing_is_an_error() {
        let rows = [
            ("", CipherError::NoMatch(String::new())),
            ("RC4-SHA", CipherError::NoMatch("RC4-SHA".into())),
            ("AES128-SHA:DHE", CipherError::NoneServed("AES128-SHA:DHE".into())),
            ("HIGH:@NOTHING", CipherError::Command("@NOTHING".into())),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_ciphers(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn tls_1_3_suites_keep_the_order_of_the_list() {
        let ciphers =
            parse_ciphersuites("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_256_GCM_SHA384");
        let ciphers = ciphers.expect("two are served");
        assert_eq!(ciphers.suites, [CipherSuite(0x1301), CipherSuite(0x1302)]);
        assert_eq!(ciphers.lacking, ["TLS_AES_128_CCM_SHA256"]);
        let unknown = parse_ciphersuites("TLS_AES_128");
        assert_eq!(unknown, Err(CipherError::Unknown("TLS_AES_128".into())));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[A-Za-z0-9!+:@=-]{0,40}") {
            let _ = parse_ciphers(&text);
            let _ = parse_ciphersuites(&text);
        }
    }
}
