//! HTTP mode through real sockets.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use lb_conf::model::{Mode, Redispatch};
use lbx_tests::client::Http;
use lbx_tests::origin::{Origin, pattern};

use crate::site::Site;

fn site(origins: &[&Origin]) -> Site {
    Site::new(Mode::Http, &origins.iter().map(|o| o.address()).collect::<Vec<_>>())
}

#[test]
fn connections_are_kept_on_both_sides() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    let mut http = Http::connect(running.address).unwrap();
    for _ in 0..10 {
        assert_eq!(http.get("/").unwrap().text(), "s1");
    }
    let used: BTreeSet<u64> = origin.requests().iter().map(|r| r.connection).collect();
    assert_eq!(used.len(), 1);
    let server = running.runtime.snapshot().servers().next().unwrap().clone();
    assert_eq!(server.counters().traffic.connects.get(), 1);
    assert_eq!(server.counters().traffic.reuses.get(), 9);
}

#[test]
fn bodies_pass_in_both_directions() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    let mut http = Http::connect(running.address).unwrap();
    assert_eq!(http.get("/bytes/3000000").unwrap().body, pattern(3_000_000));
    assert_eq!(http.get("/chunked/300000").unwrap().body, pattern(300_000));
    assert_eq!(http.request("POST", "/echo", "", pattern(500_000)).unwrap().body, pattern(500_000));
    assert_eq!(http.request("HEAD", "/bytes/77", "", b"").unwrap().headers.get("content-length"), Some("77"));
    assert!(http.get("/status/204").unwrap().body.is_empty());
    assert!(http.get("/status/304").unwrap().body.is_empty());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    let mut http = Http::connect(running.address).unwrap();
    let request = |n: u32| format!("GET /bytes/{n} HTTP/1.1\r\nhost: a\r\n\r\n");
    let all: String = (1..=20).map(request).collect();
    http.send(all.as_bytes()).unwrap();
    for n in 1..=20 {
        assert_eq!(http.response_to("GET").unwrap().body, pattern(n));
    }
}

#[test]
fn malformed_requests_get_400_and_reach_no_server() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "a".repeat(20_000));
    for request in [
        "garbage\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nbad name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nhost: a\r\n\r\n",
        &long,
    ] {
        let mut http = Http::connect(running.address).unwrap();
        http.send(request.as_bytes()).unwrap();
        let response = http.response_to("GET").unwrap();
        assert_eq!(response.status, 400, "{request:?}");
        assert!(response.text().contains("<h1>400 Bad request</h1>"), "{request:?}: {}", response.text());
        assert!(http.read_to_end().unwrap().is_empty(), "{request:?}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn a_malformed_request_behind_a_good_one_gets_its_own_answer() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    let mut http = Http::connect(running.address).unwrap();
    assert_eq!(http.get("/").unwrap().status, 200);
    http.send(b"nonsense\r\n\r\n").unwrap();
    let response = http.response_to("GET").unwrap();
    assert_eq!(response.status, 400);
    assert!(response.text().contains("<h1>400 Bad request</h1>"), "{}", response.text());
}

#[test]
fn a_dead_server_is_tried_again_and_answered_for() {
    let origin = Origin::http("s1").unwrap();
    let mut site = site(&[&origin]);
    site.backend.retries = 2;
    site.backend.timeout_connect = Some(Duration::from_millis(200));
    let running = site.start();
    origin.die();
    let start = Instant::now();
    let response = Http::connect(running.address).unwrap().get("/").unwrap();
    assert_eq!(response.status, 503);
    // Two pauses, each as long as the connect timeout.
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    let backend = running.runtime.snapshot().backends[0].clone();
    assert_eq!(backend.traffic().retries.get(), 2);
    assert_eq!(backend.traffic().connect_errors.get(), 1);
}

#[test]
fn redispatch_hides_a_dead_server() {
    let origins = [Origin::http("s1").unwrap(), Origin::http("s2").unwrap()];
    let mut site = site(&[&origins[0], &origins[1]]);
    site.backend.redispatch = Some(Redispatch::Last);
    site.backend.retries = 1;
    let running = site.start();
    origins[0].die();
    for _ in 0..4 {
        assert_eq!(Http::connect(running.address).unwrap().get("/").unwrap().text(), "s2");
    }
    assert!(running.runtime.snapshot().backends[0].traffic().redispatches.get() >= 2);
}

#[test]
fn a_server_that_comes_back_between_attempts_is_used() {
    let origin = Origin::http("s1").unwrap();
    let running = site(&[&origin]).start();
    origin.die();
    let address = running.address;
    let client = thread::spawn(move || Http::connect(address).unwrap().get("/").unwrap().status);
    thread::sleep(Duration::from_millis(300));
    origin.revive(None).unwrap();
    assert_eq!(client.join().unwrap(), 200);
}

#[test]
fn silence_has_its_limits() {
    let origin = Origin::http("s1").unwrap();
    let mut site = site(&[&origin]);
    site.backend.timeout_server = Some(Duration::from_millis(300));
    site.frontend.timeout_http_request = Some(Duration::from_millis(300));
    site.frontend.timeout_http_keep_alive = Some(Duration::from_millis(200));
    let running = site.start();
    let mut http = Http::connect(running.address).unwrap();
    assert_eq!(http.get("/delay/2000").unwrap().status, 504);
    // Keep-alive: silence ends it without a word.
    assert!(http.read_to_end().unwrap().is_empty());
    let mut http = Http::connect(running.address).unwrap();
    http.send(b"GET / HT").unwrap();
    assert_eq!(http.response_to("GET").unwrap().status, 408);
}

#[test]
fn a_broken_response_gets_502() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for answer in ["", "nonsense\r\n\r\n", "HTTP/1.1 200"] {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.read(&mut [0; 1000]);
            socket.write_all(answer.as_bytes()).unwrap();
        }
    });
    let running = Site::new(Mode::Http, &[address]).start();
    for _ in 0..3 {
        assert_eq!(Http::connect(running.address).unwrap().get("/").unwrap().status, 502);
    }
}

#[test]
fn a_response_without_a_length_ends_with_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 1000]);
        socket.write_all(b"HTTP/1.0 200 OK\r\nx-a: b\r\n\r\nhello").unwrap();
    });
    let running = Site::new(Mode::Http, &[address]).start();
    assert_eq!(Http::connect(running.address).unwrap().get("/").unwrap().text(), "hello");
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 1000];
        let n = socket.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        socket
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi")
            .unwrap();
        let mut buf = [0; 4];
        socket.read_exact(&mut buf).unwrap();
        socket.write_all(&buf).unwrap();
        head
    });
    let running = Site::new(Mode::Http, &[address]).start();
    let mut client = TcpStream::connect(running.address).unwrap();
    client
        .write_all(b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n")
        .unwrap();
    let mut seen = Vec::new();
    let mut buf = [0; 1000];
    while !seen.ends_with(b"hi") {
        let n = client.read(&mut buf).unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buf[..n]);
    }
    assert!(seen.starts_with(b"HTTP/1.1 101 "));
    client.write_all(b"ping").unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"ping");
    let head = server.join().unwrap();
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: echo\r\n"), "{head}");
}

#[test]
fn a_slow_client_holds_the_server_back() {
    const SIZE: usize = 100_000_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 1000]);
        write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n").unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let piece = [7; 65536];
        let mut sent = 0;
        while let Ok(n) = socket.write(&piece[..piece.len().min(SIZE - sent)]) {
            sent += n;
            if sent == SIZE {
                break;
            }
        }
        sent
    });
    let running = Site::new(Mode::Http, &[address]).start();
    let mut client = TcpStream::connect(running.address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    // What the kernel's buffers take, and no more, leaves the server while nobody reads.
    let sent = server.join().unwrap();
    assert!(sent < 20_000_000, "{sent} bytes were taken off the server's hands");
}

#[test]
fn a_full_server_is_waited_for() {
    let origin = Origin::http("s1").unwrap();
    let mut site = site(&[&origin]);
    site.edit_server(|server| server.maxconn = Some(1));
    site.backend.timeout_queue = Some(Duration::from_millis(600));
    let running = site.start();
    let address = running.address;
    let slow = thread::spawn(move || Http::connect(address).unwrap().get("/delay/300").unwrap().status);
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    assert_eq!(Http::connect(address).unwrap().get("/").unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    assert_eq!(slow.join().unwrap(), 200);
    // Longer than the queue's timeout.
    let slow = thread::spawn(move || Http::connect(address).unwrap().get("/delay/1500").unwrap().status);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(Http::connect(address).unwrap().get("/").unwrap().status, 503);
    assert_eq!(slow.join().unwrap(), 200);
}
