//! `ring` sections.

use super::writer::{Words, Writer};
use crate::keyword::LOG_FORMATS;
use crate::model::{Ring, RingServer, StreamFraming};

pub(super) fn write(ring: &Ring, out: &mut Writer) {
    out.section("ring", &ring.name);
    out.optional("description", ring.description.as_deref());
    let format = LOG_FORMATS.iter().find(|(_, format)| *format == ring.format).map(|(name, _)| name);
    out.optional("format", format);
    out.value("size", ring.size);
    out.value("maxlen", ring.max_len);
    out.time("timeout connect", ring.timeout_connect);
    out.time("timeout server", ring.timeout_server);
    ring.servers.iter().for_each(|server| log_server(server, out));
}

fn log_server(server: &RingServer, out: &mut Writer) {
    let framing = match server.framing {
        StreamFraming::Lines => "legacy",
        StreamFraming::OctetCount => "octet-count",
    };
    out.line(
        Words::new("server").word(&server.name).word(server.address).word("log-proto").word(framing).text(),
    );
}
