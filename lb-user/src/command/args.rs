//! The arguments of the daemon's own commands.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lb_common::counter::Reason;
use lb_conf::model::XdpMode;

/// What the program does beside loading a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The kernel plane: what is attached, what is forwarded.
    #[command(subcommand)]
    Xdp(Xdp),
    /// What would become of a connection, and why: in the kernel, and with --socket or -f in user space.
    Explain(Explain),
    /// Show decisions about packets as they are made.
    Trace(Trace),
    /// On servers: take packets that 'xdp-forward ipip' or 'gue' sends out of their tunnels.
    Decap(Decap),
    /// Look for what usually keeps the kernel plane from working, and say how to mend it.
    Doctor(Doctor),
}

/// `lbx xdp`.
#[derive(Debug, Subcommand)]
pub(crate) enum Xdp {
    /// Interfaces, services, servers, and why packets were treated as they were.
    Status(Look),
    /// Put the program of the pinned maps on interfaces.
    Attach(Attach),
    /// Take the program off interfaces; off all of them if none is named. Connections in the kernel end.
    Detach(Detach),
    /// The connections that the kernel forwards.
    Flows(Flows),
}

/// Where the kernel plane is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// The folder of pins; /sys/fs/bpf/lbx if neither this nor -f says otherwise.
    #[arg(long, value_name = "DIR")]
    pub(crate) pins: Option<PathBuf>,
    /// Take the folder of pins (xdp-pin-path), the interfaces and the runtime socket from this configuration.
    #[arg(short = 'f', value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// How to look, and where.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lbx xdp attach`.
#[derive(Args, Debug)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The interfaces.
    #[arg(required = true, value_name = "INTERFACE")]
    pub(crate) interfaces: Vec<String>,
    /// In the driver, in the stack, or in the driver if it can.
    #[arg(long, value_name = "MODE", default_value = "auto")]
    pub(crate) mode: Mode,
}

/// How to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// In the driver if it can, else in the stack.
    Auto,
    /// In the driver.
    Native,
    /// In the stack.
    Generic,
}

impl From<Mode> for XdpMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::Native => Self::Native,
            Mode::Generic => Self::Generic,
        }
    }
}

/// `lbx xdp detach`.
#[derive(Args, Debug)]
pub(crate) struct Detach {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The interfaces.
    #[arg(value_name = "INTERFACE")]
    pub(crate) interfaces: Vec<String>,
}

/// `lbx xdp flows`.
#[derive(Args, Debug)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Only this client's.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,
    /// Only this frontend's.
    #[arg(long, value_name = "NAME")]
    pub(crate) frontend: Option<String>,
    /// Only this backend's.
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// Only this server's.
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Only those in this state: opening, answered, open, client-done, server-done, closed.
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Print how many there are, by frontend, server and state, and not each of them.
    #[arg(long)]
    pub(crate) count: bool,
    /// Print so many at most.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

/// `lbx decap`.
#[derive(Args, Debug)]
pub(crate) struct Decap {
    /// The interfaces that packets come in by.
    #[arg(long = "interface", required = true, value_name = "INTERFACE")]
    pub(crate) interfaces: Vec<String>,
    /// The addresses of the services that this host serves: it has them itself, on lo for instance.
    #[arg(long = "address", value_name = "ADDRESS", required_unless_present = "detach")]
    pub(crate) addresses: Vec<IpAddr>,
    /// The UDP port of packets that 'xdp-forward gue' sends.
    #[arg(long, value_name = "PORT", default_value_t = 6080, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// In the driver, in the stack, or in the driver if it can.
    #[arg(long, value_name = "MODE", default_value = "auto")]
    pub(crate) mode: Mode,
    /// Take it off these interfaces.
    #[arg(long, conflicts_with = "addresses")]
    pub(crate) detach: bool,
    /// The folder of its pins, which is not the balancer's.
    #[arg(long, value_name = "DIR")]
    pub(crate) pins: Option<PathBuf>,
}

/// `lbx explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) look: Look,
    /// The client: ADDRESS or ADDRESS:PORT.
    #[arg(value_name = "SRC", value_parser = client)]
    pub(crate) client: SocketAddr,
    /// Where it connects to: ADDRESS:PORT.
    #[arg(value_name = "DST")]
    pub(crate) service: SocketAddr,
    /// Ask the daemon, too, over this runtime socket.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

/// The port of a client that none is named of.
const ANY_PORT: u16 = 50_000;

fn client(text: &str) -> Result<SocketAddr, String> {
    let whole = text.parse::<SocketAddr>();
    let alone = |_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, ANY_PORT));
    whole.or_else(alone).map_err(|_| "expected ADDRESS or ADDRESS:PORT".to_owned())
}

/// `lbx trace`.
#[derive(Args, Debug)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Only what belongs to this frontend.
    #[arg(long, value_name = "NAME")]
    pub(crate) frontend: Option<String>,
    /// Only packets with this address on either end.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<IpAddr>,
    /// Only packets with this port on either end.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Only decisions for this reason, by its name in 'lbx xdp status'; may be repeated.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub(crate) reason: Vec<Reason>,
    /// End after so many decisions.
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(crate) count: Option<usize>,
    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
}

fn reason(text: &str) -> Result<Reason, String> {
    let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let found = Reason::ALL.iter().find(|reason| reason.name() == text);
    found.copied().ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// `lbx doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Look at these interfaces, too.
    #[arg(value_name = "INTERFACE")]
    pub(crate) interfaces: Vec<String>,
}
