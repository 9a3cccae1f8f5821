//! Words of the configuration and of the command line, by what they do.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lbx_tests::client::{From, Http, get};
use lbx_tests::daemon::{Ended, Program, Setup, command};
use lbx_tests::origin::Origin;
use lbx_tests::wait;

use crate::lbx;

/// A configuration that is fine.
const FINE: &str = "defaults\n timeout client 1s\nfrontend f\n bind 127.0.0.1:1\n";

fn run(config: &str, arguments: &[&str]) -> Result<Ended> {
    let setup = Setup::new(Program::Lbx, config)?;
    arguments.iter().fold(setup, |setup, argument| setup.argument(argument)).run_to_end()
}

/// Exit statuses and listings are HAProxy's.
pub(crate) fn command_line() -> Result<()> {
    let warned = "frontend f\n bind 127.0.0.1:1\n";
    let rows: &[(&str, &[&str], i32, &str)] = &[
        (FINE, &["-c"], 0, "Configuration file is valid"),
        (FINE, &["-c", "-q"], 0, ""),
        ("nonsense\n", &["-c", "-q"], 1, ""),
        (FINE, &["-c", "--format", "json"], 0, "{\"valid\":true,\"warnings\":false,\"listens\":true}\n"),
        (FINE, &["-c", "-dF"], 1, "-dF came after HAProxy 2.6"),
        (FINE, &["-cc", "1 # 1"], 2, "in the condition"),
        (FINE, &["-cc", "feature(LINUX_SPLICE)"], 0, ""),
        (warned, &["-c"], 0, "Warnings were found."),
        (warned, &["-c", "-dW"], 1, "timeout client"),
        ("global\n zero-warning\nfrontend f\n bind 127.0.0.1:1\n", &["-c"], 1, "timeout client"),
        ("global\n", &["-c"], 2, "will not start"),
        (FINE, &["-Ws", "-c", "-S", "/run/master.sock"], 0, "is valid"),
        (FINE, &["-c", "-de", "-dM"], 0, "-de has no effect"),
        (FINE, &["-c", "-Z"], 1, "-Z"),
        (FINE, &["-cc", "version_atleast(2.6)"], 0, ""),
        (FINE, &["-cc", "feature(LUA)"], 1, ""),
        (FINE, &["-cc", "strstr(\"$PATH\",/)"], 0, ""),
        (FINE, &["-cc", "-1"], 0, ""),
        (FINE, &["-cc", "nonsense(1)"], 2, "in the condition"),
        (FINE, &["-vv"], 0, "lbx version"),
        (FINE, &["-c", "-dKcfg"], 0, "\tmaxconn <number>"),
        (FINE, &["-c", "-dKsmp"], 0, "] path: str"),
        (FINE, &["-c", "-dKnonsense"], 1, "-dKhelp"),
        (FINE, &["-c", "-dL"], 0, "libc.so"),
        ("frontend f\n bind 127.0.0.1:1\n log $HAPROXY_LOCALPEER\n", &["-c", "-L", "me"], 1, ""),
    ];
    for (config, arguments, status, text) in rows {
        let ended = run(config, arguments)?;
        ensure!(ended.status.code() == Some(*status), "{arguments:?}: {ended:?}");
        ensure!(ended.output.contains(text), "{arguments:?}: {text:?} in {ended:?}");
    }
    Ok(())
}

/// With JSON asked for, each line of both outputs is JSON, the planes of the proxies among them; with `-q`, there is none.
pub(crate) fn forms() -> Result<()> {
    let planes = format!("global\n xdp-interface lo\n{FINE} nonsense on\n");
    let good = planes.replace(" nonsense on\n", "");
    for (config, text) in [(&good, "\"proxy\":\"f\",\"plane\":\"user space\""), (&planes, "unknown-word")] {
        let ended = run(config, &["-c", "--format", "json"])?;
        ensure!(ended.output.contains(text), "{ended:?}");
        for line in ended.output.lines() {
            let value: serde_json::Value = serde_json::from_str(line)?;
            ensure!(value.is_object(), "{line}");
        }
        let ended = run(config, &["-c", "-q"])?;
        ensure!(ended.output.is_empty(), "{ended:?}");
    }
    Ok(())
}

/// Debian's own configuration, as its package installs it.
pub(crate) fn debian() -> Result<()> {
    let stock = fs::read_to_string("/etc/haproxy/haproxy.cfg").context("/etc/haproxy/haproxy.cfg")?;
    let ended = run(&stock, &["-c", "-dW"])?;
    // Its only listener is the stats socket.
    ensure!(ended.status.success() && !ended.output.contains("warning"), "{ended:?}");
    Ok(())
}

/// One object a line, for editors.
pub(crate) fn json() -> Result<()> {
    let config = "global\n    noepoll\n    maxcon 5\nfrontend f\n    bind 127.0.0.1:1\n";
    let ended = run(config, &["-c", "--format", "json"])?;
    ensure!(ended.status.code() == Some(1), "{ended:?}");
    let lines: Vec<serde_json::Value> =
        ended.output.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(ended.output)?;
    let found: Vec<_> = lines.iter().map(|l| (l["severity"].as_str(), l["code"].as_str())).collect();
    let expected = [("notice", "no-effect"), ("alert", "unknown-word"), ("warning", "missing-timeout")]
        .map(|(s, c)| (Some(s), Some(c)));
    ensure!(found == expected, "{found:?}");
    ensure!(lines.iter().all(|l| l["line"].is_u64() || l["span"]["line"].is_u64()), "{lines:?}");
    Ok(())
}

/// Passwords of every kind, and groups.
pub(crate) fn userlists() -> Result<()> {
    let config = "
userlist users
    group admins users root
    user root password $6$rounds=1000$abc$MqEcPZUYRGGcOeq7PhMpfjfu/F0HrVEI0OlZBijWvO8mSG77iNUDP5MqFceKpJTBc8iITVtNyLiNTRNCxv6oh0
    user guest insecure-password secret
frontend web
    mode http
    bind 127.0.0.1:{web}
    http-request auth realm Here unless { http_auth(users) }
    http-request return status 200 content-type text/plain string admin if { http_auth_group(users) admins }
    http-request return status 200 content-type text/plain string guest
";
    let daemon = lbx(config)?.port("web").start()?;
    // Of root:secret, guest:secret and guest:wrong.
    let rows = [
        ("cm9vdDpzZWNyZXQ=", 200, "admin"),
        ("Z3Vlc3Q6c2VjcmV0", 200, "guest"),
        ("Z3Vlc3Q6d3Jvbmc=", 401, ""),
    ];
    for (credentials, status, text) in rows {
        let header = format!("Authorization: Basic {credentials}\r\n");
        let answer = Http::connect(daemon.address("web"))?.request("GET", "/", &header, b"")?;
        ensure!(answer.status == status, "{credentials}: {}", answer.status);
        ensure!(status != 200 || answer.text() == text, "{credentials}: {}", answer.text());
    }
    let unknown = get(From::default(), daemon.address("web"), "/")?;
    ensure!(unknown.status == 401 && unknown.headers.get("www-authenticate") == Some("Basic realm=\"Here\""));
    Ok(())
}

/// A name server whose one name has this address, or none.
struct NameServer {
    socket: UdpSocket,
    there: Arc<AtomicBool>,
}

impl NameServer {
    /// Answers until the test ends.
    fn serve(self) {
        let mut question = [0; 512];
        while let Ok((len, from)) = self.socket.recv_from(&mut question) {
            let Some(end) = question[12..len].iter().position(|b| *b == 0).map(|at| 12 + at + 5) else {
                continue;
            };
            let v4 = question[end - 3] == 1;
            let there = self.there.load(Ordering::Relaxed);
            let mut answer = question[..2].to_vec();
            answer.extend([
                0x81,
                if there { 0x80 } else { 0x83 },
                0,
                1,
                0,
                u8::from(there && v4),
                0,
                0,
                0,
                0,
            ]);
            answer.extend(&question[12..end]);
            if there && v4 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]);
            }
            if self.socket.send_to(&answer, from).is_err() {
                return;
            }
        }
    }
}

/// A server follows its name: no address, one, none again.
pub(crate) fn resolvers() -> Result<()> {
    let origin = Origin::http("found")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let (dns, there) = (socket.local_addr()?, Arc::new(AtomicBool::new(false)));
    let server = NameServer { socket, there: Arc::clone(&there) };
    std::thread::spawn(|| server.serve());
    let config = "
resolvers dns
    nameserver one {dns}
    timeout resolve 100ms
    hold nx 200ms
listen web
    mode http
    bind 127.0.0.1:{web}
    server-template s 1-2 app.example:{origin} resolvers dns resolve-prefer ipv4 init-addr none
";
    let daemon = lbx(config)?.set("dns", dns).set("origin", origin.address().port()).port("web").start()?;
    let web = daemon.address("web");
    ensure!(get(From::default(), web, "/")?.status == 503, "there is no address yet");
    there.store(true, Ordering::Relaxed);
    let limit = Duration::from_secs(20);
    let status =
        |wanted: u16| move || get(From::default(), web, "/").is_ok_and(|answer| answer.status == wanted);
    wait::until("the address", limit, status(200))?;
    // The other server of the template must not have the same one.
    let states = daemon.cli("show servers state")?;
    ensure!(states.contains(" s1 127.0.0.1 ") && states.contains(" s2 0.0.0.0 0 32 "), "{states}");
    let shown = daemon.cli("show resolvers dns")?;
    ensure!(shown.contains("nameserver one:") && !shown.contains("valid:       0"), "{shown}");
    there.store(false, Ordering::Relaxed);
    wait::until("the end of the address", limit, status(503))
}

/// Variables that the configuration sets, sizes of messages, and sockets of the file system.
pub(crate) fn global_words() -> Result<()> {
    let config = "
global
    set-var proc.n int(5),add(2)
    set-var-fmt proc.text \"n is %[var(proc.n)]\"
    unix-bind prefix {dir}/ mode 600
    tune.bufsize 32768
    tune.http.maxhdr 10
    ulimit-n 2000
frontend web
    mode http
    bind 127.0.0.1:{web}
    bind unix@socket
    http-request return status 200 content-type text/plain lf-string %[var(proc.text)]
";
    let daemon = lbx(config)?.port("web").start()?;
    let web = daemon.address("web");
    ensure!(get(From::default(), web, "/")?.text() == "n is 7");
    let send =
        |headers: &str| Ok::<_, anyhow::Error>(Http::connect(web)?.request("GET", "/", headers, b"")?.status);
    ensure!(send(&format!("X: {}\r\n", "x".repeat(25_000)))? == 200, "a head of 25 kB in a buffer of 32");
    ensure!(send(&format!("X: {}\r\n", "x".repeat(33_000)))? >= 400, "a head that is longer than a buffer");
    ensure!(send(&"X: y\r\n".repeat(12))? >= 400, "more fields than may be");
    let socket = daemon.home().dir().join("socket");
    ensure!(fs::metadata(&socket)?.permissions().mode() & 0o777 == 0o600);
    // (2000 - 128) / 2
    ensure!(daemon.cli("show info")?.contains("Maxconn: 936\n"), "{}", daemon.cli("show info")?);
    Ok(())
}

/// The socket of HAProxy's master.
pub(crate) fn master_socket() -> Result<()> {
    let setup = lbx("frontend web\n mode http\n bind 127.0.0.1:{web}\n http-request return status 200\n")?;
    let socket = setup.dir().join("master");
    let daemon = setup.port("web").argument("-W").argument("-S").argument(&path(&socket)).start()?;
    let shown = command(&socket, "@master show proc")?;
    ensure!(shown.contains(&daemon.pid().to_string()) && shown.contains("master"), "{shown}");
    ensure!(command(&socket, "@1 show version")?.contains('.'));
    ensure!(command(&socket, "reload")?.contains("Success=1"));
    Ok(())
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Connections in a second, of the process, of a frontend, and at a time of an address.
pub(crate) fn limits() -> Result<()> {
    for (global, front, bind) in [("maxconnrate 5", "", ""), ("", "rate-limit sessions 5", "")] {
        let config = format!(
            "global\n {global}\nfrontend web\n mode http\n {front}\n bind 127.0.0.1:{{web}} {bind}\n http-request return status 200\n"
        );
        let daemon = lbx(&config)?.port("web").start()?;
        let start = Instant::now();
        for _ in 0..12 {
            ensure!(get(From::default(), daemon.address("web"), "/")?.status == 200);
        }
        ensure!(start.elapsed() > Duration::from_secs(1), "{global}{front}: {:?}", start.elapsed());
    }
    let config =
        "frontend web\n mode http\n bind 127.0.0.1:{web} maxconn 1\n http-request return status 200\n";
    let daemon = lbx(config)?.port("web").start()?;
    let mut first = Http::connect(daemon.address("web"))?;
    ensure!(first.get("/")?.status == 200);
    let mut second = Http::connect(daemon.address("web"))?;
    let waiting = std::thread::spawn(move || second.get("/").map(|answer| answer.status));
    std::thread::sleep(Duration::from_millis(300));
    ensure!(!waiting.is_finished(), "the second connection is served beside the first");
    drop(first);
    ensure!(waiting.join().ok().context("the thread")?? == 200);
    Ok(())
}
