//! `lbx explain`.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_xdp::inspect::Explanation;
use serde::Serialize;

use super::args::Explain;
use super::{print, print_json};

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What both planes say.
#[derive(Debug, Serialize)]
struct Both {
    /// The kernel plane; its absence, in words, where there is none.
    kernel: Option<Explanation>,
    /// Why nothing can be said of the kernel plane.
    no_kernel: Option<String>,
    /// The user plane's lines, where the daemon was asked.
    user: Option<Vec<String>>,
}

/// Says what would become of a connection.
pub(super) fn run(explain: &Explain) -> Result<()> {
    let kernel = explain.look.place.inspect().and_then(|it| it.explain(explain.client, explain.service));
    let socket = explain.socket.clone().map_or_else(|| explain.look.place.socket(), |path| Ok(Some(path)))?;
    let user = socket.map(|path| ask(&path, explain)).transpose()?;
    let (kernel, no_kernel) = match kernel {
        Ok(explanation) => (Some(explanation), None),
        // Without either there is nothing to say.
        Err(error) if user.is_none() => return Err(error),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    let both = Both { kernel, no_kernel, user };
    if explain.look.json { print_json(&both) } else { print(&text(&both)) }
}

fn ask(path: &Path, explain: &Explain) -> Result<Vec<String>> {
    let asked = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        writeln!(socket, "explain {} {}", explain.client, explain.service)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().with_context(|| format!("asking the daemon at {}", path.display()))?;
    Ok(answer.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn text(both: &Both) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    match (&both.kernel, &both.no_kernel) {
        (Some(explanation), _) => text.push_str(&describe(explanation)),
        (None, Some(reason)) => drop(writeln!(text, "kernel      {reason}")),
        (None, None) => {}
    }
    for line in both.user.iter().flatten() {
        let _ = writeln!(text, "user space  {line}");
    }
    text
}

fn describe(e: &Explanation) -> String {
    let mut lines =
        vec![format!("{} to {}: {} ({}: {})", e.client, e.service_address, e.verdict, e.reason, e.text)];
    if let Some(frontend) = &e.frontend {
        lines.push(format!("frontend {frontend}, balance {}", e.algorithm.unwrap_or("unknown")));
    }
    if let Some(open) = &e.open {
        lines.push(format!("a connection of these addresses is {} for {:.1} s", open.state, open.age));
    }
    if let Some(target) = &e.target {
        let (address, source) = (target.address.map(|a| a.to_string()), target.source.map(|s| s.to_string()));
        let (address, source) = (address.unwrap_or_default(), source.unwrap_or_default());
        lines
            .push(format!("server {}/{} at {address}, sent to from {source}", target.backend, target.server));
        lines.push(format!("by interface {} to {}", target.interface, target.next_hop));
    }
    lines.into_iter().map(|line| format!("kernel      {line}\n")).collect()
}
