//! The text of the configuration files, kept for diagnostics.

use std::path::{Path, PathBuf};

use crate::span::FileId;

/// The files of one configuration, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    lines: Vec<String>,
}

impl Sources {
    /// Adds a file. Bytes that are not UTF-8 are replaced in what diagnostics show.
    pub fn add(&mut self, path: &Path, text: &[u8]) -> FileId {
        let lines = text.split(|&b| b == b'\n').map(|l| String::from_utf8_lossy(l).into_owned()).collect();
        self.files.push(Source { path: path.to_owned(), lines });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The path of a file as it was named.
    pub fn path(&self, file: FileId) -> &Path {
        self.files.get(file.0 as usize).map_or(Path::new("?"), |f| &f.path)
    }

    /// A line without its line feed; lines count from 1.
    pub fn line(&self, file: FileId, line: u32) -> Option<&str> {
        let index = line.checked_sub(1)?;
        Some(self.files.get(file.0 as usize)?.lines.get(index as usize)?)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
