//! What the words of a configuration do to requests, responses and logs.

use lbx_tests::client::Http;
use lbx_tests::origin::Origin;
use lbx_tests::syslog::Syslog;

use crate::site::{Running, serve_text};

const DEFAULTS: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 3s
    timeout server 300ms
    retries 0
";

fn serve(text: &str) -> Running {
    serve_text(&format!("{DEFAULTS}{text}"))
}

/// The status of a request on a connection of its own.
fn status(running: &Running, path: &str) -> u16 {
    let response = Http::connect(running.address).and_then(|mut http| http.get(path));
    response.expect("a response").status
}

#[test]
fn a_client_beyond_its_rate_is_denied() {
    let running = serve(
        "
frontend web
    bind 127.0.0.1:PORT
    stick-table type ip size 1k expire 60s store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 3 }
    http-request return status 204
",
    );
    let statuses: Vec<_> = (0..5).map(|_| status(&running, "/")).collect();
    assert_eq!(statuses, [204, 204, 204, 429, 429]);
}

#[test]
fn rules_route_redirect_and_deny() {
    let origins = [Origin::http("app").unwrap(), Origin::http("api").unwrap()];
    let running = serve(&format!(
        "
frontend web
    bind 127.0.0.1:PORT
    acl is_api path_beg /api/
    http-request deny if {{ path /secret }}
    http-request redirect scheme https code 301 if {{ path /secure }} !{{ ssl_fc }}
    use_backend api if is_api
    default_backend app
backend app
    server s1 {}
backend api
    server s1 {}
",
        origins[0].address(),
        origins[1].address()
    ));
    let mut http = Http::connect(running.address).unwrap();
    assert_eq!(http.get("/x").unwrap().origin(), "app");
    assert_eq!(http.get("/api/x").unwrap().origin(), "api");
    assert_eq!(http.get("/secret").unwrap().status, 403);
    let response = http.request("GET", "/secure?a=b", "", b"").unwrap();
    assert_eq!(response.status, 301);
    let location = response.headers.get("location").unwrap();
    assert!(location.starts_with("https://") && location.ends_with("/secure?a=b"), "{location}");
    assert_eq!(origins[0].requests().len(), 1);
}

#[test]
fn servers_are_told_who_asks_and_headers_are_rewritten() {
    let origin = Origin::http("s1").unwrap();
    let running = serve(&format!(
        "
listen web
    bind 127.0.0.1:PORT
    option forwardfor
    option http-server-close
    http-request set-header X-Path %[path]
    http-request replace-path /old/(.*) /new/\\1
    http-request del-header X-Secret
    http-response set-header Strict-Transport-Security max-age=1
    server s1 {}
",
        origin.address()
    ));
    let mut http = Http::connect(running.address).unwrap();
    for _ in 0..2 {
        let response = http.request("GET", "/old/x", "x-secret: 1\r\n", b"").unwrap();
        assert_eq!(response.headers.get("strict-transport-security"), Some("max-age=1"));
    }
    let requests = origin.requests();
    assert_eq!(requests[0].target(), "/new/x");
    assert_eq!(requests[0].headers.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(requests[0].headers.get("x-path"), Some("/old/x"));
    assert_eq!(requests[0].headers.get("x-secret"), None);
    assert_eq!(requests[0].headers.get("connection"), Some("close"));
    // The client's connection stays, the server's does not.
    assert_ne!(requests[0].connection, requests[1].connection);
}

#[test]
fn a_cookie_keeps_a_client_on_its_server() {
    let origins = [Origin::http("s1").unwrap(), Origin::http("s2").unwrap()];
    let running = serve(&format!(
        "
listen web
    bind 127.0.0.1:PORT
    balance roundrobin
    cookie SERVERID insert indirect nocache
    server s1 {} cookie one
    server s2 {} cookie two
",
        origins[0].address(),
        origins[1].address()
    ));
    let mut http = Http::connect(running.address).unwrap();
    let first = http.get("/").unwrap();
    let cookie = first.headers.get("set-cookie").unwrap();
    assert!(cookie == "SERVERID=one; path=/" || cookie == "SERVERID=two; path=/", "{cookie}");
    let name = cookie.split(';').next().unwrap();
    for _ in 0..4 {
        let response = http.request("GET", "/", &format!("cookie: a=b; {name}\r\n"), b"").unwrap();
        assert_eq!(response.origin(), first.origin());
        assert_eq!(response.headers.get("set-cookie"), None);
    }
    let seen: Vec<_> = origins.iter().flat_map(|o| o.requests()).collect();
    assert!(seen.iter().all(|r| r.headers.get("cookie").is_none_or(|c| c == "a=b")));
    let response = http.request("GET", "/", "cookie: SERVERID=gone\r\n", b"").unwrap();
    assert!(response.headers.get("set-cookie").is_some());
}

#[test]
fn a_stick_table_keeps_a_client_on_its_server() {
    let origins = [Origin::http("s1").unwrap(), Origin::http("s2").unwrap()];
    let running = serve(&format!(
        "
listen web
    bind 127.0.0.1:PORT
    balance roundrobin
    stick-table type string len 32 size 1k expire 30m
    stick on req.cook(APP)
    server s1 {}
    server s2 {}
",
        origins[0].address(),
        origins[1].address()
    ));
    let mut http = Http::connect(running.address).unwrap();
    let mut served_by = |user: &str| {
        http.request("GET", "/", &format!("cookie: APP={user}\r\n"), b"").unwrap().origin().to_owned()
    };
    let (ann, bob) = (served_by("ann"), served_by("bob"));
    assert_ne!(ann, bob);
    for _ in 0..3 {
        assert_eq!((served_by("ann"), served_by("bob")), (ann.clone(), bob.clone()));
    }
}

#[test]
fn each_way_to_end_has_its_line_in_the_log() {
    let origin = Origin::http("s1").unwrap();
    let syslog = Syslog::start().unwrap();
    let running = serve(&format!(
        "
frontend web
    bind 127.0.0.1:PORT
    log {} local0
    option httplog
    http-request deny if {{ path /deny }}
    use_backend dead if {{ path /dead }}
    use_backend none if {{ path /none }}
    default_backend app
backend app
    server s1 {}
backend dead
    server s1 127.0.0.1:1
backend none
",
        syslog.address(),
        origin.address()
    ));
    let ends = [
        ("/bytes/5", 200, " web app/s1 ", " ---- "),
        ("/deny", 403, " web web/<NOSRV> ", " PR-- "),
        ("/dead", 503, " web dead/s1 ", " SC-- "),
        ("/none", 503, " web none/<NOSRV> ", " SC-- "),
        ("/delay/900", 504, " web app/s1 ", " sH-- "),
    ];
    for (path, expected, route, code) in ends {
        assert_eq!(status(&running, path), expected, "{path}");
        let line = syslog.wait_for(&format!("\"GET {path} HTTP/1.1\"")).unwrap();
        assert!(line.contains(route) && line.contains(code), "{line}");
        assert!(line.starts_with("<134>") && line.contains(&format!(" {expected} ")), "{line}");
    }
    let mut http = Http::connect(running.address).unwrap();
    http.send(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(http.response_to("GET").unwrap().status, 400);
    let line = syslog.wait_for("<BADREQ>").unwrap();
    assert!(line.contains(" web web/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- "), "{line}");
}

#[test]
fn a_variable_of_the_process_outlives_a_connection() {
    let running = serve(
        "
frontend web
    bind 127.0.0.1:PORT
    http-request set-var(proc.seen) path if { path_beg /set }
    http-request return status 200 content-type text/plain lf-string %[var(proc.seen)]
",
    );
    assert_eq!(status(&running, "/set/x"), 200);
    assert_eq!(Http::connect(running.address).unwrap().get("/").unwrap().text(), "/set/x");
}

#[test]
fn a_path_keeps_its_server() {
    let origins = [Origin::http("s1").unwrap(), Origin::http("s2").unwrap()];
    let running = serve(&format!(
        "
listen web
    bind 127.0.0.1:PORT
    balance uri depth 1
    server s1 {}
    server s2 {}
",
        origins[0].address(),
        origins[1].address()
    ));
    let mut http = Http::connect(running.address).unwrap();
    let mut of = |path: &str| http.get(path).unwrap().origin().to_owned();
    let homes: Vec<_> = (0..20).map(|n| (n, of(&format!("/{n}/a")))).collect();
    assert!(homes.iter().all(|(n, home)| of(&format!("/{n}/b?x={n}")) == *home));
    assert!(homes.iter().any(|(_, home)| home == "s1") && homes.iter().any(|(_, home)| home == "s2"));
}
