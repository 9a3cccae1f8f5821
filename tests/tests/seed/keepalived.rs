//! "Keepalived HA for HAProxy Itself": Debian's keepalived with the article's configuration in two network namespaces.
//!
//! Each node also has a process namespace of its own: `killall -0` must not see the other one's balancer.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From, Http};
use lbx_tests::daemon::Program;
use lbx_tests::netns::{Netns, veth};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Tool};
use lbx_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// The script runs every two seconds; then VRRP waits for three announcements that are a second apart, and the standby's
/// priority adds 0.6 s. The rest is for a machine that is busy.
const AFTER_DEATH: Duration = Duration::from_secs(10);

/// A node that leaves says so; the standby waits for its 0.6 s.
const AFTER_LEAVE: Duration = Duration::from_secs(2);

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, program, called| Case::new(name, NEEDS, move || failover(program, called));
    vec![
        case("keepalived::by_the_name_of_haproxy", Program::Lbx, "haproxy"),
        case("keepalived::by_its_own_name", Program::Lbx, "lbx"),
        case("keepalived::haproxy_moves_alike", Program::Haproxy, "haproxy"),
    ]
}

/// A node of the pair.
struct Node {
    name: &'static str,
    netns: Netns,
    dir: PathBuf,
    /// What the balancer's process is called.
    called: &'static str,
    /// `unshare`, whose child is keepalived.
    tool: Tool,
}

const BALANCER: &str = "
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 5s
frontend web
    bind 10.10.10.1:80
    http-request return status 200 content-type text/plain string {name}
";

impl Node {
    fn start(
        dir: &Path,
        name: &'static str,
        netns: Netns,
        program: Program,
        called: &'static str,
    ) -> Result<Self> {
        let dir = dir.join(name);
        fs::create_dir(&dir)?;
        symlink(program.path()?, dir.join(called))?;
        fs::write(dir.join("balancer.cfg"), BALANCER.replace("{name}", name))?;
        let config = CONFIG.replace("killall -0 haproxy", &format!("killall -0 {called}"));
        let config = match name {
            "standby" => {
                config.replace("state             MASTER", "state             BACKUP").replace("110", "100")
            }
            _ => config,
        };
        fs::write(dir.join("keepalived.conf"), config)?;
        let script = format!(
            "mount -t tmpfs none /run && {{ {} & }} && exec keepalived -n -l -f keepalived.conf",
            balancer(called)
        );
        let mut command = netns.command("unshare");
        command.args(["--pid", "--fork", "--mount", "--kill-child", "--mount-proc", "sh", "-c", &script]);
        let tool = Tool::start(command.current_dir(&dir))?;
        Ok(Self { name, netns, dir, called, tool })
    }

    /// The process of keepalived, which is number 1 of its namespace.
    fn keepalived(&self) -> Result<String> {
        let pid = self.tool.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        Ok(children.split_whitespace().next().context("no child")?.to_owned())
    }

    fn inside(&self, line: &str) -> Result<String> {
        let mut command = self.netns.command("nsenter");
        command.args(["--target", &self.keepalived()?, "--pid", "--mount", "sh", "-c", line]);
        tool::run(command.current_dir(&self.dir), wait::SOON)
    }

    fn kill_balancer(&self) -> Result<()> {
        self.inside(&format!("killall -KILL {}", self.called)).map(drop)
    }

    fn start_balancer(&self) -> Result<()> {
        let line = format!("cd {} && {{ {} & }}", self.dir.display(), balancer(self.called));
        self.inside(&line).map(drop)
    }

    fn leave(&self) -> Result<()> {
        let pid = Pid::from_raw(self.keepalived()?.parse()?);
        kill(pid, Signal::SIGTERM).context("kill(keepalived)")
    }
}

/// The command that runs the balancer, on no terminal and with nothing that waits for its output.
fn balancer(called: &str) -> String {
    format!("./{called} -db -f balancer.cfg > balancer.log 2>&1 < /dev/null")
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

fn failover(program: Program, called: &'static str) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let switch = Netns::new("switch")?;
    switch.ip("link add br0 type bridge mcast_snooping 0")?;
    switch.ip("link set br0 up")?;
    let client = attach(&switch, "client", 9)?;
    let master = Node::start(dir.path(), "master", attach(&switch, "master", 2)?, program, called)?;
    let standby = Node::start(dir.path(), "standby", attach(&switch, "standby", 3)?, program, called)?;
    let said = |error: anyhow::Error| {
        error.context(format!("master: {}\nstandby: {}", master.tool.output(), standby.tool.output()))
    };
    moves(&client, &master, Duration::from_secs(30)).map_err(said)?;
    let mut open = Http::connect_from(From::netns(&client), SERVICE)?;
    ensure!(open.get("/")?.text() == master.name);
    master.kill_balancer()?;
    moves(&client, &standby, AFTER_DEATH).map_err(said)?;
    ensure!(open.get("/").is_err(), "a connection outlives its balancer");
    master.start_balancer()?;
    moves(&client, &master, AFTER_DEATH).map_err(said)?;
    master.leave()?;
    moves(&client, &standby, AFTER_LEAVE).map_err(said)
}

/// Waits until clients that connect are served by this node.
fn moves(client: &Netns, to: &Node, limit: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        let answer = client::get_within(From::netns(client), SERVICE, "/", Duration::from_millis(300));
        if answer.is_ok_and(|answer| answer.text() == to.name) {
            return Ok(());
        }
        ensure!(began.elapsed() < limit, "the {} does not serve after {limit:?}", to.name);
        thread::sleep(Duration::from_millis(20));
    }
}
