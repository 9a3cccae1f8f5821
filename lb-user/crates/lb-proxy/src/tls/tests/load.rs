//! Files: what is found, and what is wrong with them.

use lb_conf::model::ExtraFiles;

use super::*;

fn error(files: &Files, path: &str) -> String {
    let loaded = load(files, &bind(vec![line(path)]));
    let errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

#[test]
fn files_of_no_use_are_told_with_their_reason() {
    let (a, b) = (own(&["a.test"]), own(&["b.test"]));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let odd = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let files = Files::default()
        .with("/nokey", a.cert.pem())
        .with("/nocert", a.key.serialize_pem())
        .with("/other", a.cert.pem() + &b.key.serialize_pem())
        .with("/locked", a.cert.pem() + locked)
        .with("/odd", a.cert.pem() + odd)
        .with("/dir/.hidden", "")
        .with("/dir/a.pem.key", "")
        .with("/text", "hello");
    let rows = [
        ("/absent", "/absent: entity not found"),
        ("/nokey", "/nokey: no private key in it, nor in '/nokey.key'"),
        ("/nocert", "/nocert: no certificate in it"),
        ("/other", "/other: the private key belongs to none of the certificates"),
        ("/locked", "/locked: the private key is encrypted, and nobody is there to type its passphrase"),
        ("/odd", "/odd: private key of no use: "),
        ("/dir", "/dir: no certificates in this folder"),
        ("/text", "/text: no certificate in it"),
    ];
    for (path, expected) in rows {
        let error = error(&files, path);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let files = Files::default().with("/b", "");
    let loaded = load(&files, &bind(vec![line("/a"), line("/b"), line("/c")]));
    assert_eq!(loaded.errors.len(), 3);
    assert!(loaded.acceptor.is_none());
}

#[tokio::test]
async fn the_parts_may_stand_in_any_order() {
    let ca = authority("ca");
    let mut middle = params("middle", &[]);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = signed(middle, &ca);
    let leaf = signed(params("leaf", &["a.test"]), &middle);
    let text = ca.cert.pem() + &middle.cert.pem() + &leaf.key.serialize_pem() + &leaf.cert.pem();
    let acceptor = acceptor(&Files::default().with("/a", text), &bind(vec![line("/a")]));
    let shaken = shake(&acceptor, &connector(&ServerTls::default()), None).await;
    assert_eq!(shaken.shown, [leaf.der(), middle.der(), ca.der()]);
}

#[tokio::test]
async fn a_key_may_lie_beside_the_certificate() {
    let a = own(&["a.test"]);
    let files = Files::default().with("/a.crt", a.cert.pem()).with("/a.crt.key", a.key.serialize_pem());
    acceptor(&files, &bind(vec![line("/a.crt")]));
    let files = Files::default().with("/a.crt", a.cert.pem()).with("/a.key", a.key.serialize_pem());
    assert!(load(&files, &bind(vec![line("/a.crt")])).acceptor.is_none());
    let cut = TlsTuning { cut_extension: true, ..TlsTuning::default() };
    assert!(load_with(&files, &bind(vec![line("/a.crt")]), &cut, &shared()).acceptor.is_some());
    let none = TlsTuning { extra: ExtraFiles::NONE, ..cut };
    assert!(load_with(&files, &bind(vec![line("/a.crt")]), &none, &shared()).acceptor.is_none());
}

#[tokio::test]
async fn a_folder_is_read_in_the_order_of_its_names() {
    let (a, b) = (own(&["a.test"]), own(&["b.test"]));
    let files = Files::default()
        .with("/dir/2.pem", a.both())
        .with("/dir/1.pem", b.both())
        .with("/dir/1.pem.ocsp", "")
        .with("/dir/.git", "");
    let acceptor = acceptor(&files, &bind(vec![line("/dir")]));
    let connector = connector(&ServerTls::default());
    assert_eq!(shake(&acceptor, &connector, None).await.leaf(), b.der());
    assert_eq!(shake(&acceptor, &connector, Some("a.test")).await.leaf(), a.der());
}

#[test]
fn authorities_and_lists_of_no_use_are_errors() {
    use lb_conf::model::{CaSource, ClientVerify};
    let files = Files::default().with("/a", own(&["a.test"]).both()).with("/ca", authority("ca").cert.pem());
    let files = files.with("/empty", "").with("/keys", "AAAA\n");
    let rows = [
        ("/absent", None, "/absent: entity not found"),
        ("/empty", None, "/empty: no certificate in it"),
        ("/ca", Some("/ca"), "/ca: revocation list of no use: there is none in the file"),
    ];
    for (ca, crl, expected) in rows {
        let ca_file = Some(CaSource::Path(ca.into()));
        let client = ClientVerify { ca_file, crl_file: crl.map(Into::into), ..ClientVerify::default() };
        let settings = BindTlsSettings { client: Some(client), ..BindTlsSettings::default() };
        let loaded = load(&files, &with(vec![line("/a")], settings));
        assert_eq!(loaded.errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
    let keys = BindTls { ticket_keys: Some("/keys".into()), ..bind(vec![line("/a")]) };
    assert_eq!(load(&files, &keys).errors[0].to_string(), "/keys: a key is neither 48 nor 80 bytes long");
}
