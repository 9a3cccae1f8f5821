//! What the run-time core asks of the process that it is part of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_expr::sample::SampleType;

/// The process around the run-time state: what only the daemon knows or can do.
pub trait Host: Send + Sync {
    /// What is known of the process.
    fn process(&self) -> Process;

    /// The sessions of the user plane now, in no order.
    fn sessions(&self) -> Vec<SessionInfo>;

    /// Ends a session; whether there is one of this number.
    fn shutdown_session(&self, id: u64) -> bool;

    /// Reads the configuration again and takes it over.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the running one stays.
    fn reload(&self) -> Result<(), String>;

    /// The `resolvers` sections with what their name servers answered.
    fn resolvers(&self) -> Vec<ResolversInfo> {
        Vec::new()
    }

    /// The variables of the process's environment.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Type and text of a variable of scope `proc`.
    fn variable(&self, _name: &str) -> Option<(SampleType, String)> {
        None
    }

    /// The rings with what they hold.
    fn rings(&self) -> Vec<RingInfo> {
        Vec::new()
    }

    /// The certificates of the configuration that is served. None: this process has nothing to do with TLS.
    fn certificates(&self) -> Option<Arc<dyn Certificates>> {
        None
    }
}

/// A `resolvers` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolversInfo {
    /// Its name.
    pub name: String,
    /// Its name servers.
    pub servers: Vec<NameServerInfo>,
}

/// What a name server was asked and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServerInfo {
    /// Its name.
    pub name: String,
    /// The counters, by the names that `show resolvers` has for them.
    pub counters: Vec<(&'static str, u64)>,
}

/// A ring of log messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingInfo {
    /// Its name.
    pub name: String,
    /// What it is for; empty where nothing says so.
    pub description: String,
    /// The messages, the oldest first.
    pub events: Vec<String>,
}

/// Certificates that commands replace. Files are named as the configuration names them, folders included.
pub trait Certificates: Send + Sync {
    /// All files, in their order, each with whether a replacement waits for its `commit`.
    fn list(&self) -> Vec<(String, bool)>;

    /// Takes a replacement, PEM, for a file; whether it is the first since the last `commit`.
    ///
    /// # Errors
    ///
    /// The file is not known, or the text is of no use.
    fn set(&self, file: &str, pem: &str) -> Result<bool, String>;

    /// Shows the replacement to clients; whether there was one.
    fn commit(&self, file: &str) -> bool;

    /// Forgets the replacement; whether there was one.
    fn abort(&self, file: &str) -> bool;

    /// Sends an OCSP response, DER, with the certificate that it is about.
    ///
    /// # Errors
    ///
    /// Why it is of no use.
    fn set_ocsp_response(&self, der: &[u8]) -> Result<(), String>;
}

/// What is known of the process, for `show info` and the statistics page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The program's version.
    pub version: String,
    /// When that was released, as year/month/day.
    pub release_date: String,
    /// The name of the machine, or what `node` says.
    pub node: String,
    /// What `description` says.
    pub description: Option<String>,
    /// The process id.
    pub pid: u32,
    /// Worker threads.
    pub threads: u32,
    /// Since the start.
    pub uptime: Duration,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// The limit on open files.
    pub open_files: u64,
    /// `maxconn` that is in force.
    pub maxconn: u64,
    /// Bytes of memory in use.
    pub memory: u64,
    /// Whether it is about to end.
    pub stopping: bool,
    /// Hundredths of the time that the workers had nothing to do.
    pub idle: u32,
    /// Tasks that could run now; 0 where that is not counted.
    pub run_queue: u64,
    /// Pipes in use for splicing.
    pub pipes: u64,
    /// Pipes that are kept for the next transfers.
    pub spare_pipes: u64,
    /// Connections over TLS, with clients and with servers.
    pub tls_connections: u64,
    /// Questions that name servers could not be asked.
    pub failed_resolutions: u64,
    /// Questions to the store of TLS sessions, and those that it had no answer to.
    pub tls_lookups: (u64, u64),
    /// Addresses that are listened on.
    pub listeners: u64,
    /// Log lines that could not be sent.
    pub dropped_logs: u64,
}

/// A session of the user plane, for `show sess`.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInfo {
    /// Its number.
    pub id: u64,
    /// `tcpv4`, `tcpv6`, `unix_stream`.
    pub protocol: &'static str,
    /// The client; None: on a Unix socket.
    pub source: Option<SocketAddr>,
    /// The frontend's name.
    pub frontend: String,
    /// The backend's name, once there is one.
    pub backend: Option<String>,
    /// The server's name, once there is one.
    pub server: Option<String>,
    /// Since it began.
    pub age: Duration,
}
