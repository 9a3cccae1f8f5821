//! Places in configuration files.

/// Which of the files named on the command line, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of one line of a configuration file. Lines and columns count from 1; columns count bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The line.
    pub line: u32,
    /// The first column.
    pub start: u32,
    /// The column behind the last one.
    pub end: u32,
}
