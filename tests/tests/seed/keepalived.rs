//! "Keepalived HA for HAProxy Itself": Debian's keepalived with the article's configuration in two network namespaces.
//!
//! Each node also has a process namespace of its own: `killall -0` must not see the other one's balancer.
//!
//! How long a move takes is Keepalived's arithmetic, in which load can only add: of a few moves the fastest counts.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lbx_tests::client::{self, From, Http};
use lbx_tests::daemon::Program;
use lbx_tests::netns::{Netns, veth};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Tool};
use lbx_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::base::BASE;
use crate::sample;

const CONFIG: &str = include_str!("../../../config/seed/keepalived.conf");

const NEEDS: &[Need] = &[
    Need::Root,
    Need::Namespaces,
    Need::Program("ip"),
    Need::Program("haproxy"),
    Need::Program("keepalived"),
    Need::Program("killall"),
    Need::Program("unshare"),
    Need::Program("nsenter"),
];

/// What the article calls the service address.
const SERVICE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 10, 10, 1)), 80);

/// `interval 2`: a death is noticed by the next run of the script, of which one that fails is enough (`fall` is 1).
const INTERVAL: Duration = Duration::from_secs(2);

/// What the standby, whose priority is 100, waits for after the master's last announcement that it accepts: three of
/// `advert_int 1`, and (256 - 100) / 256 of a second (RFC 5798, 6.1: Master_Down_Interval).
const MASTER_DOWN: Duration = Duration::from_millis(3000 + 156 * 1000 / 256);

/// How exactly a move is seen, and what a machine may add that does other things.
const SLACK: Duration = Duration::from_millis(1400);

/// After the death of the balancer alone.
const AFTER_DEATH: Duration = INTERVAL.saturating_add(MASTER_DOWN).saturating_add(SLACK);

/// A node that leaves says so; the standby waits for its 0.6 s. This is what the article promises.
const AFTER_LEAVE: Duration = Duration::from_secs(2);

/// How many moves are tried for one that takes no longer than it should.
const TRIES: usize = 4;

/// When it is clear that an address will not move.
const NEVER: Duration = Duration::from_secs(30);

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, balancers: &'static [Balancer]| {
        Case::new(name, NEEDS, move || together(balancers)).within(Duration::from_secs(400))
    };
    vec![
        case("keepalived::by_the_name_of_haproxy", const { &[Balancer::plain("haproxy")] }),
        case("keepalived::by_its_own_name", const { &[Balancer::plain("lbx")] }),
        case(
            "keepalived::the_articles_daemon_as_with_haproxy",
            const { &[Balancer::daemon(Program::Haproxy), Balancer::daemon(Program::Lbx)] },
        ),
    ]
}

/// What the nodes of a pair run.
#[derive(Clone, Copy, Debug)]
struct Balancer {
    program: Program,
    /// What its process is called.
    called: &'static str,
    /// Whether it is started as the article has it: in the background, in another root, as another user.
    daemon: bool,
}

/// A configuration that tells which node answers.
const PLAIN: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 5s
frontend web
    bind 10.10.10.1:80
    http-request return status 200 content-type text/plain string {name}
";

impl Balancer {
    const fn plain(called: &'static str) -> Self {
        Self { program: Program::Lbx, called, daemon: false }
    }

    const fn daemon(program: Program) -> Self {
        Self { program, called: "haproxy", daemon: true }
    }

    fn config(self, dir: &Path, node: &str) -> String {
        let text = match self.daemon {
            false => PLAIN.to_owned(),
            true => sample::places(BASE).replace(REDIRECT, &format!("{ANSWER}{REDIRECT}")),
        };
        text.replace("{name}", node).replace("{dir}", &dir.display().to_string())
    }

    /// The command that runs it, on no terminal and with nothing that waits for its output.
    fn run(self) -> String {
        let foreground = if self.daemon { "" } else { "-db" };
        format!("{{ ./{} {foreground} -f balancer.cfg > balancer.log 2>&1 < /dev/null & }}", self.called)
    }

    /// The command that kills it: of the daemon only the process that its file names.
    fn kill(self) -> String {
        match self.daemon {
            false => format!("killall -KILL {}", self.called),
            true => "kill -KILL $(cat pid)".to_owned(),
        }
    }
}

/// The line of the article's configuration that answers on port 80, and what is put before it.
const REDIRECT: &str = "    http-request redirect scheme https unless { ssl_fc }\n";
const ANSWER: &str = "    http-request return status 200 content-type text/plain string {name}\n";

/// A node of the pair.
struct Node {
    name: &'static str,
    netns: Netns,
    dir: PathBuf,
    balancer: Balancer,
    /// `unshare`, whose child is keepalived.
    tool: Tool,
}

impl Node {
    fn start(dir: &Path, name: &'static str, netns: Netns, balancer: Balancer) -> Result<Self> {
        let dir = dir.join(name);
        fs::create_dir(&dir)?;
        sample::write_files(&dir)?;
        symlink(balancer.program.path()?, dir.join(balancer.called))?;
        fs::write(dir.join("balancer.cfg"), balancer.config(&dir, name))?;
        let config = CONFIG.replace("killall -0 haproxy", &format!("killall -0 {}", balancer.called));
        let config = match name {
            "standby" => {
                config.replace("state             MASTER", "state             BACKUP").replace("110", "100")
            }
            _ => config,
        };
        fs::write(dir.join("keepalived.conf"), config)?;
        let tool = keepalived(&netns, &dir, balancer)?;
        Ok(Self { name, netns, dir, balancer, tool })
    }

    /// The process of keepalived, which is number 1 of its namespace.
    fn keepalived(&self) -> Result<String> {
        let pid = self.tool.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        Ok(children.split_whitespace().next().context("no child")?.to_owned())
    }

    fn inside(&self, line: &str) -> Result<String> {
        let mut command = self.netns.command("nsenter");
        let line = format!("cd {} && {line}", self.dir.display());
        command.args(["--target", &self.keepalived()?, "--pid", "--mount", "sh", "-c", &line]);
        tool::run(&mut command, wait::SOON)
    }

    fn leave(&mut self) -> Result<()> {
        let pid = Pid::from_raw(self.keepalived()?.parse()?);
        kill(pid, Signal::SIGTERM).context("kill(keepalived)")
    }

    fn come_back(&mut self) -> Result<()> {
        self.tool.wait_end(wait::SOON)?;
        self.tool = keepalived(&self.netns, &self.dir, self.balancer)?;
        Ok(())
    }

    fn said(&self) -> String {
        let balancer = fs::read_to_string(self.dir.join("balancer.log")).unwrap_or_default();
        format!("{}: {}\n{balancer}", self.name, self.tool.output())
    }
}

/// Starts a balancer, and keepalived, in a process namespace of their own.
fn keepalived(netns: &Netns, dir: &Path, balancer: Balancer) -> Result<Tool> {
    let script =
        format!("mount -t tmpfs none /run && {} && exec keepalived -n -l -f keepalived.conf", balancer.run());
    let mut command = netns.command("unshare");
    command.args(["--pid", "--fork", "--mount", "--kill-child", "--mount-proc", "sh", "-c", &script]);
    Tool::start(command.current_dir(dir))
}

/// Joins a namespace with the switch.
fn attach(switch: &Netns, name: &str, last: u8) -> Result<Netns> {
    let netns = Netns::new(name)?;
    let port = format!("to-{name}");
    veth(&netns, "eth0", switch, &port)?;
    switch.ip(&format!("link set {port} master br0"))?;
    netns.address("eth0", &format!("10.10.10.{last}/24"))?;
    // The standby's balancer listens on an address that it does not have yet.
    netns.sysctl("net.ipv4.ip_nonlocal_bind", "1")?;
    Ok(netns)
}

/// A pair and its client.
struct Pair {
    client: Netns,
    master: Node,
    standby: Node,
    _switch: Netns,
}

impl Pair {
    fn start(dir: &Path, balancer: Balancer) -> Result<Self> {
        let switch = Netns::new("switch")?;
        switch.ip("link add br0 type bridge mcast_snooping 0")?;
        switch.ip("link set br0 up")?;
        let client = attach(&switch, "client", 9)?;
        let master = Node::start(dir, "master", attach(&switch, "master", 2)?, balancer)?;
        let standby = Node::start(dir, "standby", attach(&switch, "standby", 3)?, balancer)?;
        Ok(Self { client, master, standby, _switch: switch })
    }

    /// The death of the master's balancer: how long clients have none, and that their connections end.
    fn death(&mut self) -> Result<Duration> {
        moves(&self.client, &self.master)?;
        let mut open = Http::connect_from(From::netns(&self.client), SERVICE)?;
        ensure!(open.get("/")?.text() == self.master.name);
        self.master.inside(&self.master.balancer.kill())?;
        let moved = moves(&self.client, &self.standby)?;
        ensure!(open.get("/").is_err(), "a connection outlives its balancer");
        self.master.inside(&self.master.balancer.run())?;
        Ok(moved)
    }

    /// The end of the master's keepalived, which says good-bye.
    fn farewell(&mut self) -> Result<Duration> {
        moves(&self.client, &self.master)?;
        self.master.leave()?;
        let moved = moves(&self.client, &self.standby)?;
        self.master.come_back()?;
        Ok(moved)
    }
}

/// Tries each of the balancers at the same time.
fn together(balancers: &[Balancer]) -> Result<()> {
    thread::scope(|scope| {
        let pairs: Vec<_> = balancers.iter().map(|balancer| scope.spawn(|| failover(*balancer))).collect();
        pairs.into_iter().try_for_each(|pair| pair.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
    })
}

fn failover(balancer: Balancer) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut pair = Pair::start(dir.path(), balancer)?;
    let tried = fastest(AFTER_DEATH, || pair.death()).context("deaths");
    let tried = tried.and_then(|()| fastest(AFTER_LEAVE, || pair.farewell()).context("farewells"));
    tried.with_context(|| format!("{balancer:?}\n{}{}", pair.master.said(), pair.standby.said()))
}

/// Tries a few times for one that takes no longer than `limit`.
fn fastest(limit: Duration, mut attempt: impl FnMut() -> Result<Duration>) -> Result<()> {
    let mut took = Vec::new();
    while took.len() < TRIES {
        took.push(attempt()?);
        if took.last() <= Some(&limit) {
            return Ok(());
        }
    }
    bail!("took {took:?} where {limit:?} should do")
}

/// Waits until clients that connect are served by this node, and says how long that took.
fn moves(client: &Netns, to: &Node) -> Result<Duration> {
    let began = Instant::now();
    loop {
        let answer = client::get_within(From::netns(client), SERVICE, "/", Duration::from_millis(300));
        if answer.is_ok_and(|answer| answer.text() == to.name) {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < NEVER, "the {} does not serve after {NEVER:?}", to.name);
        thread::sleep(Duration::from_millis(20));
    }
}
