//! `-dK`: every word that is known, in HAProxy's form.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use lb_conf::action::{self, Places};
use lb_conf::keyword::{Row, Sections, Status, tables};
use lb_core::cli;
use lb_expr::{Checkpoint, SampleType, syntax};

/// A class of words: its name, what it holds, and its list.
struct Class(&'static str, &'static str, fn(&mut String));

/// The classes, by HAProxy's names for them.
const CLASSES: &[Class] = &[
    Class("acl", "ACL keywords", acl),
    Class("cfg", "configuration keywords", configuration),
    Class("cli", "CLI keywords", commands),
    Class("cnv", "sample converter keywords", converters),
    Class("flt", "filter names", nothing),
    Class("smp", "sample fetch functions", fetches),
    Class("svc", "service names", services),
];

/// The words of the classes, which commas separate.
///
/// # Errors
/// There is no such class.
pub(crate) fn list(classes: &str) -> Result<String> {
    let mut out = String::new();
    for name in classes.split(',') {
        match name {
            "help" => help(&mut out),
            "all" => CLASSES.iter().for_each(|class| write(class, &mut out)),
            _ => match CLASSES.iter().find(|class| class.0 == name) {
                Some(class) => write(class, &mut out),
                None => bail!("-dK: there is no class '{name}'; -dKhelp lists them"),
            },
        }
    }
    Ok(out)
}

fn write(Class(_, what, list): &Class, out: &mut String) {
    line(out, format_args!("# List of registered {what}:"));
    list(out);
}

fn help(out: &mut String) {
    line(out, format_args!("# List of supported keyword classes:\nall: list all keywords"));
    for Class(name, what, _) in CLASSES {
        line(out, format_args!("{name}: {what}"));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}

fn nothing(_: &mut String) {}

fn acl(out: &mut String) {
    let mut words: Vec<_> = lb_expr::acl::keywords().iter().collect();
    words.sort_by(|a, b| a.name.cmp(&b.name));
    for word in words {
        line(out, format_args!("{} = {} -m {}", word.name, word.fetch, word.method.row().name));
    }
}

fn is_known(status: Status) -> bool {
    matches!(status, Status::Served | Status::NoEffect(_))
}

/// The words of sections, each section's below its name, then the actions of rules.
fn configuration(out: &mut String) {
    for table in tables() {
        line(out, format_args!("{}", table.title));
        let mut rows: Vec<&Row> = table.rows.into_iter().filter(|row| is_known(row.status)).collect();
        rows.sort_by_key(|row| row.name);
        for row in rows {
            let sides = sides(row.sections);
            let text = format!("\t{} {} {sides}", row.name, row.syntax);
            line(out, format_args!("{}", text.trim_end()));
        }
    }
    for row in action::actions().filter(|row| is_known(row.status)) {
        for place in Places::all().iter().filter(|place| row.places.contains(*place)) {
            line(out, format_args!("\t{} {} {}", place.names().join(" "), row.name, row.syntax));
        }
    }
}

/// Which halves of a proxy a word is for, in HAProxy's form.
fn sides(sections: Sections) -> &'static str {
    match (sections.contains(Sections::FRONTEND), sections.contains(Sections::BACKEND)) {
        (true, true) => "[ FE BE ]",
        (true, false) => "[ FE ]",
        (false, true) => "[ BE ]",
        (false, false) => "",
    }
}

fn commands(out: &mut String) {
    for command in cli::COMMANDS {
        line(out, format_args!("{} {}", command.words.join(" "), command.arguments));
    }
}

fn converters(out: &mut String) {
    for row in lb_expr::converters() {
        let (input, output) = (kind(row.input), kind(row.output));
        line(out, format_args!("{}{}: {input} => {output}", row.name, syntax(row.args)));
    }
}

/// Each behind a row that says at which checkpoints it exists.
fn fetches(out: &mut String) {
    for place in Checkpoint::ALL {
        line(out, format_args!("# column {}: {}", place as u32 + 1, place.name()));
    }
    for row in lb_expr::fetches() {
        let column = |place: &Checkpoint| if row.source.exists_at(*place) { " Y" } else { " ." };
        let columns: String = Checkpoint::ALL.iter().map(column).collect();
        for name in row.names {
            line(out, format_args!("[{columns} ] {name}{}: {}", syntax(row.args), kind(row.output)));
        }
    }
}

fn kind(kind: SampleType) -> &'static str {
    kind.name()
}

fn services(out: &mut String) {
    for row in action::actions().filter(|row| row.name == "use-service" && is_known(row.status)) {
        line(out, format_args!("{}", row.syntax));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed_by_class() {
        let all = list("all").unwrap();
        for expected in [
            "\nhdr_beg = req.hdr -m beg\n",
            "\n\tmaxconn <number>\n",
            "\n\ttimeout client <time> [ FE ]\n",
            "\nshow info [typed|json] [desc]\n",
            "\n[ . . Y Y Y Y Y Y Y Y Y . . . . . . . . . . . ] base: str\n",
            "\nb64dec: ",
        ] {
            assert!(all.contains(expected), "{expected} is not in:\n{all}");
        }
        assert!(list("help").unwrap().contains("smp: sample fetch functions"));
        assert!(list("cfg,nonsense").is_err());
    }
}
