//! The program on the interfaces that are wished for.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::BorrowedFd;

use lb_conf::model::XdpMode;

use super::message::{Attached, AttachedTo, Wish};
use crate::attach::{Attachment, Hook, Interface, attach};
use crate::neigh::Network;
use crate::pins::Pins;

/// The longest name of an interface, in bytes (linux/if.h, `IFNAMSIZ` with its zero).
const NAME_MAX: usize = 15;

/// The program on the interfaces that are wished for, and why it is not where it is not.
#[derive(Default)]
pub(super) struct Interfaces {
    wanted: Vec<Wish>,
    attached: BTreeMap<String, Result<Attachment, String>>,
}

/// What is needed to attach.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) pins: &'a Pins,
    pub(super) program: BorrowedFd<'a>,
    pub(super) network: &'a Network,
}

impl Interfaces {
    /// From now on these are wished for. What is no name of an interface is left out: it would become part of a path.
    pub(super) fn wish(&mut self, wishes: Vec<Wish>) {
        self.wanted = wishes.into_iter().filter(|wish| is_name(&wish.name)).collect();
    }

    /// Whether the program is not everywhere where it should be.
    pub(super) fn incomplete(&self) -> bool {
        self.attached.values().any(Result::is_err)
    }

    /// How things stand.
    pub(super) fn view(&self) -> BTreeMap<String, Attached> {
        let told = |attached: &Result<Attachment, String>| match attached {
            Ok(a) => Ok(AttachedTo {
                index: a.index,
                hook: a.hook,
                fallback: a.fallback.clone(),
                adopted: a.adopted,
            }),
            Err(reason) => Err(reason.clone()),
        };
        self.attached.iter().map(|(name, attached)| (name.clone(), told(attached))).collect()
    }

    /// Puts the program on the interfaces that are wished for and there, and takes it off others. Gives what failed beside
    /// that.
    pub(super) fn settle(&mut self, means: Means<'_>) -> Vec<String> {
        let mut troubles = Vec::new();
        let wanted = std::mem::take(&mut self.wanted);
        let is_wanted = |name: &str| wanted.iter().any(|wish| wish.name == name);
        for name in means.pins.links().unwrap_or_default().into_iter().filter(|name| !is_wanted(name)) {
            self.attached.remove(&name);
            if let Err(error) = means.pins.detach(&name) {
                troubles.push(format!("{name}: {error}"));
            }
        }
        self.attached.retain(|name, _| is_wanted(name));
        wanted.iter().for_each(|wish| self.attach_to(means, &wish.name, mode(wish.hook)));
        self.level(means, &wanted);
        self.wanted = wanted;
        troubles
    }

    /// A frame that came in through a driver can leave through a driver only. Where one interface has to be served in the
    /// stack, those that may be are as well.
    fn level(&mut self, means: Means<'_>, wanted: &[Wish]) {
        let hooks: BTreeSet<Hook> =
            self.attached.values().flatten().map(|attachment| attachment.hook).collect();
        if hooks.len() < 2 {
            return;
        }
        for wish in wanted.iter().filter(|wish| wish.hook.is_none()) {
            if matches!(self.attached.get(&wish.name), Some(Ok(a)) if a.hook == Hook::Native) {
                self.attached.remove(&wish.name);
                self.attach_to(means, &wish.name, XdpMode::Generic);
            }
        }
    }

    fn attach_to(&mut self, means: Means<'_>, name: &str, mode: XdpMode) {
        let found = means.network.link_named(name).map(|(index, link)| (index, link.xdp));
        let current = match (self.attached.get(name), found) {
            (Some(Ok(attachment)), Some((index, _))) => {
                attachment.index == index && attachment.hook.suits(mode)
            }
            _ => false,
        };
        if current {
            return;
        }
        let result = match found {
            None => Err(format!("{name}: there is no such interface")),
            Some((index, xdp)) => attach(means.pins, means.program, Interface { name, index, xdp }, mode)
                .map_err(|e| e.to_string()),
        };
        self.attached.insert(name.to_owned(), result);
    }
}

fn is_name(name: &str) -> bool {
    let sound = |c: char| !c.is_whitespace() && !c.is_control() && c != '/' && c != ':';
    !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != ".." && name.chars().all(sound)
}

fn mode(hook: Option<Hook>) -> XdpMode {
    match hook {
        None => XdpMode::Auto,
        Some(Hook::Native) => XdpMode::Native,
        Some(Hook::Generic) => XdpMode::Generic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_no_name_of_an_interface() {
        let wish = |name: &str| Wish { name: name.into(), hook: None };
        let mut interfaces = Interfaces::default();
        let names = ["eth0", "bond0.7", "../../x", "a/b", "", ".", "..", "a b", "a:b", "sixteen-letters-"];
        interfaces.wish(names.into_iter().map(wish).collect());
        let taken: Vec<_> = interfaces.wanted.iter().map(|wish| wish.name.as_str()).collect();
        assert_eq!(taken, ["eth0", "bond0.7"]);
    }
}
