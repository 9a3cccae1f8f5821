//! What agents say.

use std::time::Duration;

use super::{AgentReport, CheckReport, CheckStatus};
use crate::change::{AdminState, WeightChange};

impl AgentReport {
    /// An agent that could not be asked: nothing changes.
    pub fn unanswered(check: CheckReport) -> Self {
        Self { check, admin: None, up: None, weight: None, maxconn: None }
    }

    /// Reads an agent's line (configuration.txt, `agent-check`): words in any order, of which the last of a kind
    /// counts, and behind a sharp a description. Words that are none change nothing, so that agents may say more than a
    /// balancer understands; the first of them is told.
    pub fn parse(line: &[u8], duration: Duration) -> Self {
        let line = String::from_utf8_lossy(line);
        let mut rest = line.split(['\r', '\n']).next().unwrap_or_default();
        let mut report = Self::unanswered(CheckReport::new(CheckStatus::Checked, duration));
        let mut said = Said::default();
        while let Some((word, tail)) = next_word(rest) {
            report.take(word, &mut said);
            rest = tail;
        }
        said.description = rest.trim_start_matches(SEPARATORS).trim_start_matches('#').trim();
        report.check.info = said.info(report.up);
        report
    }

    fn take<'a>(&mut self, word: &'a str, said: &mut Said<'a>) {
        let lower = word.to_ascii_lowercase();
        match &*lower {
            "ready" => self.admin = Some(AdminState::Ready),
            "drain" => self.admin = Some(AdminState::Drain),
            "maint" => self.admin = Some(AdminState::Maint),
            "up" | "down" | "fail" | "stopped" => {
                self.set_up(lower == "up");
                said.health = word;
            }
            other if self.take_number(other) => {}
            _ if said.unknown.is_empty() => said.unknown = word,
            _ => {}
        }
    }

    // Whether the word is one with a number.
    fn take_number(&mut self, word: &str) -> bool {
        if let Some(percent) = word.strip_suffix('%').and_then(|number| number.parse().ok()) {
            self.weight = Some(WeightChange::Percent(percent));
        } else if let Some(limit) = word.strip_prefix("maxconn:").and_then(|number| number.parse().ok()) {
            self.maxconn = Some(limit);
        } else {
            return false;
        }
        true
    }

    fn set_up(&mut self, up: bool) {
        self.up = Some(up);
        self.check.status = if up { CheckStatus::L7Ok } else { CheckStatus::L7Status };
        self.check.code = Some(0);
    }
}

/// What an agent said in words that are for people.
#[derive(Default)]
struct Said<'a> {
    /// The last word about the server's health, as it was written.
    health: &'a str,
    /// The first word that is none.
    unknown: &'a str,
    /// What stands behind the sharp.
    description: &'a str,
}

impl Said<'_> {
    // As HAProxy tells it: of what is well the odd word is told first, of what is not its description.
    fn info(&self, up: Option<bool>) -> String {
        let (first, second) = match up {
            Some(false) => (self.description, self.unknown),
            Some(true) => (self.unknown, self.description),
            None if self.unknown.is_empty() => return String::new(),
            None => return format!("agent reports an error : {}", self.unknown),
        };
        match if first.is_empty() { second } else { first } {
            "" => format!("via agent : {}", self.health),
            text => format!("via agent : {} ({text})", self.health),
        }
    }
}

/// What stands between words.
const SEPARATORS: [char; 3] = [' ', '\t', ','];

// The first word of a text, and what follows; none in front of a description.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(SEPARATORS);
    let end = text.find(SEPARATORS).unwrap_or(text.len());
    let (word, tail) = text.split_at(end);
    (!word.is_empty() && !word.starts_with('#')).then_some((word, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row =
        (&'static str, Option<AdminState>, Option<bool>, Option<WeightChange>, Option<u32>, &'static str);

    #[test]
    fn lines_mean_what_they_say() {
        use AdminState::{Drain, Maint, Ready};
        let half = Some(WeightChange::Percent(50));
        let rows: &[Row] = &[
            ("50%\n", None, None, half, None, ""),
            ("drain\r\n", Some(Drain), None, None, None, ""),
            ("ready", Some(Ready), None, None, None, ""),
            ("maint\nup\n", Some(Maint), None, None, None, ""),
            ("up\n", None, Some(true), None, None, "via agent : up"),
            ("down\n", None, Some(false), None, None, "via agent : down"),
            ("down going home\n", None, Some(false), None, None, "via agent : down (going)"),
            ("fail # oh no\n", None, Some(false), None, None, "via agent : fail (oh no)"),
            ("stopped", None, Some(false), None, None, "via agent : stopped"),
            ("maxconn:7 Up,ready 50%", Some(Ready), Some(true), half, Some(7), "via agent : Up"),
            ("up\tready # all is well", Some(Ready), Some(true), None, None, "via agent : up (all is well)"),
            ("up # no longer in maint", None, Some(true), None, None, "via agent : up (no longer in maint)"),
            ("a b up # c", None, Some(true), None, None, "via agent : up (a)"),
            ("down a # b", None, Some(false), None, None, "via agent : down (b)"),
            ("xyz maxconn:a -1% # b", None, None, None, None, "agent reports an error : xyz"),
            ("-1%", None, None, None, None, "agent reports an error : -1%"),
            ("# only", None, None, None, None, ""),
            ("", None, None, None, None, ""),
        ];
        for (line, admin, up, weight, maxconn, info) in rows {
            let report = AgentReport::parse(line.as_bytes(), Duration::ZERO);
            let got = (report.admin, report.up, report.weight, report.maxconn, &*report.check.info);
            assert_eq!(got, (*admin, *up, *weight, *maxconn, *info), "{line:?}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read() {
        let report = AgentReport::parse(&[0xff, 0xfe, b' ', b'u', b'p', 0], Duration::ZERO);
        assert_eq!(report.up, None);
    }
}
