//! Variables of the process that `global` sets.

use lb_expr::{Checkpoint, Style};

use super::Compiler;
use crate::diag::{Code, Diagnostic};
use crate::draft::ProcVarDraft;
use crate::model::Action;

impl Compiler<'_> {
    /// What `set-var` and `set-var-fmt` of `global` do, in their order.
    pub(crate) fn start(&mut self, drafts: &[ProcVarDraft], notes: &mut Vec<Diagnostic>) -> Vec<Action> {
        self.place = Checkpoint::Config;
        let mut actions = Vec::new();
        for draft in drafts {
            match self.start_variable(draft) {
                Ok(action) => actions.push(action),
                Err(error) => notes.push(error),
            }
        }
        actions
    }

    fn start_variable(&mut self, draft: &ProcVarDraft) -> Result<Action, Diagnostic> {
        let var = self.variable(&draft.name, draft.name.span)?;
        let extra = |at: usize| match draft.value.get(at) {
            None => Ok(()),
            Some(word) => {
                let message = format!("superfluous '{}' behind the value", word.text);
                Err(Diagnostic::alert(Code::ExtraArgument, message).at(word.span))
            }
        };
        if !draft.format {
            let (value, words) = self.expr(&draft.value, &draft.name)?;
            extra(words)?;
            return Ok(Action::SetVar { var, conditions: Vec::new(), value });
        }
        let Some(word) = draft.value.first() else {
            let error = Diagnostic::alert(Code::MissingArgument, "'set-var-fmt' needs a format");
            return Err(error.at(draft.name.span));
        };
        extra(1)?;
        let value = self.format(word, &word.text, Style::Verbatim)?;
        Ok(Action::SetVarFmt { var, conditions: Vec::new(), value })
    }
}
