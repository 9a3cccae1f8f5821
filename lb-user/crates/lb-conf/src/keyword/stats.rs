//! `stats` of a proxy.

use std::time::Duration;

use super::args::invalid;
use super::rules::keep;
use super::{Args, Keyword, Sections, inert, served};
use crate::draft::{Placed, ProxyDraft, RuleKind};
use crate::model::StatsPage;

const FB: Sections = Sections::FRONTEND.union(Sections::BACKEND);
const DFB: Sections = Sections::DEFAULTS.union(FB);

/// The rows. Each of them switches the page on.
pub(crate) static STATS: &[Keyword<ProxyDraft>] = &[
    served("stats enable", "", DFB, "shows the statistics page", |p, a| {
        page(p, a);
        Ok(())
    }),
    served("stats uri", "<prefix>", DFB, "the beginning of the targets that the page answers", |p, a| {
        let uri = a.word("the beginning of a target")?.text.clone();
        page(p, a).uri = uri;
        Ok(())
    }),
    served("stats realm", "<text>", DFB, "what a browser shows when asking for the password", |p, a| {
        let realm = a.word("a text")?.text.clone();
        page(p, a).realm = realm;
        Ok(())
    }),
    served("stats auth", "<user>:<password>", DFB, "who may see the page", |p, a| {
        let word = a.word("<user>:<password>")?;
        let (user, password) = word.split_once(':').ok_or_else(|| {
            invalid(word, "there is no ':' between user and password").label("expected <user>:<password>")
        })?;
        let account = (user.to_owned(), password.to_owned());
        page(p, a).users.push(account);
        Ok(())
    }),
    served("stats refresh", "<time>", DFB, "how often a browser renews the page", |p, a| {
        let time = a.time_in(Duration::from_secs(1))?;
        page(p, a).refresh = Some(time);
        Ok(())
    }),
    served("stats scope", "<proxy>|.", DFB, "a proxy that the page shows", |p, a| {
        let name = a.word("the name of a proxy, or '.'")?.text.as_str().into();
        page(p, a).scope.push(name);
        Ok(())
    }),
    served("stats show-node", "[<name>]", DFB, "shows this machine's name", |p, a| {
        let name = a.take().map(|w| w.text.clone()).unwrap_or_default();
        page(p, a).node = Some(name);
        Ok(())
    }),
    served("stats show-desc", "[<text>…]", DFB, "shows a description", |p, a| {
        let words: Vec<_> = a.take_rest().iter().map(|w| w.text.as_str()).collect();
        let text = words.join(" ");
        page(p, a).description = Some(text);
        Ok(())
    }),
    served("stats show-legends", "", DFB, "shows addresses, modes and identifiers", |p, a| {
        page(p, a).legends = true;
        Ok(())
    }),
    inert("stats show-modules", "", DFB, "shows further columns", "there are no further columns"),
    served("stats hide-version", "", DFB, "does not tell the version", |p, a| {
        page(p, a).hide_version = true;
        Ok(())
    }),
    served("stats admin", "if|unless <condition>", FB, "who may change servers on the page", |p, a| {
        page(p, a);
        keep(p, a, RuleKind::StatsAdmin)
    }),
    served(
        "stats http-request",
        "allow|deny|auth [realm <text>] [if|unless <condition>]",
        FB,
        "rules for the page",
        |p, a| {
            page(p, a);
            keep(p, a, RuleKind::StatsRequest)
        },
    ),
];

fn page<'p>(proxy: &'p mut ProxyDraft, args: &Args<'_>) -> &'p mut StatsPage {
    &mut proxy.stats.get_or_insert_with(|| Placed::new(StatsPage::default(), args.whole())).value
}
