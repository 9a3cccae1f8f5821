//! The `global` section.

use std::ffi::OsString;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use super::Placed;
use super::tls::TlsDefaults;
use crate::lex::Word;
use crate::model::{BindAddress, Global, SocketFile};

/// What needs no resolving, and what lines elsewhere begin with.
#[derive(Debug, Default)]
pub(crate) struct GlobalDraft {
    pub(crate) model: Global,
    pub(crate) tls: TlsDefaults,
    /// `unix-bind`.
    pub(crate) unix: UnixDefaults,
    /// `set-var` and `set-var-fmt`.
    pub(crate) variables: Vec<ProcVarDraft>,
    /// `server-state-base`.
    pub(crate) state_base: Option<PathBuf>,
    /// `server-state-file`.
    pub(crate) state_file: Option<Placed<String>>,
}

/// What sockets in the file system begin with.
#[derive(Debug, Default)]
pub(crate) struct UnixDefaults {
    /// Before every path.
    pub(crate) prefix: String,
    pub(crate) file: SocketFile,
}

impl UnixDefaults {
    /// The address with the prefix, and the file's settings with the defaults.
    pub(crate) fn apply(&self, address: BindAddress, own: SocketFile) -> (BindAddress, SocketFile) {
        let BindAddress::Unix(path) = address else { return (address, own) };
        let mut prefixed = OsString::from(&self.prefix);
        prefixed.push(path);
        let file = SocketFile {
            mode: own.mode.or(self.file.mode),
            uid: own.uid.or(self.file.uid),
            gid: own.gid.or(self.file.gid),
        };
        (BindAddress::Unix(prefixed.into()), file)
    }
}

/// A variable of the process that the configuration sets.
#[derive(Debug)]
pub(crate) struct ProcVarDraft {
    pub(crate) name: Word,
    /// The words of the expression or the format.
    pub(crate) value: Vec<Word>,
    /// Whether it is a format.
    pub(crate) format: bool,
}

impl Deref for GlobalDraft {
    type Target = Global;

    fn deref(&self) -> &Global {
        &self.model
    }
}

impl DerefMut for GlobalDraft {
    fn deref_mut(&mut self) -> &mut Global {
        &mut self.model
    }
}
