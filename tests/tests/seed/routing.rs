//! "ACL-Based Routing".

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;

use crate::https::{COMPARED, exchange};
use crate::sample::{self, compared, start, template};

const ROUTER: &str = include_str!("../../../config/seed/acl_routing.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("routing::paths_and_the_lines_of_one_name_are_alternatives", COMPARED, || {
            oracle::compare_sides(|program| start(ROUTER, program), alternatives)
        }),
        Case::new("routing::two_names_are_both_meant", COMPARED, || {
            oracle::compare_sides(|program| start(&both_meant(), program), both)
        }),
        Case::new("routing::the_diagnostic_tells_it", &[], diagnostic),
        compared("routing::any_attribute_of_a_request", ATTRIBUTES, attributes),
        compared("routing::prefixes_of_both_families", FAMILIES, families),
    ]
}

/// An address inside of 127.10.0.0/16, which stands for the article's network.
const INSIDE: &str = "127.10.0.9";

/// Where requests for some paths go that come from outside and from inside of the network.
fn routes(side: &mut Side, rows: &[(&str, &str, &str)]) -> Result<()> {
    for (path, from, server) in rows {
        let response = exchange(side, path, &["--interface", from])?;
        ensure!(response.ends_with(server), "{path} from {from}: {response}");
    }
    Ok(())
}

/// The first rule that holds decides. Both lines of `is_admin` are alternatives: inside, everything that no rule before
/// takes goes to the administration, and outside its path does.
fn alternatives(side: &mut Side) -> Result<()> {
    const OUT: &str = "127.0.0.1";
    routes(
        side,
        &[
            ("/api/v1", OUT, "s1"),
            ("/api", OUT, "s4"),
            ("/static/a", OUT, "s2"),
            ("/assets/b", OUT, "s2"),
            ("/images/c", OUT, "s2"),
            ("/admin", OUT, "s3"),
            ("/", OUT, "s4"),
            ("/other?x=/api/", OUT, "s4"),
            ("/api/v1", INSIDE, "s1"),
            ("/images/c", INSIDE, "s2"),
            ("/admin/x", INSIDE, "s3"),
            ("/", INSIDE, "s3"),
        ],
    )
}

/// What the article means: a name for each line, and both in the condition.
fn both_meant() -> String {
    let file = ROUTER.replace("is_admin     src  ", "is_inside    src  ");
    file.replace("admin_backend    if is_admin\n", "admin_backend    if is_admin is_inside\n")
}

fn both(side: &mut Side) -> Result<()> {
    const OUT: &str = "127.0.0.1";
    routes(side, &[("/admin", OUT, "s4"), ("/admin", INSIDE, "s3"), ("/", INSIDE, "s4"), ("/", OUT, "s4")])
}

fn diagnostic() -> Result<()> {
    let check = |file: &str| -> Result<String> {
        let setup = Setup::new(Program::Lbx, &template(file))?.set("log", "127.0.0.1:9").argument("-c");
        let setup = ["s1", "s2", "s3", "s4"].iter().fold(setup, |s, name| s.set(name, "127.0.0.1:80"));
        let ended = sample::files(setup.set("p443", 443))?.run_to_end()?;
        ensure!(ended.status.success(), "{ended:?}");
        Ok(ended.output)
    };
    let said = check(ROUTER)?;
    ensure!(said.contains("the lines of acl 'is_admin' test different things"), "{said}");
    let said = check(&both_meant())?;
    ensure!(!said.contains("is_admin"), "{said}");
    Ok(())
}

const ATTRIBUTES: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend router
    bind 127.0.0.1:{p80}
    acl writes method POST PUT DELETE
    acl shop hdr(host) -i shop.test
    acl tests url_param(stage) test
    acl mobile hdr_sub(user-agent) -i Mobile
    acl inside src 127.10.0.0/16
    acl deep path_end .php
    use_backend one if writes
    use_backend two if shop
    use_backend three if tests or mobile
    use_backend four if inside !deep
    default_backend five
backend one
    server s1 {s1}
backend two
    server s2 {s2}
backend three
    server s3 {s3}
backend four
    server s4 {s4}
backend five
    server s5 {s5}
";

fn attributes(side: &mut Side) -> Result<()> {
    for (request, server) in [
        ("PUT / HTTP/1.1\r\nhost: a\r\n\r\n", "s1"),
        ("GET / HTTP/1.1\r\nhost: SHOP.test\r\n\r\n", "s2"),
        ("GET /?a=b&stage=test HTTP/1.1\r\nhost: a\r\n\r\n", "s3"),
        ("GET /?stage=tests HTTP/1.1\r\nhost: a\r\n\r\n", "s5"),
        ("GET / HTTP/1.1\r\nhost: a\r\nuser-agent: a mobile thing\r\n\r\n", "s3"),
    ] {
        let response = side.exchange("p80", request)?;
        ensure!(response.text() == server, "{request:?}: {}", response.text());
    }
    let from = From::default().source(INSIDE.parse()?);
    for (path, server) in [("/", "s4"), ("/x.php", "s5")] {
        ensure!(client::get(from, side.daemon.address("p80"), path)?.text() == server, "{path}");
    }
    Ok(())
}

const FAMILIES: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend router
    bind 127.0.0.1:{p80}
    bind [::1]:{p80}
    acl inside src 127.10.0.0/16 fd00::/8 ::1/128
    use_backend inside if inside
    default_backend outside
backend inside
    server s1 {s1}
backend outside
    server s2 {s2}
";

fn families(side: &mut Side) -> Result<()> {
    let v4 = side.daemon.address("p80");
    let v6 = SocketAddr::new("::1".parse()?, v4.port());
    let inside = From::default().source(INSIDE.parse()?);
    for (from, to, server) in [(From::default(), v4, "s2"), (inside, v4, "s1"), (From::default(), v6, "s1")] {
        let response = client::get(from, to, "/").with_context(|| format!("{from:?} {to}"))?;
        ensure!(response.text() == server, "{from:?} {to}: {}", response.text());
        side.note(response.text());
    }
    Ok(())
}
