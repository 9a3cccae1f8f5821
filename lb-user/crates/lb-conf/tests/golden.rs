//! The text of diagnostics: each tests/golden/NAME.cfg is said to be as NAME.txt has it.

use std::path::{Path, PathBuf};

use lb_conf::diag::{Style, json, render};
use lb_conf::host::MemoryHost;

fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/golden");
    let entries = std::fs::read_dir(&folder).expect("the folder").map(|e| e.expect("an entry").path());
    let mut found: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "cfg")).collect();
    found.sort();
    assert!(!found.is_empty(), "nothing in {}", folder.display());
    found
}

fn said(path: &Path, form: fn(&lb_conf::diag::Diagnostic, &lb_conf::source::Sources) -> String) -> String {
    let name = PathBuf::from(path.file_name().expect("a name"));
    let mut host = MemoryHost::with_file(&name, std::fs::read(path).expect("the file"));
    host.users.insert("haproxy".into(), 101);
    host.files
        .insert("/etc/haproxy/errors/503.http".into(), b"HTTP/1.0 503 Unavailable\r\n\r\nsorry\n".to_vec());
    let outcome = lb_conf::load(&host, &[name]);
    let texts: Vec<_> = outcome.diagnostics.iter().map(|d| form(d, &outcome.sources)).collect();
    texts.join("\n")
}

fn compare(path: &Path, extension: &str, found: &str) {
    let expected = path.with_extension(extension);
    if std::env::var_os("LBX_BLESS").is_some() {
        std::fs::write(&expected, found).expect("a file");
    }
    let text = std::fs::read_to_string(&expected).unwrap_or_default();
    assert!(text == found, "{} differs; LBX_BLESS=1 writes it anew. Found:\n{found}", expected.display());
}

#[test]
fn diagnostics_read_as_they_should() {
    for path in golden() {
        let found = said(&path, |d, s| format!("{}\n", render(d, s, Style::Plain)));
        compare(&path, "txt", &found);
    }
}

#[test]
fn every_diagnostic_is_one_line_of_json() {
    for path in golden() {
        let found = said(&path, json);
        for line in found.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value["severity"].is_string() && value["code"].is_string(), "{line}");
        }
        compare(&path, "json", &format!("{found}\n"));
    }
}
