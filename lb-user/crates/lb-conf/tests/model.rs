//! Every field of the model, and every option, is read by somebody: a word that fills one that nobody reads would be
//! taken without effect.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use lb_conf::keyword::{Status, tables};
use lb_conf::model::ProxyOption;
use regex::Regex;

/// The sources below a folder but tests, with their paths.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.contains("tests") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path, text));
        }
    }
}

fn readers() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = here.parent().expect("a folder above");
    let mut found = Vec::new();
    for name in ["lb-conf", "lb-core", "lb-proxy", "lb-xdp"] {
        sources(&crates.join(name).join("src"), &mut found);
    }
    sources(&crates.parent().expect("a folder above").join("src"), &mut found);
    // What fills the model and what prints it does not read it.
    let writers = ["keyword", "dump", "draft"].map(|folder| here.join("src").join(folder));
    found.retain(|(path, _)| !writers.iter().any(|folder| path.starts_with(folder)));
    found.into_iter().map(|(_, text)| text).collect()
}

/// The structs of the model with the fields of each.
fn fields() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model"), &mut found);
    let structs = Regex::new(r"(?s)pub struct (\w+)[^{;(]*\{(.*?)\n\}").expect("a pattern of this file");
    let field = Regex::new(r"\n    pub (\w+):").expect("a pattern of this file");
    let mut fields = Vec::new();
    for (_, text) in &found {
        for item in structs.captures_iter(text) {
            fields.extend(field.captures_iter(&item[2]).map(|f| (item[1].to_owned(), f[1].to_owned())));
        }
    }
    fields
}

#[test]
fn every_field_is_read() {
    let (readers, fields) = (readers(), fields());
    assert!(fields.len() > 200, "{} fields are too few to be all", fields.len());
    // An access, or a pattern that takes the value apart.
    let reading = r"\.([a-z_0-9]+)|\b([a-z_0-9]+)(?:: [a-z_]+)?, |\b([a-z_0-9]+) \}|\{ ([a-z_0-9]+)\b";
    let reading = Regex::new(reading).expect("a pattern of this file");
    let read: HashSet<_> = reading
        .captures_iter(&readers)
        .filter_map(|found| found.iter().skip(1).flatten().next().map(|name| name.as_str()))
        .collect();
    let unread: Vec<_> = fields.iter().filter(|(_, name)| !read.contains(name.as_str())).collect();
    assert!(unread.is_empty(), "nobody reads {unread:?}");
}

#[test]
fn every_option_that_is_served_is_asked_for() {
    let (readers, tables) = (readers(), tables());
    let rows: Vec<_> = tables.iter().flat_map(|table| &table.rows).collect();
    let served = |name: &str| {
        let named = rows.iter().find(|row| row.name.strip_prefix("option ") == Some(name));
        named.is_some_and(|row| row.status == Status::Served)
    };
    let unread = |option: &ProxyOption| !readers.contains(&format!("ProxyOption::{option:?}"));
    let options = ProxyOption::ALL.iter().filter(|(_, name)| served(name)).map(|(option, _)| option);
    let unread: Vec<_> = options.filter(|option| unread(option)).collect();
    assert!(unread.is_empty(), "nobody asks for {unread:?}");
}
