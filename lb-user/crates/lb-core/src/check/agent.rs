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
    /// counts. Words that are none are passed over, so that agents may say more than a balancer understands.
    pub fn parse(line: &[u8], duration: Duration) -> Self {
        let line = String::from_utf8_lossy(line);
        let line = line.split(['\r', '\n']).next().unwrap_or_default();
        let mut report = Self::unanswered(CheckReport::new(CheckStatus::Checked, duration));
        let mut rest = line;
        while let Some((word, tail)) = next_word(rest) {
            rest = report.take(word, tail);
        }
        report
    }

    // Takes a word and returns what is left after it: a description ends the line.
    fn take<'a>(&mut self, word: &'a str, tail: &'a str) -> &'a str {
        match word.to_ascii_lowercase().as_str() {
            "ready" => self.admin = Some(AdminState::Ready),
            "drain" => self.admin = Some(AdminState::Drain),
            "maint" => self.admin = Some(AdminState::Maint),
            "up" => self.set_up(true, "up", ""),
            down @ ("down" | "fail" | "stopped") => {
                self.set_up(false, down, description(tail));
                return after_description(tail);
            }
            other => self.take_number(other),
        }
        tail
    }

    fn take_number(&mut self, word: &str) {
        if let Some(percent) = word.strip_suffix('%').and_then(|number| number.parse().ok()) {
            self.weight = Some(WeightChange::Percent(percent));
        } else if let Some(limit) = word.strip_prefix("maxconn:").and_then(|number| number.parse().ok()) {
            self.maxconn = Some(limit);
        }
    }

    fn set_up(&mut self, up: bool, word: &str, description: &str) {
        self.up = Some(up);
        self.check.status = if up { CheckStatus::L7Ok } else { CheckStatus::L7Status };
        self.check.code = Some(0);
        self.check.info = match description {
            "" => format!("via agent : {word}"),
            text => format!("via agent : {word} ({text})"),
        };
    }
}

fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
    let (word, tail) = text.split_at(end);
    (!word.is_empty()).then_some((word, tail))
}

// What follows a sharp, or the words that follow without one.
fn description(tail: &str) -> &str {
    let tail = tail.trim_start_matches([' ', '\t', ',']);
    match tail.strip_prefix('#') {
        Some(text) => text.trim(),
        None => tail.split([' ', '\t', ',']).next().unwrap_or_default(),
    }
}

fn after_description(tail: &str) -> &str {
    let text = tail.trim_start_matches([' ', '\t', ',']);
    if text.starts_with('#') { "" } else { tail }
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
            ("maxconn:7 Up,ready 50%", Some(Ready), Some(true), half, Some(7), "via agent : up"),
            ("xyz maxconn:a -1%", None, None, None, None, ""),
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
