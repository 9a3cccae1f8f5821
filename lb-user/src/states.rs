//! States of servers that files hold, for a daemon that starts.

use std::collections::BTreeMap;
use std::path::Path;

use lb_conf::model::{Config, LogLevel};
use lb_core::change::{Change, ServerChange};
use lb_core::server::{SavedServer, saved_servers};
use lb_core::{Runtime, Tick};

use crate::messages::say;

/// What the files of a configuration say.
#[derive(Debug, Default)]
pub(crate) struct States(Vec<SavedServer>);

impl States {
    /// Reads the files that the backends of a configuration name. What is wrong with one is said, and the rest counts.
    pub(crate) fn read(config: &Config) -> Self {
        let mut readers: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for backend in &config.backends {
            if let Some(path) = &backend.state_file {
                readers.entry(path).or_default().push(&backend.proxy.name);
            }
        }
        let read = |(path, backends): (&Path, Vec<&str>)| {
            let mut servers = file(path);
            servers.retain(|server| backends.contains(&server.backend.as_str()));
            servers
        };
        Self(readers.into_iter().flat_map(read).collect())
    }

    /// Puts the servers into these states.
    pub(crate) fn restore(self, runtime: &Runtime, now: Tick) {
        let snapshot = runtime.snapshot();
        for saved in self.0 {
            let backend = snapshot.backend_named(&saved.backend);
            let server = backend.and_then(|backend| backend.server(&saved.server));
            if let Some(server) = server {
                // A server that is there takes its state; one that is not is none of this configuration.
                let _ = runtime.apply(Change::Server(server.id, ServerChange::Restore(saved.state)), now);
            }
        }
    }
}

fn file(path: &Path) -> Vec<SavedServer> {
    let warn = |what: &dyn std::fmt::Display| {
        say(LogLevel::Warning, format_args!("states of servers from {}: {what}", path.display()));
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            warn(&error);
            return Vec::new();
        }
    };
    let mut servers = Vec::new();
    match saved_servers(&text) {
        Ok(lines) => lines.for_each(|line| match line {
            Ok(server) => servers.push(server),
            Err(error) => warn(&error),
        }),
        Err(error) => warn(&error),
    }
    servers
}
