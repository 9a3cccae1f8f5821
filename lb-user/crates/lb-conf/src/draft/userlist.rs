//! `userlist` and `http-errors` sections.

use super::Placed;
use crate::model::{ErrorAnswers, Password};

/// A `userlist`.
#[derive(Clone, Debug)]
pub(crate) struct UserlistDraft {
    pub(crate) name: Placed<String>,
    pub(crate) users: Vec<UserDraft>,
    pub(crate) groups: Vec<GroupDraft>,
}

/// A `user` line.
#[derive(Clone, Debug)]
pub(crate) struct UserDraft {
    pub(crate) name: Placed<String>,
    pub(crate) password: Option<Password>,
    pub(crate) groups: Vec<Placed<String>>,
}

/// A `group` line.
#[derive(Clone, Debug)]
pub(crate) struct GroupDraft {
    pub(crate) name: Placed<String>,
    pub(crate) users: Vec<Placed<String>>,
}

/// An `http-errors` section.
#[derive(Clone, Debug)]
pub(crate) struct HttpErrorsDraft {
    pub(crate) name: Placed<String>,
    pub(crate) answers: ErrorAnswers,
    /// Its lines.
    pub(crate) lines: Vec<String>,
}

/// `errorfiles SECTION [STATUS…]`.
#[derive(Clone, Debug)]
pub(crate) struct ErrorFilesDraft {
    pub(crate) section: Placed<String>,
    /// Empty: all of them.
    pub(crate) statuses: Vec<Placed<u16>>,
}
