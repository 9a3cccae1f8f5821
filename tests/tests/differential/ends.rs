//! How sessions end: what both programs log about it, with its code and its timers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::thread;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::Side;
use lbx_tests::{ports, wait};
use regex::Regex;
use socket2::{Domain, Socket, Type};

use crate::raw::{Hole, Raw, reset};

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    log {log} local0
    option httplog
    timeout connect 700ms
    timeout client 700ms
    timeout server 700ms
    timeout queue 500ms
    timeout http-request 600ms
    timeout tarpit 300ms
    retries 0
listen web
    bind 127.0.0.1:{web}
    http-request deny if { path /deny }
    http-request return status 200 if { path /return }
    http-request redirect location / if { path /redirect }
    http-request reject if { path /reject }
    http-request tarpit if { path /tarpit }
    http-request wait-for-body time 400ms if { path /wait }
    use_backend dead if { path /dead }
    use_backend none if { path /none }
    use_backend hole if { path /hole }
    use_backend slow if { hdr(x-slow) 1 }
    use_backend cookie if { hdr(x-cookie) 1 }
    use_backend down if { hdr(x-down) 1 }
    use_backend backup if { hdr(x-backup) 1 }
    server s1 {raw}
backend dead
    server s1 {dead}
backend none
    server s1 {dead} disabled
backend hole
    server s1 {hole}
backend slow
    timeout server 20s
    server s1 {raw} maxconn 1
backend cookie
    cookie SRV insert
    server s1 {raw} cookie a
    server s2 {raw} cookie b disabled
backend down
    timeout server 20s
    server s1 {raw} on-marked-down shutdown-sessions check inter 1h
backend backup
    timeout server 20s
    server s1 {raw} on-marked-up shutdown-backup-sessions check inter 1h disabled
    server s2 {raw} backup
defaults
    mode tcp
    log {log} local0
    option tcplog
    timeout connect 700ms
    timeout client 20s
    timeout server 20s
    timeout queue 500ms
    retries 0
listen tcp
    bind 127.0.0.1:{tcp}
    server s1 {raw}
listen tcpquick
    bind 127.0.0.1:{tcpquick}
    timeout client 700ms
    server s1 {raw}
listen tcpslow
    bind 127.0.0.1:{tcpslow}
    timeout server 700ms
    server s1 {raw}
listen tcpdead
    bind 127.0.0.1:{tcpdead}
    server s1 {dead}
listen tcphole
    bind 127.0.0.1:{tcphole}
    server s1 {hole}
listen tcpnone
    bind 127.0.0.1:{tcpnone}
    server s1 {dead} disabled
listen tcpreject
    bind 127.0.0.1:{tcpreject}
    tcp-request inspect-delay 20s
    tcp-request content reject if { req.len gt 0 }
    tcp-request content accept if { req.len gt 10000 }
    server s1 {raw}
listen tcpfull
    bind 127.0.0.1:{tcpfull}
    server s1 {raw} maxconn 1
";

/// A program with its servers.
pub(crate) struct Scene {
    side: Side,
    raw: Raw,
    _hole: Hole,
}

/// What is done, and how many lines of the log tell of it.
struct Event {
    name: &'static str,
    lines: usize,
    run: fn(&Scene) -> Result<()>,
}

/// Events that each end sessions.
pub(crate) struct Group {
    /// The name of the test.
    pub(crate) name: &'static str,
    events: &'static [Event],
}

const fn event(name: &'static str, run: fn(&Scene) -> Result<()>) -> Event {
    Event { name, lines: 1, run }
}

/// Does the same with both programs and compares what they log.
pub(crate) fn compare(group: &Group) -> Result<()> {
    let told = |program| told(group, program).with_context(|| format!("with {program:?}"));
    let (haproxy, own) = thread::scope(|scope| {
        let haproxy = scope.spawn(|| told(Program::Haproxy));
        let own = told(Program::Lbx);
        (haproxy.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), own)
    });
    let (haproxy, own) = (haproxy?, own?);
    let differ: Vec<_> = haproxy.iter().zip(&own).filter(|(a, b)| a != b).collect();
    ensure!(differ.is_empty() && haproxy.len() == own.len(), "HAProxy's and ours: {differ:#?}");
    Ok(())
}

fn told(group: &Group, program: Program) -> Result<Vec<String>> {
    let (raw, hole) = (Raw::start()?, Hole::dig()?);
    let dead = format!("127.0.0.1:{}", ports::free());
    let side = Side::start_with(CONFIG, program, |setup| {
        Ok(setup.set("raw", raw.address).set("hole", hole.address()).set("dead", dead))
    })?;
    let scene = Scene { side, raw, _hole: hole };
    let mut all = Vec::new();
    for event in group.events {
        let before = scene.lines().len();
        (event.run)(&scene).with_context(|| format!("{}: {:?}", event.name, scene.lines()))?;
        scene.wait_lines(event.name, before + event.lines)?;
        let mut told: Vec<_> = scene.lines().iter().skip(before).map(|line| essence(line)).collect();
        told.sort();
        all.extend(told.iter().map(|line| format!("{}: {line}", event.name)));
    }
    Ok(all)
}

impl Scene {
    /// Lines that tell of sessions.
    fn lines(&self) -> Vec<String> {
        self.side.log.lines().into_iter().filter(|line| line.contains(" 127.0.0.1:")).collect()
    }

    fn wait_lines(&self, what: &str, count: usize) -> Result<()> {
        wait::until(what, wait::SOON, || self.lines().len() >= count)
            .with_context(|| format!("{:?}", self.lines()))
    }

    fn connect(&self, port: &str) -> Result<TcpStream> {
        client::connect(From::default(), self.side.daemon.address(port))
    }

    /// Sends a request, and waits until the server has it.
    fn ask(&self, port: &str, request: &str) -> Result<TcpStream> {
        let (mut stream, before) = (self.connect(port)?, self.raw.requests());
        stream.write_all(request.as_bytes())?;
        wait::until("the request at the server", wait::SOON, || self.raw.requests() > before)?;
        Ok(stream)
    }

    /// Sends something, and reads to the end.
    fn exchange(&self, port: &str, bytes: &str) -> Result<()> {
        let mut stream = self.connect(port)?;
        stream.write_all(bytes.as_bytes())?;
        to_end(&mut stream);
        Ok(())
    }

    /// Connects, and reads to the end, which may come before the client knows that it is connected.
    fn wait_close(&self, port: &str) -> Result<()> {
        if let Ok(mut stream) = self.connect(port) {
            to_end(&mut stream);
        }
        Ok(())
    }

    /// Sends something, and closes.
    fn leave(&self, port: &str, bytes: &str) -> Result<()> {
        self.connect(port)?.write_all(bytes.as_bytes())?;
        Ok(())
    }

    fn get(&self, path: &str) -> Result<()> {
        self.exchange("web", &get(path, ""))
    }
}

fn get(path: &str, header: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{header}\r\n")
}

/// Reads until the end, whichever it is.
fn to_end(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Reads the beginning of an answer.
fn beginning(stream: &mut TcpStream) -> Result<()> {
    ensure!(stream.read(&mut [0; 1024])? > 0, "nothing was answered");
    Ok(())
}

/// Of a line, what does not depend on the moment: proxies, which timers there are, status and code. Pages of errors
/// have a length of their own, and of endless bodies there is more or less.
fn essence(line: &str) -> String {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"127\.0\.0\.1:\d+ \[[^\]]+\] (\S+) (\S+) ([-+\d/]+) (?:(-1|\d{3}) )?\+?\d+ (?:- - )?(\S{2,4}) \d";
        Regex::new(pattern).expect("a pattern")
    });
    let Some(found) = LINE.captures(line) else { return line.to_owned() };
    let part = |n| found.get(n).map_or("", |part| part.as_str());
    let timers: Vec<_> = part(3).split('/').map(|timer| if timer == "-1" { "-1" } else { "T" }).collect();
    format!("{} {} {} {} {}", part(1), part(2), timers.join("/"), part(4), part(5))
}

pub(crate) const GROUPS: &[Group] = &[
    Group {
        name: "ends::requests",
        events: &[
            event("in order", |s| s.get("/")),
            event("denied", |s| s.get("/deny")),
            event("answered", |s| s.get("/return")),
            event("redirected", |s| s.get("/redirect")),
            event("rejected", |s| s.get("/reject")),
            event("tarpitted", |s| s.get("/tarpit")),
            event("nothing", |s| s.leave("web", "")),
            event("half a head, closed", |s| s.leave("web", "GET / HTT")),
            event("half a head, reset", |s| {
                let mut stream = s.connect("web")?;
                stream.write_all(b"GET / HTT")?;
                reset(stream)
            }),
            event("half a head, silent", |s| s.exchange("web", "GET / HTT")),
            event("a bad head", |s| s.exchange("web", "GET / HTTP/1.1\r\nbad header\r\n\r\n")),
            event("half a body that is waited for, silent", |s| {
                s.exchange("web", "POST /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab")
            }),
        ],
    },
    Group {
        name: "ends::servers",
        events: &[
            event("silent", |s| s.get("/silent")),
            event("reset", |s| s.get("/reset")),
            event("half a body, closed", |s| s.get("/half")),
            event("half a body, silent", |s| s.get("/half/silent")),
            event("half a head, closed", |s| s.get("/head/half")),
            event("half a head, silent", |s| s.get("/head/silent")),
            event("a bad head", |s| s.get("/head/wrong")),
            event("no head", |s| s.get("/head/none")),
            event("refuses", |s| s.get("/dead")),
            event("none", |s| s.get("/none")),
            event("does not accept", |s| s.get("/hole")),
        ],
    },
    Group {
        name: "ends::clients",
        events: &[
            event("reset in a body", |s| {
                let mut stream = s.ask("web", &get("/endless", ""))?;
                beginning(&mut stream)?;
                reset(stream)
            }),
            event("reads no more", |s| {
                let before = s.lines().len();
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                socket.set_recv_buffer_size(4096)?;
                socket.connect(&s.side.daemon.address("web").into())?;
                let mut stream = TcpStream::from(socket);
                stream.write_all(get("/endless", "").as_bytes())?;
                s.wait_lines("the end of a session that is not read", before + 1)
            }),
            event("reset in its own body", |s| {
                let request = "POST /silent HTTP/1.1\r\nhost: a\r\nx-slow: 1\r\ncontent-length: 9\r\n\r\nab";
                reset(s.ask("web", request)?)
            }),
        ],
    },
    Group {
        name: "ends::cookies",
        events: &[
            event("valid", |s| s.exchange("web", &get("/", "x-cookie: 1\r\ncookie: SRV=a\r\n"))),
            event("of a server that is down", |s| {
                s.exchange("web", &get("/", "x-cookie: 1\r\ncookie: SRV=b\r\n"))
            }),
            event("unknown", |s| s.exchange("web", &get("/", "x-cookie: 1\r\ncookie: SRV=x\r\n"))),
            event("none", |s| s.exchange("web", &get("/", "x-cookie: 1\r\n"))),
        ],
    },
    Group {
        name: "ends::in_a_queue",
        events: &[
            Event {
                name: "of HTTP",
                lines: 2,
                run: |s| {
                    let mut first = s.ask("web", &get("/held", "x-slow: 1\r\n"))?;
                    s.exchange("web", &get("/", "x-slow: 1\r\n"))?;
                    s.raw.release();
                    to_end(&mut first);
                    Ok(())
                },
            },
            Event {
                name: "of TCP",
                lines: 2,
                run: |s| {
                    s.raw.hold();
                    let mut first = s.ask("tcpfull", &get("/held", ""))?;
                    to_end(&mut s.connect("tcpfull")?);
                    s.raw.release();
                    to_end(&mut first);
                    Ok(())
                },
            },
        ],
    },
    Group {
        name: "ends::ended",
        events: &[
            event("by an operator", |s| {
                let mut stream = s.ask("web", &get("/half/silent", "x-slow: 1\r\n"))?;
                beginning(&mut stream)?;
                s.side.daemon.cli("shutdown sessions server slow/s1")?;
                to_end(&mut stream);
                Ok(())
            }),
            event("since the server went down", |s| {
                let mut stream = s.ask("web", &get("/half/silent", "x-down: 1\r\n"))?;
                beginning(&mut stream)?;
                s.side.daemon.cli("set server down/s1 state maint")?;
                to_end(&mut stream);
                Ok(())
            }),
            event("since no backup is needed", |s| {
                let mut stream = s.ask("web", &get("/half/silent", "x-backup: 1\r\n"))?;
                beginning(&mut stream)?;
                s.side.daemon.cli("set server backup/s1 state ready; set server backup/s1 health up")?;
                to_end(&mut stream);
                Ok(())
            }),
            event("by an operator, TCP", |s| {
                let mut stream = s.ask("tcp", &get("/silent", ""))?;
                s.side.daemon.cli("shutdown sessions server tcp/s1")?;
                to_end(&mut stream);
                Ok(())
            }),
        ],
    },
    Group {
        name: "ends::tcp",
        events: &[
            event("in order", |s| s.exchange("tcp", &get("/", ""))),
            event("a silent client", |s| s.wait_close("tcpquick")),
            event("a silent server", |s| s.exchange("tcpslow", &get("/silent", ""))),
            event("reset by the client", |s| reset(s.ask("tcp", &get("/silent", ""))?)),
            event("reset by the server", |s| {
                let mut stream = s.ask("tcp", &get("/half/reset", ""))?;
                beginning(&mut stream)?;
                s.raw.release();
                to_end(&mut stream);
                Ok(())
            }),
            event("refused", |s| s.wait_close("tcpdead")),
            event("not accepted", |s| s.wait_close("tcphole")),
            event("no server", |s| s.wait_close("tcpnone")),
            event("rejected", |s| s.exchange("tcpreject", "x")),
            event("reset while it is inspected", |s| reset(s.connect("tcpreject")?)),
        ],
    },
];
