//! `tcp-check` rules.

use std::sync::Arc;

use lb_expr::{Checkpoint, LogFormat, Style};

use super::Compiler;
use crate::action::{self, Places};
use crate::diag::Diagnostic;
use crate::draft::{CheckDraftStep, CheckDraftWhat, ProxyDraft};
use crate::lex::Word;
use crate::model::{CheckRule, CheckStep, Written};
use crate::quote;

impl Compiler<'_> {
    /// The `tcp-check` rules of a backend.
    pub(super) fn check_rules(&mut self, proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) -> Vec<CheckRule> {
        if !proxy.is_backend() {
            return Vec::new();
        }
        self.place = Checkpoint::Check;
        let mut rules = Vec::with_capacity(proxy.check.steps.len());
        for draft in &proxy.check.steps {
            match self.check_step(&draft.value, notes) {
                Ok(step) => rules.push(CheckRule { step, comment: draft.value.comment.clone() }),
                Err(error) => notes.push(error),
            }
        }
        rules
    }

    fn check_step(
        &mut self,
        draft: &CheckDraftStep,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<CheckStep, Diagnostic> {
        Ok(match &draft.what {
            CheckDraftWhat::Ready(step) => step.clone(),
            CheckDraftWhat::SendText(word) => CheckStep::SendText(self.written(word)?),
            CheckDraftWhat::SendHex(word) => CheckStep::SendHex(self.written(word)?),
            CheckDraftWhat::Var(rule) => {
                let read = self.action(&rule.words, rule, |a| {
                    let action = action::parse(a, Places::TCP_CONTENT)?;
                    a.args.end()?;
                    Ok(action)
                });
                let (action, _, more) = read?;
                notes.extend(more);
                let words: Vec<_> = rule.words.iter().map(|word| quote::word(word)).collect();
                CheckStep::Var(Written { text: words.join(" "), value: Arc::new(action) })
            }
        })
    }

    fn written(&mut self, word: &Word) -> Result<Written<LogFormat>, Diagnostic> {
        // Blanks count, and what is empty is nothing.
        let format = self.format(word, &word.text, Style::Verbatim)?;
        Ok(Written { text: word.text.clone(), value: Arc::new(format) })
    }
}
