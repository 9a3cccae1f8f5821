//! `userlist` sections.

use super::{Args, Keyword, Sections, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::{GroupDraft, Placed, UserDraft, UserlistDraft};
use crate::lex::Word;
use crate::model::{CryptKind, Password};

const U: Sections = Sections::USERLIST;

/// The rows.
pub(crate) static USERLIST: &[Keyword<UserlistDraft>] = &[
    served("user", "<name> [password|insecure-password <text>] [groups <name>[,…]]", U, "a user", user),
    served("group", "<name> [users <name>[,…]]", U, "a group of users", group),
];

fn user(list: &mut UserlistDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = placed(args.word("the name of a user")?);
    let (mut password, mut groups) = (None, Vec::new());
    while args.peek().is_some() {
        match args.choice(&[("password", 0), ("insecure-password", 1), ("groups", 2)])? {
            0 => password = Some(Password::Crypt(hash(args)?)),
            1 => password = Some(Password::Plain(args.word("a password")?.text.clone())),
            _ => groups.extend(names(args.word("names of groups")?)),
        }
    }
    if list.users.iter().any(|u| u.name.value == name.value) {
        args.note(ignored("user", &name));
        return Ok(());
    }
    list.users.push(UserDraft { name, password, groups });
    Ok(())
}

/// A hash of a kind that passwords can be compared with.
fn hash(args: &mut Args<'_>) -> Result<String, Diagnostic> {
    let word = args.word("a password as crypt(3) makes it")?;
    if CryptKind::of(word).is_none() {
        let error = Diagnostic::alert(Code::Refused, "lbx can't compare passwords with a hash of this kind");
        let label = "expected one that begins with $1$, $2a$, $2b$, $2y$, $5$, $6$ or $y$";
        return Err(error.at(word.span).label(label).help("mkpasswd(1) makes them, and 'openssl passwd -6'"));
    }
    Ok(word.text.clone())
}

fn group(list: &mut UserlistDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = placed(args.word("the name of a group")?);
    let mut users = Vec::new();
    while args.peek().is_some() {
        args.choice(&[("users", ())])?;
        users.extend(names(args.word("names of users")?));
    }
    if list.groups.iter().any(|g| g.name.value == name.value) {
        args.note(ignored("group", &name));
        return Ok(());
    }
    list.groups.push(GroupDraft { name, users });
    Ok(())
}

fn placed(word: &Word) -> Placed<String> {
    Placed::new(word.text.clone(), word.span)
}

fn names(word: &Word) -> Vec<Placed<String>> {
    let mut offset = 0;
    let parts = word.split(',').map(|part| {
        let span = word.part(offset..offset + part.len());
        offset += part.len() + 1;
        Placed::new(part.to_owned(), span)
    });
    parts.collect()
}

fn ignored(what: &str, name: &Placed<String>) -> Diagnostic {
    let message = format!("{what} '{}' is named twice; the first one counts", name.value);
    Diagnostic::warning(Code::Duplicate, message).at(name.span)
}
