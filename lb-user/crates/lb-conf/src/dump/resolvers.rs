//! `resolvers` sections.

use super::writer::{Words, Writer};
use crate::model::{NameServer, Resolvers};

pub(super) fn write(section: &Resolvers, out: &mut Writer) {
    out.section("resolvers", &section.name);
    section.servers.iter().for_each(|server| name_server(server, out));
    out.value("accepted_payload_size", section.payload);
    out.value("resolve_retries", section.retries);
    out.time("timeout resolve", Some(section.interval));
    out.time("timeout retry", Some(section.timeout));
    let hold = &section.hold;
    for (word, time) in [
        ("hold nx", hold.nx),
        ("hold refused", hold.refused),
        ("hold timeout", hold.timeout),
        ("hold other", hold.other),
        ("hold obsolete", hold.obsolete),
        ("hold valid", hold.valid),
    ] {
        out.time(word, Some(time));
    }
}

fn name_server(server: &NameServer, out: &mut Writer) {
    let prefix = if server.tcp { "tcp@" } else { "" };
    out.line(Words::new("nameserver").word(&server.name).word(format!("{prefix}{}", server.address)).text());
}
