//! Checks a configuration and prints what there is to say: `cargo run --example check FILE…`.

use std::path::{Path, PathBuf};

use lb_conf::diag::{Style, render};
use lb_conf::host::MemoryHost;

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut host = MemoryHost::default();
    for path in &paths {
        let text = std::fs::read(path as &Path).unwrap_or_default();
        host.files.insert(path.clone(), text);
    }
    let outcome = lb_conf::load(&host, &paths);
    for diagnostic in &outcome.diagnostics {
        println!("{}\n", render(diagnostic, &outcome.sources, Style::Plain));
    }
    if let Some(config) = outcome.config {
        println!("{config:#?}");
    }
}
