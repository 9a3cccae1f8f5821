//! The generated reference: every word of the language, from the rows that read it.

use std::fmt::Write as _;

use lb_expr::logformat::VARIABLES;

use crate::action;
use crate::compile::names;
use crate::keyword::section::SECTIONS;
use crate::keyword::{ALGORITHMS, Status, tables};
use crate::preproc::{FEATURES, PREDICATES};

const HEAD: &str = "\
# Reference of the configuration language

Every word of HAProxy's language, and lbx's own: how it is written, where it is valid, what it does, and whether lbx
serves it. A word that is not served is refused by name, with its place and the reason; nothing is passed over.

This page is made from the tables that read the configuration: `LBX_BLESS=1 cargo test -p lb-conf --test reference`
writes it anew, and the same test without that fails if it is out of date.
";

/// Words that HAProxy does not have.
const OWN: [&str; 5] = ["xdp-interface", "xdp-pin-path", "xdp-flows", "xdp-syn-rate", "option xdp"];

/// The page as Markdown.
pub fn reference() -> String {
    let mut out = Page { text: HEAD.to_owned() };
    out.sections();
    for table in tables() {
        out.title(table.title);
        out.header(&["word", "valid in", "what it does", "served"]);
        for row in table.rows {
            let no = if row.negatable { "[no] " } else { "" };
            let word = format!("{no}{}", row.name);
            let place = row.sections.names().join(", ");
            let served =
                if OWN.contains(&row.name) { "yes; HAProxy has no such word" } else { &served(row.status) };
            out.row(&[&code(&word, row.syntax), &place, row.doc, served]);
        }
    }
    out.algorithms();
    out.actions();
    out.fetches();
    out.converters();
    out.variables();
    out.predicates();
    out.text
}

fn served(status: Status) -> String {
    match status {
        Status::Served => "yes".to_owned(),
        Status::NotYet => "not yet".to_owned(),
        Status::Refused(reason) => format!("no: {reason}"),
        Status::NoEffect(reason) => format!("taken without effect: {reason}"),
    }
}

fn code(word: &str, syntax: &str) -> String {
    // A word that ends with a bracket has its first argument inside.
    let gap = if word.ends_with('(') || syntax.is_empty() || syntax.starts_with('(') { "" } else { " " };
    format!("`{word}{gap}{syntax}`")
}

struct Page {
    text: String,
}

impl Page {
    fn title(&mut self, title: &str) {
        self.line(&format!("\n## {title}\n"));
    }

    fn header(&mut self, columns: &[&str]) {
        self.row(columns);
        self.row(&vec!["---"; columns.len()]);
    }

    fn row(&mut self, cells: &[&str]) {
        let cells: Vec<_> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn line(&mut self, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn sections(&mut self) {
        self.title("Sections");
        self.header(&["section", "what it holds", "served"]);
        for row in SECTIONS {
            self.row(&[&code(row.name, row.syntax), row.doc, &served(row.status)]);
        }
    }

    fn algorithms(&mut self) {
        self.title("Algorithms of balance");
        self.header(&["algorithm", "how a server is chosen", "served"]);
        for row in ALGORITHMS {
            self.row(&[&code(row.name, row.syntax), row.doc, &served(row.status)]);
        }
    }

    fn actions(&mut self) {
        self.title("Actions of rules");
        self.header(&["action", "valid in", "what it does", "served"]);
        for row in action::actions() {
            let places = row.places.names().join(", ");
            self.row(&[&code(row.name, row.syntax), &places, row.doc, &served(row.status)]);
        }
    }

    fn fetches(&mut self) {
        self.title("Fetches");
        self.header(&["fetch", "type", "needs", "what it is", "served"]);
        for row in lb_expr::fetches() {
            let served = served(names::status(row.refused, row.layers));
            for name in row.names {
                let word = format!("`{name}{}`", lb_expr::syntax(row.args));
                self.row(&[&word, row.output.name(), row.source.name(), row.doc, &served]);
            }
        }
    }

    fn converters(&mut self) {
        self.title("Converters");
        self.header(&["converter", "takes", "makes", "what it does", "served"]);
        for row in lb_expr::converters() {
            let word = format!("`{}{}`", row.name, lb_expr::syntax(row.args));
            let served = served(names::status(row.refused, row.layers));
            self.row(&[&word, row.input.name(), row.output.name(), row.doc, &served]);
        }
    }

    fn variables(&mut self) {
        self.title("Variables of log formats");
        self.header(&["variable", "mode", "what it is"]);
        for row in VARIABLES {
            self.row(&[&format!("`%{}`", row.name), if row.http { "HTTP" } else { "any" }, row.doc]);
        }
    }

    fn predicates(&mut self) {
        self.title("Predicates of .if and -cc");
        self.header(&["predicate", "what it asks"]);
        for row in PREDICATES {
            self.row(&[&format!("`{}({})`", row.name, row.syntax), row.doc]);
        }
        let features: Vec<_> = FEATURES.iter().map(|f| format!("`{f}`")).collect();
        self.line(&format!("\nFeatures that `feature()` knows: {}.", features.join(", ")));
    }
}
