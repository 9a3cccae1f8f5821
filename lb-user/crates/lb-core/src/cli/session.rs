//! A connection to the runtime socket.

use std::time::Duration;

use lb_conf::model::CommandLevel;

use super::Context;
use super::command::{self, Call};

/// What ends a connection that says nothing, unless it sets another time itself.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of a connection to the runtime socket.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it may do.
    pub level: CommandLevel,
    /// `prompt`: stays open after a line, and is told where its answers end.
    pub interactive: bool,
    /// `set timeout cli`: the longest silence.
    pub timeout: Duration,
}

/// What to send, and what to do then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Text to send as it is, prompt included.
    pub text: String,
    /// Whether to close the connection once it is sent.
    pub close: bool,
}

impl Session {
    /// A connection that has just opened.
    pub fn new(level: CommandLevel) -> Self {
        Self { level, interactive: false, timeout: DEFAULT_TIMEOUT }
    }
}

/// Answers a line, which may hold several commands with semicolons between them. Where it ends in `<<`, what follows
/// in further lines belongs to the last of them.
pub fn execute(line: &str, session: &mut Session, context: &Context<'_>) -> Output {
    let mut text = String::new();
    let (line, payload) = with_payload(line);
    for words in commands(line) {
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        // HAProxy's master sends a command to the process that is named so; there is one.
        if words.first().is_some_and(|word| word.starts_with('@')) {
            words.remove(0);
        }
        if words == ["quit"] {
            return Output { text, close: true };
        }
        let answer = command::run(&mut Call { payload, words: &words, session, context: *context });
        text.push_str(&answer);
        // An empty line ends each answer.
        if !answer.is_empty() && !answer.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
        if session.interactive {
            text.push_str("> ");
        }
    }
    Output { text, close: !session.interactive }
}

/// Whether lines follow that belong to this one.
pub fn announces_payload(line: &str) -> bool {
    line.trim_end().ends_with("<<")
}

fn with_payload(text: &str) -> (&str, Option<&str>) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let line = line.trim_end();
    match line.strip_suffix("<<") {
        Some(line) => (line, Some(rest)),
        None => (line, None),
    }
}

// The commands of a line, as words. A backslash takes the next character as it is; `;` ends a command.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => reader.end_word(),
            ';' => reader.end_command(),
            '\\' => reader.push(chars.next()),
            c => reader.push(Some(c)),
        }
    }
    reader.end_command();
    // An empty line is a command of no words.
    if reader.commands.is_empty() { vec![Vec::new()] } else { reader.commands }
}

#[derive(Default)]
struct Reader {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
}

impl Reader {
    fn push(&mut self, c: Option<char>) {
        self.word.get_or_insert_default().extend(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }
}
