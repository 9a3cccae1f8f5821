//! Commands for certificates.

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::command::Call;
use crate::host::Certificates;

pub(super) fn show(call: &mut Call<'_, '_>) -> String {
    let listed = call.context.host.certificates().map(|c| c.list()).unwrap_or_default();
    let mut text = String::new();
    let waiting: Vec<_> = listed.iter().filter(|(_, waits)| *waits).collect();
    if !waiting.is_empty() {
        text.push_str("# transaction\n");
    }
    for (file, _) in waiting {
        let _ = writeln!(text, "*{file}");
    }
    text.push_str("# filename\n");
    for (file, _) in &listed {
        let _ = writeln!(text, "{file}");
    }
    text
}

pub(super) fn set(call: &mut Call<'_, '_>) -> String {
    let file = call.word(3);
    let Some(pem) = call.payload.filter(|_| !file.is_empty()) else {
        return "'set ssl cert' expects a filename and a certificate as a payload\n".into();
    };
    match with(call, |certificates| certificates.set(file, pem)) {
        Some(Ok(true)) => format!("Transaction created for certificate {file}!\n"),
        Some(Ok(false)) => format!("Transaction updated for certificate {file}!\n"),
        Some(Err(reason)) => format!("{reason}\nCan't update {file}!\n"),
        None => format!("Can't update {file}!\n"),
    }
}

pub(super) fn commit(call: &mut Call<'_, '_>) -> String {
    let file = call.word(3);
    match with(call, |certificates| certificates.commit(file)) {
        Some(true) => format!("Committing {file}.\nSuccess!\n"),
        _ => format!("No ongoing transaction!\nCan't commit {file}!\n"),
    }
}

pub(super) fn abort(call: &mut Call<'_, '_>) -> String {
    let file = call.word(3);
    match with(call, |certificates| certificates.abort(file)) {
        Some(true) => format!("Transaction aborted for certificate '{file}'!\n"),
        _ => "No ongoing transaction!\n".into(),
    }
}

pub(super) fn ocsp(call: &mut Call<'_, '_>) -> String {
    let text: String = match call.payload {
        Some(payload) => payload.split_whitespace().collect(),
        None => call.word(3).to_owned(),
    };
    if text.is_empty() {
        return "'set ssl ocsp-response' expects response in base64 encoding.\n".into();
    }
    let Ok(der) = BASE64.decode(text.as_bytes()) else {
        return "'set ssl ocsp-response' received invalid base64 encoded response.\n".into();
    };
    match with(call, |certificates| certificates.set_ocsp_response(&der)) {
        Some(Ok(())) => "OCSP Response updated!\n".into(),
        Some(Err(reason)) => format!("{reason}\n"),
        None => "There is no certificate.\n".into(),
    }
}

fn with<T>(call: &Call<'_, '_>, ask: impl FnOnce(&dyn Certificates) -> T) -> Option<T> {
    call.context.host.certificates().map(|certificates| ask(&*certificates))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use lb_conf::model::CommandLevel;

    use super::*;
    use crate::cli::{Context, Session, announces_payload, execute};
    use crate::fixture::{Fixture, backend, server};
    use crate::host::{Host, Process, SessionInfo};

    /// One certificate, `/a.pem`, that takes any text but `bad`.
    #[derive(Default)]
    struct One(Mutex<Option<String>>);

    impl Certificates for One {
        fn list(&self) -> Vec<(String, bool)> {
            vec![("/a.pem".into(), self.0.lock().expect("lock").is_some())]
        }

        fn set(&self, file: &str, pem: &str) -> Result<bool, String> {
            match (file, pem.trim()) {
                ("/a.pem", "bad") => Err("bad".into()),
                ("/a.pem", pem) => Ok(self.0.lock().expect("lock").replace(pem.to_owned()).is_none()),
                _ => Err("unknown".into()),
            }
        }

        fn commit(&self, file: &str) -> bool {
            file == "/a.pem" && self.0.lock().expect("lock").take().is_some()
        }

        fn abort(&self, file: &str) -> bool {
            self.commit(file)
        }

        fn set_ocsp_response(&self, der: &[u8]) -> Result<(), String> {
            if der == b"good" { Ok(()) } else { Err("expired".into()) }
        }
    }

    struct Machine(Arc<One>);

    impl Host for Machine {
        fn process(&self) -> Process {
            Process::default()
        }

        fn sessions(&self) -> Vec<SessionInfo> {
            Vec::new()
        }

        fn shutdown_session(&self, _id: u64) -> bool {
            false
        }

        fn reload(&self) -> Result<(), String> {
            Ok(())
        }

        fn certificates(&self) -> Option<Arc<dyn Certificates>> {
            Some(Arc::clone(&self.0) as _)
        }
    }

    #[test]
    fn certificates_are_replaced_in_transactions() {
        let fixture = Fixture::new(backend("b", vec![server("s1", 1001)]));
        let machine = Machine(Arc::default());
        let mut session = Session::new(CommandLevel::Admin);
        let context = Context { runtime: &fixture.runtime, host: &machine, now: fixture.now };
        let rows = [
            ("show ssl cert", "# filename\n/a.pem\n"),
            ("set ssl cert /a.pem", "'set ssl cert' expects a filename and a certificate as a payload\n"),
            ("set ssl cert /a.pem <<\nbad\n", "bad\nCan't update /a.pem!\n"),
            ("set ssl cert /b.pem <<\ntext\n", "unknown\nCan't update /b.pem!\n"),
            ("commit ssl cert /a.pem", "No ongoing transaction!\nCan't commit /a.pem!\n"),
            ("set ssl cert /a.pem <<\ntext\nmore\n", "Transaction created for certificate /a.pem!\n"),
            ("set ssl cert /a.pem <<\ntext\n", "Transaction updated for certificate /a.pem!\n"),
            ("show ssl cert", "# transaction\n*/a.pem\n# filename\n/a.pem\n"),
            ("abort ssl cert /a.pem", "Transaction aborted for certificate '/a.pem'!\n"),
            ("abort ssl cert /a.pem", "No ongoing transaction!\n"),
            ("set ssl cert /a.pem <<\ntext\n", "Transaction created for certificate /a.pem!\n"),
            ("commit ssl cert /a.pem", "Committing /a.pem.\nSuccess!\n"),
            ("set ssl ocsp-response", "'set ssl ocsp-response' expects response in base64 encoding.\n"),
            (
                "set ssl ocsp-response !",
                "'set ssl ocsp-response' received invalid base64 encoded response.\n",
            ),
            ("set ssl ocsp-response Z29vZA==", "OCSP Response updated!\n"),
            ("set ssl ocsp-response <<\nZ29v\nZA==\n", "OCSP Response updated!\n"),
            ("set ssl ocsp-response YmFk", "expired\n"),
        ];
        for (line, expected) in rows {
            assert_eq!(execute(line, &mut session, &context).text, format!("{expected}\n"), "{line}");
        }
    }

    #[test]
    fn a_payload_is_announced_at_the_end_of_a_line() {
        let rows = [
            ("set ssl cert a <<\n", true),
            ("set ssl cert a <<", true),
            ("show << info", false),
            ("", false),
        ];
        for (line, expected) in rows {
            assert_eq!(announces_payload(line), expected, "{line}");
        }
    }
}
