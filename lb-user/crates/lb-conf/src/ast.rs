//! Sections and statements with their places. Building it never fails: what is wrong goes to the diagnostics, and
//! the rest of the files is read all the same.

use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic};
use crate::environment::Environment;
use crate::host::Host;
use crate::keyword::section::{self, SectionKind};
use crate::lex::{Lexer, Statement, Word};
use crate::preproc::Directives;
use crate::source::Sources;
use crate::span::Span;

/// What diagnostics call the prelude.
const PRELUDE: &str = "command line";

/// All sections of all files, in their order.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The sections.
    pub sections: Vec<Section>,
    /// What the configuration added to and took from the environment.
    pub environment: Environment,
}

/// A section: its head line and what follows it.
#[derive(Clone, Debug)]
pub struct Section {
    /// What kind of section.
    pub kind: SectionKind,
    /// The words of the head line; the first is the section's keyword.
    pub head: Vec<Word>,
    /// The other lines, none of them without words.
    pub statements: Vec<Statement>,
}

impl Section {
    /// The place of the section's keyword.
    pub fn span(&self) -> Span {
        self.head.first().map(|w| w.span).unwrap_or_default()
    }
}

/// Reads files one after the other.
pub(crate) struct Reader<'h> {
    host: &'h dyn Host,
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    document: Document,
    /// Whether the last section is still open: a file's end closes it.
    open: bool,
    joined: bool,
    /// Whether the last section's keyword is misspelt: what belongs to it is not worth an error of its own.
    lost: bool,
}

impl<'h> Reader<'h> {
    pub(crate) fn new(host: &'h dyn Host) -> Self {
        let document = Document::default();
        Self {
            host,
            sources: Sources::default(),
            diagnostics: Vec::new(),
            document,
            open: false,
            joined: false,
            lost: false,
        }
    }

    /// Reads the prelude, then the files and, of folders, those whose names end in `.cfg`, in the order of their names.
    pub(crate) fn read(mut self, prelude: &str, paths: &[PathBuf]) -> (Document, Sources, Vec<Diagnostic>) {
        let files: Vec<_> = paths.iter().flat_map(|p| self.expand(p)).collect();
        self.document.environment.predefine(self.host, &files);
        if !prelude.is_empty() {
            self.file(Path::new(PRELUDE), prelude.as_bytes());
        }
        for path in &files {
            match self.host.read(path) {
                Ok(text) => self.file(path, &text),
                Err(e) => self.unreadable(path, &e),
            }
        }
        (self.document, self.sources, self.diagnostics)
    }

    fn expand(&mut self, path: &Path) -> Vec<PathBuf> {
        match self.host.list(path) {
            Ok(None) => vec![path.to_owned()],
            Ok(Some(mut files)) => {
                files.retain(|f| is_configuration(f));
                files.sort();
                files
            }
            Err(e) => {
                self.unreadable(path, &e);
                Vec::new()
            }
        }
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        let message = format!("cannot read '{}': {error}", path.display());
        self.diagnostics.push(Diagnostic::alert(Code::File, message));
    }

    fn file(&mut self, path: &Path, text: &[u8]) {
        let file = self.sources.add(path, text);
        (self.open, self.joined, self.lost) = (false, false, false);
        let mut lexer = Lexer::new(file, text);
        let mut directives = Directives::default();
        let mut line = 0;
        loop {
            line += 1;
            let lookup = |name: &str| self.variable(name, path, line);
            let Some(read) = lexer.next(&lookup) else { break };
            match read {
                Ok(statement) => self.statement(statement, &mut directives),
                // A line that is left out by a condition may hold any bytes, but its quotes are closed.
                Err(e) if directives.skipping() && e.code == Code::File => {}
                Err(e) => self.diagnostics.push(*e),
            }
            line = lexer.line();
        }
        self.diagnostics.extend(directives.finish());
    }

    fn variable(&self, name: &str, path: &Path, line: u32) -> Option<String> {
        match name {
            ".FILE" => Some(path.display().to_string()),
            ".LINE" => Some(line.to_string()),
            ".SECTION" => Some(self.section_name()),
            _ => self.document.environment.get(self.host, name),
        }
    }

    fn section_name(&self) -> String {
        let Some(section) = self.document.sections.last().filter(|_| self.open) else { return String::new() };
        section.head.get(1).or(section.head.first()).map(|w| w.text.clone()).unwrap_or_default()
    }

    fn statement(&mut self, statement: Statement, directives: &mut Directives) {
        let Some(head) = statement.words.first() else { return };
        if head.starts_with('.') {
            let environment = &self.document.environment;
            let lookup = |name: &str| environment.get(self.host, name);
            directives.apply(&statement, &lookup, &mut self.diagnostics);
        } else if !directives.skipping() {
            self.note_joined(&statement);
            self.place(statement);
        }
    }

    /// Says once in each file that it uses the extension.
    fn note_joined(&mut self, statement: &Statement) {
        let Some(head) = statement.words.first().filter(|_| statement.joined && !self.joined) else { return };
        self.joined = true;
        let note = Diagnostic::notice(Code::Syntax, "a backslash joins this line with the next");
        let help = "HAProxy does not join lines: write the statement on one line to share the file with it";
        self.diagnostics.push(note.at(head.span).help(help));
    }

    fn place(&mut self, statement: Statement) {
        let Some(head) = statement.words.first() else { return };
        if let Some(kind) = section::kind(head) {
            (self.open, self.lost) = (true, false);
            self.document.sections.push(Section { kind, head: statement.words, statements: Vec::new() });
            return;
        }
        let open = self.open;
        match self.document.sections.last_mut().filter(|_| open) {
            Some(section) => {
                if section.kind == SectionKind::Global {
                    self.document.environment.apply(self.host, &statement);
                }
                section.statements.push(statement);
            }
            None if self.lost => {}
            None => {
                let error =
                    Diagnostic::alert(Code::Misplaced, format!("'{}' stands before any section", head.text));
                let error = error.at(head.span).label("expected a section").nearest(head, section::names());
                self.lost = !error.help.is_empty();
                self.diagnostics.push(error);
            }
        }
    }
}

/// Whether a file of a folder is read: hidden ones and others than `.cfg` are not.
fn is_configuration(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.ends_with(".cfg") && !name.starts_with('.')
}
