//! "HAProxy Architecture and Base Configuration".

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use lbx_tests::client::{self, From, Http};
use lbx_tests::daemon::{Home, Program, Setup};
use lbx_tests::netns::Netns;
use lbx_tests::oracle::{self, Side};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::{ports, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Group, Pid, User};

use crate::https::{COMPARED, curl, exchange};
use crate::sample::{self, ERROR_PAGE, HAPROXY, compared, start, template};

pub(crate) const BASE: &str = include_str!("../../../config/seed/base.cfg");

/// What a daemon needs that becomes the article's user.
const DAEMON: &[Need] = &[Need::Program("haproxy"), Need::Root];

/// The same on ports of its own.
const PORTS: &[Need] = &[Need::Program("haproxy"), Need::Root, Need::Namespaces, Need::Program("ip")];

pub(crate) fn cases() -> Vec<Case> {
    let secure = |name, traffic: fn(&mut Side) -> Result<()>| {
        Case::new(name, COMPARED, move || oracle::compare_sides(|program| start(BASE, program), traffic))
    };
    vec![
        compared("base::port_80_redirects_to_https", BASE, redirects),
        compared("base::bare_connections_are_not_logged", BASE, bare_connections),
        secure("base::requests_reach_the_servers", requests),
        secure("base::connections_of_clients_are_kept", keep_alive),
        Case::new("base::dead_servers_are_retried_and_answered_for", COMPARED, || {
            oracle::compare_sides(|program| start(&unchecked(), program), dead_servers)
        }),
        Case::new("base::redispatch_costs_no_client_an_error", COMPARED, || {
            let file = unchecked().replace("retries     3\n", "retries     3\n    option      redispatch\n");
            oracle::compare_sides(|program| start(&file, program), redispatch)
        }),
        Case::new("base::process", DAEMON, process),
        Case::new("base::ports_are_bound_before_privileges_are_given_up", PORTS, privileged_ports),
        Case::new("base::overhead_below_a_millisecond", HAPROXY, overhead),
        Case::new("base::what_has_no_effect_is_said", &[], diagnostics),
    ]
}

/// The file with checks that come too late to find out what requests are to find out.
fn unchecked() -> String {
    BASE.replace("inter 3s", "inter 1h")
}

/// The answer to each request on port 80, header by header.
fn redirects(side: &mut Side) -> Result<()> {
    let mut http = side.connect("p80")?;
    for request in [
        "GET / HTTP/1.1\r\nhost: solvethenetwork.com\r\n\r\n",
        "GET /a/path?with=query&more HTTP/1.1\r\nhost: solvethenetwork.com\r\n\r\n",
        "HEAD /head HTTP/1.1\r\nhost: solvethenetwork.com\r\n\r\n",
        "POST /form HTTP/1.1\r\nhost: solvethenetwork.com\r\ncontent-length: 3\r\n\r\na=b",
    ] {
        if request.starts_with("POST") {
            http = side.connect("p80")?;
        }
        http.send(request.as_bytes())?;
        let response = side.response(&mut http, request)?;
        ensure!(response.status == 302, "{}", response.line);
    }
    let response = side.exchange("p80", "GET /x?y HTTP/1.1\r\nhost: solvethenetwork.com:80\r\n\r\n")?;
    let location = response.headers.get("location");
    ensure!(location == Some("https://solvethenetwork.com:80/x?y"), "{location:?}");
    Ok(())
}

/// `option dontlognull`: who connects and says nothing leaves no line.
fn bare_connections(side: &mut Side) -> Result<()> {
    for _ in 0..3 {
        drop(client::connect(From::default(), side.daemon.address("p80"))?);
    }
    side.exchange("p80", "GET /only HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let lines = side.log.settled()?;
    let sessions: Vec<_> = lines.iter().filter(|line| line.contains("http_in")).collect();
    ensure!(sessions.iter().all(|line| line.contains("/only") || line.contains("started")), "{sessions:?}");
    Ok(())
}

/// Round robin over three servers, each of which learns the client's address and is asked to close.
fn requests(side: &mut Side) -> Result<()> {
    for path in ["/", "/bytes/10", "/bytes/100", "/status/404", "/x?y=z"] {
        exchange(side, path, &[])?;
    }
    exchange(side, "/echo", &["-d", "some data"])?;
    exchange(side, "/forwarded", &["-H", "x-forwarded-for: 192.0.2.1"])?;
    let requests: Vec<_> = side.origins.values().flat_map(|origin| origin.requests()).collect();
    ensure!(requests.len() == 7);
    for request in requests {
        let headers = &request.headers;
        ensure!(headers.all("x-forwarded-for").last() == Some(&"127.0.0.1"), "{headers:?}");
        ensure!(headers.get("connection") == Some("close"), "{headers:?}");
    }
    Ok(())
}

/// `option http-server-close`: one connection of the client, one of the server's for each request.
fn keep_alive(side: &mut Side) -> Result<()> {
    let port = side.daemon.address("p443").port();
    let second = format!("https://{}:{port}/second", sample::SITE);
    let said = curl(side, "/first", &["--http1.1", "-A", "test", "-w", " %{num_connects}\n", &second])?;
    ensure!(said.lines().map(|line| line.chars().last()).eq([Some('1'), Some('0')]), "{said}");
    let connections: u64 = side.origins.values().map(|origin| origin.connections()).sum();
    ensure!(connections >= 2, "{connections}");
    side.note(said);
    Ok(())
}

/// Servers that have just died cost three more tries each, a second apart; then there is none, which takes no time. The
/// page is the file's, its start line included.
fn dead_servers(side: &mut Side) -> Result<()> {
    side.origins.values().for_each(|origin| origin.die());
    page(side, "/retried")?;
    for server in ["web01", "web02", "web03"] {
        side.daemon.cli(&format!("set server web_servers/{server} health down"))?;
    }
    page(side, "/none")?;
    let line = side.log.wait_for("/retried")?;
    ensure!(line.contains(" SC-- ") && line.contains("/3 0/0 "), "{line}");
    // Three seconds lie between four tries. What is beyond them is load.
    let times = times(&line)?;
    ensure!(times.connected == -1 && (3000..10_000).contains(&times.total), "{times:?}: {line}");
    let line = side.log.wait_for("/none")?;
    ensure!(line.contains("web_servers/<NOSRV> ") && line.contains(" SC-- "), "{line}");
    side.only_log("GET /");
    Ok(())
}

/// Two of the durations of a log line, in milliseconds; -1 for what never happened.
#[derive(Debug)]
struct Times {
    connected: i64,
    total: i64,
}

fn times(line: &str) -> Result<Times> {
    let five = |word: &&str| word.split('/').count() == 5 && word.contains("/-1/");
    let word = line.split(' ').find(five).with_context(|| line.to_owned())?;
    let times = word.trim_start_matches('+').split('/').map(str::parse).collect::<Result<Vec<i64>, _>>()?;
    match times[..] {
        [_, _, connected, _, total] => Ok(Times { connected, total }),
        _ => bail!("no times in {line}"),
    }
}

/// Requests what is answered with the file. What it says of its length and of the connection is left to the programs:
/// HAProxy says nothing, this one says what is so.
fn page(side: &Side, path: &str) -> Result<()> {
    let found = curl(side, path, &["-i", "--http1.1", "-A", "test"])?;
    let about_connection =
        |line: &&str| !line.starts_with("content-length:") && !line.starts_with("connection:");
    let lines =
        |text: &str| text.split("\r\n").filter(about_connection).map(str::to_owned).collect::<Vec<_>>();
    ensure!(lines(&found) == lines(ERROR_PAGE), "{found:?}");
    Ok(())
}

/// "Sub-millisecond overhead": what a request takes longer through the balancer than without it. Load only adds to a
/// request's time, so the fastest of many tells; they are tried until it is fast enough.
fn overhead() -> Result<()> {
    let file = BASE.replace("    http-request redirect scheme https unless { ssl_fc }\n", "");
    for program in [Program::Haproxy, Program::Lbx] {
        let side = start(&file, program)?;
        let mut direct = Http::connect(side.origins.get("s1").context("s1")?.address())?;
        let mut balanced = side.connect("p80")?;
        let (mut with, mut without, mut requests) = (Duration::MAX, Duration::MAX, 0);
        let below = wait::until("an overhead below a millisecond", Duration::from_secs(60), || {
            without = without.min(duration(&mut direct));
            with = with.min(duration(&mut balanced));
            requests += 1;
            requests >= ENOUGH && with.saturating_sub(without) < Duration::from_millis(1)
        });
        below.with_context(|| format!("{program:?}: {with:?}, directly {without:?}"))?;
    }
    Ok(())
}

/// Requests of which the fastest is as fast as can be.
const ENOUGH: u32 = 200;

/// How long a request takes on a connection that is there.
fn duration(http: &mut Http) -> Duration {
    let begun = Instant::now();
    match http.get("/") {
        Ok(_) => begun.elapsed(),
        Err(_) => Duration::MAX,
    }
}

/// A server that dies is left out by those who find it dead, before the checks do.
fn redispatch(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.origins.get("s2").context("s2")?.die();
    for number in 0..4 {
        let status = curl(side, &format!("/{number}"), &["-w", "%{http_code}"])?;
        ensure!(status == "s1200" || status == "s3200", "{status}");
    }
    Ok(())
}

/// The process as the configuration wants it, and what it leaves where.
#[derive(Debug, PartialEq)]
struct Facts {
    /// Real, effective, saved and that of the file system.
    users: [u32; 4],
    groups: [u32; 4],
    /// Beyond that group.
    more_groups: Vec<u32>,
    root: bool,
    socket_mode: u32,
    maxconn: String,
    answer: String,
}

fn process() -> Result<()> {
    let (expected, actual) = (facts(Program::Haproxy)?, facts(Program::Lbx)?);
    ensure!(expected == actual, "{expected:?}\n{actual:?}");
    let maxconn = format!("Maxconn: {}", sample::connections());
    ensure!(actual.root && actual.socket_mode == 0o660 && actual.maxconn == maxconn, "{actual:?}");
    let (user, group) = (User::from_name("haproxy")?, Group::from_name("haproxy")?);
    ensure!(actual.users == [user.context("a user")?.uid.as_raw(); 4], "{actual:?}");
    let group = group.context("a group")?.gid.as_raw();
    ensure!(actual.groups == [group; 4] && actual.more_groups.is_empty(), "{actual:?}");
    Ok(())
}

/// Ports that only root may bind, by a process that is none when it serves.
fn privileged_ports() -> Result<()> {
    let netns = Netns::new("host")?;
    netns.sysctl("net.ipv4.ip_unprivileged_port_start", "1024")?;
    for program in [Program::Haproxy, Program::Lbx] {
        let setup = Setup::new(program, &template(BASE))?.netns(&netns).may_go_to_background();
        let setup = setup.set("p80", 80).set("p443", 443).set("log", "127.0.0.1:9");
        let setup = ["s1", "s2", "s3"].iter().fold(setup, |s, name| s.set(name, "127.0.0.1:1"));
        let setup = sample::files(setup)?;
        let home = setup.folders();
        let facts = in_background(setup, |pid| observe(pid, &home, From::netns(&netns), WEB))?;
        ensure!(facts.answer == "HTTP/1.1 302 Found" && !facts.users.contains(&0), "{program:?}: {facts:?}");
    }
    Ok(())
}

/// The article's first address, but for the host.
const WEB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

/// Starts a program as the article has it, in the background.
fn facts(program: Program) -> Result<Facts> {
    let setup = Setup::new(program, &template(BASE))?.may_go_to_background().set("log", "127.0.0.1:9");
    let setup =
        ["s1", "s2", "s3"].iter().fold(setup, |s, name| s.set(name, format!("127.0.0.1:{}", ports::free())));
    let setup = sample::files(setup)?.port("p80").port("p443");
    let (home, web) = (setup.folders(), setup.address("p80"));
    in_background(setup, |pid| observe(pid, &home, From::default(), web))
        .with_context(|| format!("{program:?}"))
}

/// Starts a program that goes to the background, looks at its process, and ends it.
fn in_background(setup: Setup<'_>, look: impl FnOnce(i32) -> Result<Facts>) -> Result<Facts> {
    let home = setup.folders();
    let ended = setup.run_to_end()?;
    ensure!(ended.status.success(), "{ended:?}");
    let pid: i32 = fs::read_to_string(home.dir().join("pid"))?.trim().parse().context("the pid file")?;
    let facts = look(pid);
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    wait::until("the daemon to end", wait::SOON, || kill(Pid::from_raw(pid), None).is_err())?;
    facts
}

/// A line of a process's status as numbers.
fn ids(status: &str, line: &str) -> Result<Vec<u32>> {
    let ids = status.lines().find_map(|found| found.strip_prefix(line)).context("a line")?;
    Ok(ids.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn four(status: &str, line: &str) -> Result<[u32; 4]> {
    ids(status, line)?.try_into().map_err(|ids| anyhow!("{line} {ids:?}"))
}

/// `CAP_NET_BIND_SERVICE`, `CAP_NET_ADMIN` and `CAP_NET_RAW` (capabilities(7)).
const KEPT: u64 = 1 << 10 | 1 << 12 | 1 << 13;

fn observe(pid: i32, home: &Home, from: From<'_>, web: SocketAddr) -> Result<Facts> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    // What it may do beyond its user. This program keeps what a reload needs that adds addresses.
    let allowed = status.lines().find_map(|line| line.strip_prefix("CapEff:")).context("CapEff")?;
    let allowed = u64::from_str_radix(allowed.trim(), 16)?;
    ensure!(allowed & !KEPT == 0, "{allowed:x}");
    let groups = four(&status, "Gid:")?;
    let info = lbx_tests::daemon::command(&home.dir().join("sock"), "show info")?;
    let mut http = Http::connect_from(from, web)?;
    Ok(Facts {
        users: four(&status, "Uid:")?,
        groups,
        more_groups: ids(&status, "Groups:")?.into_iter().filter(|id| !groups.contains(id)).collect(),
        root: fs::read_link(format!("/proc/{pid}/root"))? == home.dir().join("root"),
        socket_mode: fs::metadata(home.dir().join("sock"))?.permissions().mode() & 0o777,
        maxconn: info.lines().find(|line| line.starts_with("Maxconn:")).unwrap_or_default().to_owned(),
        answer: http.get("/")?.line,
    })
}

fn diagnostics() -> Result<()> {
    let setup = Setup::new(Program::Lbx, &template(BASE))?.set("log", "127.0.0.1:9").argument("-c");
    let setup = ["s1", "s2", "s3", "p80", "p443"].iter().fold(setup, |s, name| s.set(name, "127.0.0.1:80"));
    let ended = sample::files(setup)?.run_to_end()?;
    ensure!(ended.output.contains("2048 bits of Diffie-Hellman have no effect"), "{}", ended.output);
    Ok(())
}
