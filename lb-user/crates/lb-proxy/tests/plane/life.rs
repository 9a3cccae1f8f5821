//! Start, reload, limits and stop.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lb_conf::model::{Bind, BindAddress, Mode, ServerCheck};
use lb_proxy::{PrepareError, prepare, tls};
use lbx_tests::client::{Echo, From, Http};
use lbx_tests::origin::Origin;

use crate::site::Site;

#[test]
fn tcp_is_relayed_with_half_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        all.reverse();
        socket.write_all(&all).unwrap();
    });
    let running = Site::new(Mode::Tcp, &[address]).start();
    let mut client = TcpStream::connect(running.address).unwrap();
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    client.write_all(&data).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    back.reverse();
    assert!(back == data);
    drop(client);
    let frontend = running.runtime.snapshot().frontends[0].clone();
    let start = Instant::now();
    while frontend.traffic().sessions.get() > 0 && start.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(frontend.traffic().bytes_in.get(), data.len() as u64);
    assert_eq!(frontend.traffic().bytes_out.get(), data.len() as u64);
}

#[test]
fn a_silent_tcp_session_ends() {
    let origin = Origin::tcp("s1").unwrap();
    let mut site = Site::new(Mode::Tcp, &[origin.address()]);
    site.frontend.timeout_client = Some(Duration::from_millis(300));
    let running = site.start();
    let mut echo = Echo::connect(From::default(), running.address).unwrap();
    echo.check(b"hello").unwrap();
    thread::sleep(Duration::from_millis(600));
    assert!(echo.check(b"hello").is_err());
}

#[test]
fn a_taken_address_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = Site::new(Mode::Http, &[]);
    site.frontend.binds = vec![Bind::new(BindAddress::Inet(taken.local_addr().unwrap()))];
    let PrepareError::Bind(errors) = prepare(&site.config(), tls::Site::default(), None).unwrap_err();
    assert_eq!(errors.len(), 1);
    let text = errors[0].to_string();
    assert!(text.starts_with("web: bind on 127.0.0.1:"), "{text}");
}

#[test]
fn a_reload_loses_no_connection() {
    let origins = [Origin::http("old").unwrap(), Origin::http("new").unwrap()];
    // An address that stays is known by its port, so that it cannot be port 0 here.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = |origin: &Origin| {
        let mut site = Site::new(Mode::Http, &[origin.address()]);
        site.frontend.binds[0].address = BindAddress::Inet(port);
        site
    };
    let (old, new) = (site(&origins[0]), site(&origins[1]));
    let running = old.start();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, address) = (Arc::clone(&stop), running.address);
            thread::spawn(move || {
                let mut requests = 0;
                while !stop.load(Ordering::Relaxed) {
                    let mut http = Http::connect(address).unwrap();
                    for _ in 0..3 {
                        assert_eq!(http.get("/").unwrap().status, 200);
                        requests += 1;
                    }
                }
                requests
            })
        })
        .collect();
    let mut kept = Http::connect(running.address).unwrap();
    assert_eq!(kept.get("/").unwrap().text(), "old");
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(30));
        running.reload(&old);
        running.reload(&new);
    }
    assert_eq!(kept.get("/").unwrap().text(), "new");
    stop.store(true, Ordering::Relaxed);
    let served: u32 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(served > 0);
}

#[test]
fn accepting_stops_at_maxconn() {
    let origin = Origin::http("s1").unwrap();
    let mut site = Site::new(Mode::Http, &[origin.address()]);
    site.frontend.maxconn = Some(2);
    let running = site.start();
    let mut held: Vec<_> = (0..2).map(|_| Http::connect(running.address).unwrap()).collect();
    for http in &mut held {
        assert_eq!(http.get("/").unwrap().status, 200);
    }
    let address = running.address;
    let waiting = thread::spawn(move || Http::connect(address).unwrap().get("/").unwrap().status);
    thread::sleep(Duration::from_millis(200));
    assert!(!waiting.is_finished());
    assert_eq!(running.plane.connections(), 2);
    held.pop();
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn a_soft_stop_lets_responses_finish() {
    let origin = Origin::http("s1").unwrap();
    let running = Site::new(Mode::Http, &[origin.address()]).start();
    let address = running.address;
    let mut idle = Http::connect(address).unwrap();
    assert_eq!(idle.get("/").unwrap().status, 200);
    let busy = thread::spawn(move || Http::connect(address).unwrap().get("/delay/500").unwrap());
    thread::sleep(Duration::from_millis(200));
    running.plane.soft_stop();
    assert!(idle.read_to_end().unwrap().is_empty());
    let response = busy.join().unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.headers.get("connection"), Some("close"));
    running.plane.wait();
    assert!(running.plane.has_ended());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_dead_server_leaves_the_rotation_and_comes_back() {
    let origins = [Origin::http("s1").unwrap(), Origin::http("s2").unwrap()];
    let mut site = Site::new(Mode::Http, &[origins[0].address(), origins[1].address()]);
    site.edit_server(|server| {
        let mut check = ServerCheck::new(Some(origins[0].address()));
        check.inter = Duration::from_millis(50);
        check.fall = 2;
        server.check = Some(check);
    });
    let running = site.start();
    let backend = running.runtime.snapshot().backends[0].clone();
    let wait_for = |usable| {
        let start = Instant::now();
        while backend.usable() != usable && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(backend.usable(), usable);
    };
    thread::sleep(Duration::from_millis(200));
    wait_for(2);
    origins[0].die();
    wait_for(1);
    let mut http = Http::connect(running.address).unwrap();
    for _ in 0..4 {
        assert_eq!(http.get("/").unwrap().text(), "s2");
    }
    origins[0].revive(None).unwrap();
    wait_for(2);
}
