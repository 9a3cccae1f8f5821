//! Users and their groups.

use super::super::draft::{Placed, UserDraft, UserlistDraft};
use crate::diag::{Code, Diagnostic};
use crate::model::{User, Userlist};

pub(super) fn resolve(draft: &UserlistDraft, notes: &mut Vec<Diagnostic>) -> Userlist {
    for user in &draft.users {
        let known = draft.groups.iter().map(|g| g.name.value.as_str());
        user.groups.iter().for_each(|g| check("group", g, known.clone(), notes));
    }
    for group in &draft.groups {
        let known = draft.users.iter().map(|u| u.name.value.as_str());
        group.users.iter().for_each(|u| check("user", u, known.clone(), notes));
    }
    let users = draft.users.iter().map(|user| User {
        name: user.name.value.as_str().into(),
        password: user.password.clone(),
        groups: groups(user, draft).into_iter().map(Into::into).collect(),
    });
    Userlist { name: draft.name.value.as_str().into(), users: users.collect(), span: draft.name.span }
}

fn check<'a>(
    what: &str,
    name: &Placed<String>,
    known: impl Iterator<Item = &'a str> + Clone,
    notes: &mut Vec<Diagnostic>,
) {
    if !known.clone().any(|k| k == name.value) {
        let error = Diagnostic::alert(Code::UnknownName, format!("there is no {what} '{}'", name.value));
        notes.push(error.at(name.span).nearest(&name.value, known));
    }
}

/// The groups that a user names, and those that name the user.
fn groups<'d>(user: &'d UserDraft, draft: &'d UserlistDraft) -> Vec<&'d str> {
    let named = user.groups.iter().map(|g| g.value.as_str());
    let naming = draft.groups.iter().filter(|g| g.users.iter().any(|u| u.value == user.name.value));
    let mut all: Vec<_> = named.chain(naming.map(|g| g.name.value.as_str())).collect();
    all.sort_unstable();
    all.dedup();
    all
}
