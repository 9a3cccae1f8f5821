//! The words that begin a section.

use super::Status;

/// What kind of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// `global`
    Global,
    /// `defaults`
    Defaults,
    /// `frontend`
    Frontend,
    /// `backend`
    Backend,
    /// `listen`
    Listen,
    /// `userlist`
    Userlist,
    /// `http-errors`
    HttpErrors,
    /// `resolvers`
    Resolvers,
    /// `ring`
    Ring,
    /// One that is recognized but not read.
    Other(&'static SectionRow),
}

impl SectionKind {
    /// The section's keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
            Self::Userlist => "userlist",
            Self::HttpErrors => "http-errors",
            Self::Resolvers => "resolvers",
            Self::Ring => "ring",
            Self::Other(row) => row.name,
        }
    }
}

/// A word that begins a section.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SectionRow {
    /// The keyword.
    pub name: &'static str,
    /// What follows it.
    pub syntax: &'static str,
    /// What the section is for.
    pub doc: &'static str,
    /// Whether it is served.
    pub status: Status,
}

const fn row(name: &'static str, syntax: &'static str, doc: &'static str, status: Status) -> SectionRow {
    SectionRow { name, syntax, doc, status }
}

const NOT_YET: Status = Status::NotYet;

/// All of them.
pub static SECTIONS: &[SectionRow] = &[
    row("global", "", "process-wide settings; several of them add up", Status::Served),
    row("defaults", "[<name>] [from <defaults>]", "settings that later proxies begin with", Status::Served),
    row("frontend", "<name> [from <defaults>]", "addresses that accept connections", Status::Served),
    row("backend", "<name> [from <defaults>]", "a group of servers", Status::Served),
    row("listen", "<name> [from <defaults>]", "a frontend with a backend of its own", Status::Served),
    row("resolvers", "<name>", "name servers that server addresses are looked up with", Status::Served),
    row("peers", "<name>", "other instances that stick tables are shared with", NOT_YET),
    row("userlist", "<name>", "users, groups and passwords", Status::Served),
    row(
        "mailers",
        "<name>",
        "mail servers for alerts",
        Status::Refused("alerts by mail are left to monitoring"),
    ),
    row("http-errors", "<name>", "a group of error pages", Status::Served),
    row("cache", "<name>", "a store of responses", NOT_YET),
    row("ring", "<name>", "a buffer of log messages", Status::Served),
    row("log-forward", "<name>", "a relay of syslog messages", NOT_YET),
    row("log-profile", "<name>", "a set of log formats", NOT_YET),
    row("crt-store", "[<name>]", "certificates and how they are loaded", NOT_YET),
    row(
        "fcgi-app",
        "<name>",
        "a FastCGI application",
        Status::Refused("FastCGI is left to the application server"),
    ),
    row(
        "program",
        "<name>",
        "a process that is started along",
        Status::Refused("processes are left to the init system"),
    ),
    row("traces", "", "what is traced", NOT_YET),
    row("acme", "<name>", "a certificate authority", NOT_YET),
];

/// The kind of section that a line's first word begins, if it does.
pub fn kind(word: &str) -> Option<SectionKind> {
    Some(match SECTIONS.iter().find(|row| row.name == word)? {
        SectionRow { name: "global", .. } => SectionKind::Global,
        SectionRow { name: "defaults", .. } => SectionKind::Defaults,
        SectionRow { name: "frontend", .. } => SectionKind::Frontend,
        SectionRow { name: "backend", .. } => SectionKind::Backend,
        SectionRow { name: "listen", .. } => SectionKind::Listen,
        SectionRow { name: "userlist", .. } => SectionKind::Userlist,
        SectionRow { name: "http-errors", .. } => SectionKind::HttpErrors,
        SectionRow { name: "resolvers", .. } => SectionKind::Resolvers,
        SectionRow { name: "ring", .. } => SectionKind::Ring,
        row => SectionKind::Other(row),
    })
}

/// The keywords.
pub fn names() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|row| row.name)
}
