//! What loading a configuration needs from outside: files, environment, names.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The machine that a configuration is loaded on. The daemon's implementation asks the system; tests use
/// [`MemoryHost`].
pub trait Host {
    /// The contents of a file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files of a folder in any order, or None if `path` is not a folder.
    ///
    /// # Errors
    ///
    /// The system's, for a folder that cannot be read.
    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>>;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The addresses of a host name, empty if it is not known.
    fn addresses(&self, name: &str) -> Vec<IpAddr>;

    /// The numeric id of a user.
    fn user_id(&self, name: &str) -> Option<u32>;

    /// The numeric id of a group.
    fn group_id(&self, name: &str) -> Option<u32>;

    /// The name of this machine, as `uname -n` prints it.
    fn hostname(&self) -> String;
}

/// A host that is made up of tables.
#[derive(Clone, Debug, Default)]
pub struct MemoryHost {
    /// Files by path.
    pub files: HashMap<PathBuf, Vec<u8>>,
    /// Environment variables by name.
    pub variables: HashMap<String, String>,
    /// Addresses by host name.
    pub addresses: HashMap<String, Vec<IpAddr>>,
    /// Ids of users, and of the groups of the same names.
    pub users: HashMap<String, u32>,
}

impl MemoryHost {
    /// A host with one file.
    pub fn with_file(path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        Self { files: HashMap::from([(path.into(), text.into())]), ..Self::default() }
    }
}

impl Host for MemoryHost {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let inside: Vec<_> = self.files.keys().filter(|f| f.parent() == Some(path)).cloned().collect();
        Ok(if inside.is_empty() || self.files.contains_key(path) { None } else { Some(inside) })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    fn user_id(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }

    fn group_id(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }

    fn hostname(&self) -> String {
        self.variables.get("HOSTNAME").cloned().unwrap_or_else(|| "localhost".into())
    }
}
