//! Conditional blocks and messages (configuration.txt, section 2.4).

mod condition;
mod predicate;

use crate::diag::{Code, Diagnostic};
use crate::lex::{Lookup, Statement, Word};
use crate::span::Span;

pub use condition::{ConditionError, evaluate, evaluate_argument};
pub use predicate::{FEATURES, LANGUAGE_VERSION, PREDICATES, Predicate};

/// The directives and what they do.
const DIRECTIVES: &[(&str, Kind)] = &[
    (".if", Kind::If),
    (".elif", Kind::Elif),
    (".else", Kind::Else),
    (".endif", Kind::Endif),
    (".diag", Kind::Message(Diagnostic::diag)),
    (".notice", Kind::Message(Diagnostic::notice)),
    (".warning", Kind::Message(Diagnostic::warning)),
    (".alert", Kind::Message(Diagnostic::alert)),
];

#[derive(Clone, Copy)]
enum Kind {
    If,
    Elif,
    Else,
    Endif,
    Message(fn(Code, String) -> Diagnostic),
}

/// Which part of an `.if` block is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// The present one.
    Taken,
    /// A later one, if its condition holds.
    Pending,
    /// None any more, or none at all within a block that is itself left out.
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    branch: Branch,
    opened: Span,
    in_else: bool,
}

/// The blocks that are open in a file.
#[derive(Debug, Default)]
pub(crate) struct Directives {
    blocks: Vec<Block>,
}

impl Directives {
    /// Whether lines are left out at present.
    pub(crate) fn skipping(&self) -> bool {
        self.blocks.last().is_some_and(|b| b.branch != Branch::Taken)
    }

    /// Carries out a line whose first word begins with a dot.
    pub(crate) fn apply(&mut self, line: &Statement, lookup: Lookup<'_>, out: &mut Vec<Diagnostic>) {
        let Some((head, rest)) = line.words.split_first() else { return };
        let kind = DIRECTIVES.iter().find(|(name, _)| *name == head.text).map(|(_, kind)| *kind);
        let result = match kind {
            Some(Kind::If) => self.open(head, rest, lookup),
            Some(Kind::Elif) => self.elif(head, rest, lookup),
            Some(Kind::Else) => self.otherwise(head).and(nothing_more(head, rest)),
            Some(Kind::Endif) => self.close(head).and(nothing_more(head, rest)),
            _ if self.skipping() => Ok(()),
            Some(Kind::Message(make)) => message(head, rest, make).map(|message| out.push(message)),
            None => {
                let error = Diagnostic::alert(Code::Directive, format!("unknown directive '{}'", head.text));
                Err(error.at(head.span).nearest(head, DIRECTIVES.iter().map(|(name, _)| *name)))
            }
        };
        out.extend(result.err());
    }

    fn open(&mut self, head: &Word, rest: &[Word], lookup: Lookup<'_>) -> Result<(), Diagnostic> {
        let mut block = Block { branch: Branch::Done, opened: head.span, in_else: false };
        if self.skipping() {
            self.blocks.push(block);
            return Ok(());
        }
        let holds = condition(head, rest, lookup);
        block.branch = if matches!(holds, Ok(true)) { Branch::Taken } else { Branch::Pending };
        self.blocks.push(block);
        holds.map(|_| ())
    }

    fn elif(&mut self, head: &Word, rest: &[Word], lookup: Lookup<'_>) -> Result<(), Diagnostic> {
        let block = self.blocks.last_mut().filter(|b| !b.in_else).ok_or_else(|| lonely(head))?;
        if block.branch == Branch::Pending {
            if condition(head, rest, lookup)? {
                block.branch = Branch::Taken;
            }
        } else {
            block.branch = Branch::Done;
        }
        Ok(())
    }

    fn otherwise(&mut self, head: &Word) -> Result<(), Diagnostic> {
        let block = self.blocks.last_mut().filter(|b| !b.in_else).ok_or_else(|| lonely(head))?;
        block.in_else = true;
        block.branch = if block.branch == Branch::Pending { Branch::Taken } else { Branch::Done };
        Ok(())
    }

    fn close(&mut self, head: &Word) -> Result<(), Diagnostic> {
        self.blocks.pop().map(|_| ()).ok_or_else(|| lonely(head))
    }

    /// What is wrong at the end of a file: blocks that are still open.
    pub(crate) fn finish(self) -> impl Iterator<Item = Diagnostic> {
        self.blocks.into_iter().map(|block| {
            Diagnostic::alert(Code::Directive, "this block has no '.endif' before the end of the file")
                .at(block.opened)
        })
    }
}

fn lonely(head: &Word) -> Diagnostic {
    Diagnostic::alert(Code::Directive, format!("'{}' without a preceding '.if'", head.text)).at(head.span)
}

/// What a directive such as `.notice` says: one word, which quotes keep together.
fn message(
    head: &Word,
    rest: &[Word],
    make: fn(Code, String) -> Diagnostic,
) -> Result<Diagnostic, Diagnostic> {
    let (text, surplus) =
        rest.split_first().map_or(("", rest), |(text, surplus)| (text.text.as_str(), surplus));
    nothing_more(head, surplus).map_err(|error| error.help("a message with blanks needs quotes"))?;
    Ok(make(Code::Message, text.to_owned()).at(head.span))
}

/// Refuses words behind those that a directive takes.
fn nothing_more(head: &Word, surplus: &[Word]) -> Result<(), Diagnostic> {
    let Some(word) = surplus.first() else { return Ok(()) };
    let text = format!("'{}' is one word too many for '{}'", word.text, head.text);
    Err(Diagnostic::alert(Code::Directive, text).at(word.span))
}

fn condition(head: &Word, rest: &[Word], lookup: Lookup<'_>) -> Result<bool, Diagnostic> {
    let text: Vec<_> = rest.iter().map(|w| w.text.as_str()).collect();
    evaluate(&text.join(" "), lookup).map_err(|e| {
        let error = Diagnostic::alert(Code::Directive, format!("in the condition of '{}': {e}", head.text));
        let place = locate(rest, e.offset).unwrap_or(head.span);
        let error = error.at(place);
        match &e.unknown {
            Some(word) => error.nearest(word, PREDICATES.iter().map(|p| p.name)),
            None => error,
        }
    })
}

/// The place of a byte of the words joined by single spaces.
fn locate(words: &[Word], offset: usize) -> Option<Span> {
    let mut left = offset;
    for word in words {
        if left < word.len() {
            return Some(word.part(left..left + 1));
        }
        left = left.saturating_sub(word.len() + 1);
    }
    words.last().map(|w| w.span)
}

#[cfg(test)]
mod tests;
