//! Every sample configuration loads, and nothing in it deserves a warning.

use std::path::{Path, PathBuf};

use lb_conf::diag::{Severity, Style, render};
use lb_conf::host::MemoryHost;

#[test]
fn samples_load_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../config");
    let entries = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let samples: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "cfg")).collect();
    assert!(!samples.is_empty(), "no samples in {}", folder.display());
    for path in samples {
        let host = MemoryHost::with_file(&path, std::fs::read(&path).unwrap());
        let outcome = lb_conf::load(&host, std::slice::from_ref(&path));
        let doubtful = outcome.diagnostics.iter().filter(|d| d.severity <= Severity::Warning);
        let text: Vec<_> = doubtful.map(|d| render(d, &outcome.sources, Style::Plain)).collect();
        assert!(text.is_empty() && outcome.config.is_some(), "{}", text.join("\n\n"));
    }
}
