//! The environment as the configuration sees and changes it (`setenv`, `presetenv`, `unsetenv`, `resetenv`).

use std::collections::HashMap;
use std::path::PathBuf;

use crate::host::Host;
use crate::lex::Statement;

/// Changes to the process's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// What was set, and with None what was removed.
    changes: HashMap<String, Option<String>>,
    /// What is defined without any line saying so.
    predefined: HashMap<String, String>,
    /// Set by `resetenv`: only these are taken from the process.
    kept: Option<Vec<String>>,
}

impl Environment {
    /// The value of a variable.
    pub fn get(&self, host: &dyn Host, name: &str) -> Option<String> {
        match self.changes.get(name) {
            Some(change) => change.clone(),
            None if self.predefined.contains_key(name) => self.predefined.get(name).cloned(),
            None if self.kept.as_ref().is_some_and(|kept| !kept.iter().any(|k| k == name)) => None,
            None => host.variable(name),
        }
    }

    /// What was set and, with None, removed.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.changes.iter().map(|(k, v)| (k.as_str(), v.as_deref()))
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.changes.insert(name.to_owned(), Some(value.into()));
    }

    /// The variables that HAProxy itself defines.
    pub(crate) fn predefine(&mut self, host: &dyn Host, files: &[PathBuf]) {
        let list: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
        self.predefined.insert("HAPROXY_CFGFILES".into(), list.join(";"));
        if host.variable("HAPROXY_LOCALPEER").is_none() {
            self.predefined.insert("HAPROXY_LOCALPEER".into(), host.hostname());
        }
    }

    /// Carries out a line of the global section if it is about the environment: the lines after it see the change.
    pub(crate) fn apply(&mut self, host: &dyn Host, statement: &Statement) {
        let words: Vec<&str> = statement.words.iter().map(|w| w.text.as_str()).collect();
        match words.as_slice() {
            ["setenv", name, value, ..] => self.set(name, *value),
            ["presetenv", name, value, ..] if self.get(host, name).is_none() => self.set(name, *value),
            ["unsetenv", names @ ..] => {
                for name in names {
                    self.changes.insert((*name).to_owned(), None);
                }
            }
            ["resetenv", names @ ..] => self.reset(names),
            ["localpeer", name, ..] => {
                self.predefined.insert("HAPROXY_LOCALPEER".into(), (*name).to_owned());
            }
            _ => {}
        }
    }

    fn reset(&mut self, names: &[&str]) {
        let mut kept: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        if let Some(before) = &self.kept {
            kept.retain(|k| before.contains(k));
        }
        self.changes.retain(|name, _| kept.contains(name));
        self.kept = Some(kept);
    }
}
