//! Words of the `global` section.

use super::args::invalid;
use super::{Args, Keyword, Sections, bind, log, planned, refused, served, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::GlobalDraft;
use crate::model::{BindAddress, StatsSocket, XdpInterface, XdpMode};

const G: Sections = Sections::GLOBAL;

/// Why words are refused.
const LUA: &str = "there is no Lua: rules and expressions stand for it";
const OPENSSL: &str = "TLS is done by rustls, which has no such thing";
const DEVICES: &str = "device databases are not built in";

/// The rows.
pub(crate) static GLOBAL: &[Keyword<GlobalDraft>] = &[
    served("maxconn", "<number>", G, "concurrent connections of the process", |g, a| {
        g.maxconn = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
        Ok(())
    }),
    served("nbthread", "<number>", G, "worker threads of the user plane", |g, a| {
        g.nbthread = Some(a.number(1..=1024)?);
        Ok(())
    }),
    served(
        "xdp-interface",
        "<name> [native|generic|auto]",
        G,
        "an interface that the kernel plane attaches to",
        |g, a| {
            let name = a.word("the name of an interface")?.text.clone();
            let modes = [("native", XdpMode::Native), ("generic", XdpMode::Generic), ("auto", XdpMode::Auto)];
            let mode = if a.peek().is_some() { a.choice(&modes)? } else { XdpMode::Auto };
            if g.xdp_interfaces.iter().any(|i| i.name == name) {
                let error = Diagnostic::alert(Code::Duplicate, format!("interface '{name}' is named twice"));
                return Err(error.at(a.whole()));
            }
            g.xdp_interfaces.push(XdpInterface { name, mode });
            Ok(())
        },
    ),
    served("xdp-pin-path", "<folder>", G, "where maps and links of the kernel plane are pinned", |g, a| {
        g.xdp_pin_path = Some(a.word("a folder")?.text.clone().into());
        Ok(())
    }),
    served("daemon", "", G, "goes to the background", |g, _| {
        g.daemon = true;
        Ok(())
    }),
    served("pidfile", "<file>", G, "the file that holds the process id", |g, a| {
        g.pidfile = Some(a.word("a file")?.text.clone().into());
        Ok(())
    }),
    served("user", "<name>", G, "the user that the process becomes", |g, a| {
        let id = bind::user(a)?;
        once(&mut g.uid, id, a)
    }),
    served("group", "<name>", G, "the group that the process becomes", |g, a| {
        let id = bind::group(a)?;
        once(&mut g.gid, id, a)
    }),
    served("uid", "<number>", G, "the user that the process becomes, by number", |g, a| {
        let id = a.number(0..=u32::MAX)?;
        once(&mut g.uid, id, a)
    }),
    served("gid", "<number>", G, "the group that the process becomes, by number", |g, a| {
        let id = a.number(0..=u32::MAX)?;
        once(&mut g.gid, id, a)
    }),
    served("chroot", "<folder>", G, "the folder that becomes the root", |g, a| {
        g.chroot = Some(a.word("a folder")?.text.clone().into());
        Ok(())
    }),
    served(
        "log",
        "<address> [len <size>] [format <name>] <facility> [<level> [<least>]]",
        G,
        "where logs go",
        |g: &mut GlobalDraft, a| {
            if a.negated {
                g.logs.clear();
                return Ok(());
            }
            let target = log::target(a)?;
            g.logs.push(target);
            Ok(())
        },
    )
    .negatable(),
    served("log-tag", "<text>", G, "the program's name in logs", |g, a| {
        g.log_tag = Some(a.word("a name")?.text.clone());
        Ok(())
    }),
    served("log-send-hostname", "[<name>]", G, "the host's name in logs", |g, a| {
        g.log_hostname = Some(a.take().map_or_else(|| a.host.hostname(), |w| w.text.clone()));
        Ok(())
    }),
    served("stats socket", "<address> [<setting>…]", G, "where commands are taken", stats_socket),
    served("stats timeout", "<time>", G, "the longest silence of a client of a stats socket", |g, a| {
        g.stats_timeout = Some(a.time()?);
        Ok(())
    }),
    served("stats maxconn", "<number>", G, "concurrent clients of the stats sockets", |g, a| {
        g.stats_maxconn = Some(a.number(1..=u32::MAX)?);
        Ok(())
    }),
    served("hard-stop-after", "<time>", G, "the longest that a stop waits for connections to end", |g, a| {
        g.hard_stop_after = Some(a.time()?);
        Ok(())
    }),
    served("ulimit-n", "<number>", G, "the limit on open files", |g, a| {
        g.ulimit_n = Some(a.number(1..=u32::MAX)?);
        Ok(())
    }),
    served("node", "<name>", G, "this machine's name in statistics", |g, a| {
        let word = a.word("a name")?;
        super::server::check_name(word)?;
        g.node = Some(word.text.clone());
        Ok(())
    }),
    served("description", "<text>…", G, "free text in statistics", |g, a| {
        let words: Vec<_> = a.take_rest().iter().map(|w| w.text.as_str()).collect();
        g.description = Some(words.join(" "));
        Ok(())
    }),
    planned("spread-checks", "<percent>", G, "how much the intervals of checks vary", |g, a| {
        g.spread_checks = a.number(0..=50)?;
        Ok(())
    }),
    served("setenv", "<name> <value>", G, "sets an environment variable", environment_pair),
    served(
        "presetenv",
        "<name> <value>",
        G,
        "sets an environment variable unless it is set",
        environment_pair,
    ),
    served("unsetenv", "[<name>…]", G, "removes environment variables", environment_names),
    served("resetenv", "[<name>…]", G, "removes all other environment variables", environment_names),
    served("tune.ssl.default-dh-param", "<bits>", G, "the size of DH groups; rustls uses none", |_, a| {
        let bits: u32 = a.number(1024..=u32::MAX)?;
        let note =
            Diagnostic::notice(Code::NoEffect, format!("{bits} bits of Diffie-Hellman have no effect"));
        a.note(note.at(a.whole()).label("rustls exchanges keys on elliptic curves and by ML-KEM only"));
        Ok(())
    }),
    unread("key-base", "<folder>", G, "where relative key names begin"),
    unread("cluster-secret", "<text>", G, "the secret of QUIC tokens"),
    unread("close-spread-time", "<time>", G, "over which idle connections are closed when stopping"),
    unread("cpu-map", "<threads> <cpus>", G, "which threads run where"),
    unread("cpu-policy", "<name>", G, "how threads are spread over CPUs"),
    unread("cpu-set", "<setting>…", G, "which CPUs are used"),
    unread("default-path", "current|config|parent|origin <folder>", G, "where relative file names begin"),
    unread("dns-accept-family", "<list>", G, "which addresses of names are used"),
    unread("expose-deprecated-directives", "", G, "takes deprecated words"),
    unread("expose-experimental-directives", "", G, "takes experimental words"),
    unread("external-check", "[preserve-env]", G, "permits checks by programs"),
    unread("fd-hard-limit", "<number>", G, "the most files that are computed with"),
    unread("force-cfg-parser-pause", "<time>", G, "waits while reading the configuration"),
    unread("grace", "<time>", G, "how long a stop waits before it begins"),
    unread("gpc-buffers-limit", "<number>", G, "a limit on buffers"),
    unread("h1-accept-payload-with-any-method", "", G, "lets GET and HEAD have a body"),
    unread("h1-case-adjust", "<from> <to>", G, "the case of a header's name"),
    unread("h1-case-adjust-file", "<file>", G, "the case of headers' names"),
    unread("h1-do-not-close-on-insecure-transfer-encoding", "", G, "keeps doubtful connections"),
    unread("h2-workaround-bogus-websocket-clients", "", G, "does not offer WebSocket over HTTP/2"),
    unread("harden.reject-privileged-ports.tcp", "on|off", G, "refuses clients with privileged ports"),
    unread("harden.reject-privileged-ports.quic", "on|off", G, "the same over QUIC"),
    unread("http-err-codes", "<list>", G, "which statuses count as errors"),
    unread("http-fail-codes", "<list>", G, "which statuses count as failures"),
    unread("httpclient.resolvers.id", "<section>", G, "the HTTP client's name servers"),
    unread("httpclient.resolvers.prefer", "ipv4|ipv6", G, "the HTTP client's address family"),
    unread("httpclient.retries", "<number>", G, "the HTTP client's retries"),
    unread("httpclient.ssl.ca-file", "<file>", G, "the HTTP client's authorities"),
    unread("httpclient.ssl.verify", "none|required", G, "whether the HTTP client verifies"),
    unread("httpclient.timeout.connect", "<time>", G, "the HTTP client's patience"),
    unread("insecure-fork-wanted", "", G, "permits starting programs"),
    unread("insecure-setuid-wanted", "", G, "permits gaining privileges"),
    unread("issuers-chain-path", "<folder>", G, "where chains of certificates are found"),
    unread("limited-quic", "", G, "QUIC without 0-RTT"),
    unread("localpeer", "<name>", G, "this instance's name among the peers"),
    unread("master-worker", "", G, "a master supervises the worker"),
    unread("max-spread-checks", "<time>", G, "the most that first checks are spread over"),
    unread("maxcompcpuusage", "<percent>", G, "CPU use beyond which nothing is compressed"),
    unread("maxcomprate", "<number>", G, "compressed bytes in a second"),
    unread("maxconnrate", "<number>", G, "new connections in a second"),
    unread("maxpipes", "<number>", G, "pipes for splicing"),
    unread("maxsessrate", "<number>", G, "new sessions in a second"),
    unread("maxsslconn", "<number>", G, "concurrent TLS connections"),
    unread("maxsslrate", "<number>", G, "TLS handshakes in a second"),
    unread("maxzlibmem", "<number>", G, "memory for compression"),
    unread("mworker-max-reloads", "<number>", G, "reloads that an old worker survives"),
    unread("nbproc", "<number>", G, "worker processes"),
    unread("no-memory-trimming", "", G, "keeps freed memory"),
    unread("no-quic", "", G, "no QUIC"),
    unread("noepoll", "", G, "no epoll"),
    unread("nogetaddrinfo", "", G, "no getaddrinfo"),
    unread("nopoll", "", G, "no poll"),
    unread("noreuseport", "", G, "no SO_REUSEPORT"),
    unread("nosplice", "", G, "no splicing"),
    unread("numa-cpu-mapping", "", G, "stays on one NUMA node").negatable(),
    unread("ocsp-update.maxdelay", "<time>", G, "between two fetches of an OCSP response"),
    unread("ocsp-update.mindelay", "<time>", G, "between two fetches of an OCSP response"),
    unread("pp2-never-send-local", "", G, "sends no LOCAL headers in checks"),
    unread("prealloc-fd", "", G, "allocates the table of files at once"),
    unread("profiling.memory", "on|off", G, "profiles memory"),
    unread("profiling.tasks", "auto|on|off", G, "profiles tasks"),
    unread("quiet", "", G, "says nothing while starting"),
    unread("server-state-base", "<folder>", G, "where files of server states are"),
    unread("server-state-file", "<file>", G, "the file of server states"),
    unread("set-dumpable", "[on|off|libs]", G, "permits core dumps"),
    unread("set-var", "(<variable>) <expression>", G, "sets a variable of the process"),
    unread("set-var-fmt", "(<variable>) <format>", G, "sets a variable of the process"),
    unread("shm-stats-file", "<file>", G, "a file of counters"),
    unread("stats bind-process", "<set>", G, "which threads serve the stats sockets"),
    unread("stats-file", "<file>", G, "counters to begin with"),
    unread("strict-limits", "", G, "fails if limits cannot be raised").negatable(),
    unread("thread-group", "<group> <threads>", G, "a group of threads"),
    unread("thread-groups", "<number>", G, "how many groups of threads"),
    unread("thread-hard-limit", "<number>", G, "the most threads"),
    unread("unix-bind", "<setting>…", G, "settings of all Unix sockets"),
    unread("warn-blocked-traffic-after", "<time>", G, "when a stuck thread is reported"),
    unread("zero-warning", "", G, "warnings are fatal"),
    unread("tune.applet.zero-copy-forwarding", "on|off", G, "how applets forward"),
    unread("tune.buffers.limit", "<number>", G, "buffers in all"),
    unread("tune.buffers.reserve", "<number>", G, "buffers kept for emergencies"),
    unread("tune.bufsize", "<size>", G, "the size of a buffer"),
    unread("tune.bufsize.small", "<size>", G, "the size of a small buffer"),
    unread("tune.comp.maxlevel", "<number>", G, "the strongest compression"),
    unread("tune.disable-fast-forward", "", G, "no fast forwarding"),
    unread("tune.disable-zero-copy-forwarding", "", G, "no forwarding without copies"),
    unread("tune.epoll.mask-events", "<list>", G, "events that are not asked for"),
    unread("tune.events.max-events-at-once", "<number>", G, "events in one go"),
    unread("tune.fail-alloc", "<number>", G, "fails at allocating, for tests"),
    unread("tune.fd.edge-triggered", "on|off", G, "how files report events"),
    unread("tune.glitches.kill.cpu-usage", "<percent>", G, "CPU use at which odd clients are cut"),
    unread("tune.h1.zero-copy-fwd-recv", "on|off", G, "HTTP/1 without copies"),
    unread("tune.h1.zero-copy-fwd-send", "on|off", G, "HTTP/1 without copies"),
    unread("tune.h2.be.glitches-threshold", "<number>", G, "oddities of an HTTP/2 server"),
    unread("tune.h2.be.initial-window-size", "<number>", G, "HTTP/2 window of servers"),
    unread("tune.h2.be.max-concurrent-streams", "<number>", G, "HTTP/2 streams of servers"),
    unread("tune.h2.be.rxbuf", "<size>", G, "HTTP/2 receive buffers of servers"),
    unread("tune.h2.fe.glitches-threshold", "<number>", G, "oddities of an HTTP/2 client"),
    unread("tune.h2.fe.initial-window-size", "<number>", G, "HTTP/2 window of clients"),
    unread("tune.h2.fe.max-concurrent-streams", "<number>", G, "HTTP/2 streams of clients"),
    unread("tune.h2.fe.max-rst-at-once", "<number>", G, "HTTP/2 resets in one go"),
    unread("tune.h2.fe.max-total-streams", "<number>", G, "HTTP/2 streams of a connection in all"),
    unread("tune.h2.fe.rxbuf", "<size>", G, "HTTP/2 receive buffers of clients"),
    unread("tune.h2.header-table-size", "<number>", G, "HTTP/2 header table"),
    unread("tune.h2.initial-window-size", "<number>", G, "HTTP/2 window"),
    unread("tune.h2.max-concurrent-streams", "<number>", G, "HTTP/2 streams"),
    unread("tune.h2.max-frame-size", "<number>", G, "HTTP/2 frames"),
    unread("tune.h2.zero-copy-fwd-send", "on|off", G, "HTTP/2 without copies"),
    unread("tune.http.cookielen", "<number>", G, "the longest cookie in logs"),
    unread("tune.http.logurilen", "<number>", G, "the longest target in logs"),
    unread("tune.http.maxhdr", "<number>", G, "header fields in a message"),
    unread("tune.idle-pool.shared", "on|off", G, "threads share idle connections"),
    unread("tune.idletimer", "<time>", G, "what counts as idle"),
    unread("tune.listener.default-shards", "<when>", G, "sockets for each address"),
    unread("tune.listener.multi-queue", "<when>", G, "how connections are spread over threads"),
    unread("tune.max-checks-per-thread", "<number>", G, "checks at once"),
    unread("tune.max-rules-at-once", "<number>", G, "rules in one go"),
    unread("tune.maxaccept", "<number>", G, "connections accepted in one go"),
    unread("tune.maxpollevents", "<number>", G, "events in one go"),
    unread("tune.maxrewrite", "<number>", G, "room for rewriting headers"),
    unread("tune.memory.hot-size", "<number>", G, "memory kept by threads"),
    unread("tune.notsent-lowat.client", "<size>", G, "unsent bytes to clients"),
    unread("tune.notsent-lowat.server", "<size>", G, "unsent bytes to servers"),
    unread("tune.pattern.cache-size", "<number>", G, "results of patterns that are kept"),
    unread("tune.peers.max-updates-at-once", "<number>", G, "updates of peers in one go"),
    unread("tune.pipesize", "<size>", G, "the size of pipes for splicing"),
    unread("tune.pool-high-fd-ratio", "<percent>", G, "open files at which idle connections are closed"),
    unread("tune.pool-low-fd-ratio", "<percent>", G, "open files at which none is kept"),
    unread("tune.pt.zero-copy-forwarding", "on|off", G, "TCP without copies"),
    unread("tune.rcvbuf.backend", "<size>", G, "receive buffers of servers"),
    unread("tune.rcvbuf.client", "<size>", G, "receive buffers of clients"),
    unread("tune.rcvbuf.frontend", "<size>", G, "receive buffers of datagrams"),
    unread("tune.rcvbuf.server", "<size>", G, "receive buffers of servers"),
    unread("tune.recv_enough", "<size>", G, "what is enough for one read"),
    unread("tune.ring.queues", "<number>", G, "queues of a ring"),
    unread("tune.runqueue-depth", "<number>", G, "tasks in one go"),
    unread("tune.sched.low-latency", "on|off", G, "latency before throughput"),
    unread("tune.sndbuf.backend", "<size>", G, "send buffers of servers"),
    unread("tune.sndbuf.client", "<size>", G, "send buffers of clients"),
    unread("tune.sndbuf.frontend", "<size>", G, "send buffers of datagrams"),
    unread("tune.sndbuf.server", "<size>", G, "send buffers of servers"),
    unread("tune.stick-counters", "<number>", G, "tracked counters of a connection"),
    unread("tune.takeover-other-tg-connections", "<when>", G, "who may take idle connections"),
    unread("tune.vars.check-max-size", "<size>", G, "memory for variables of checks"),
    unread("tune.vars.global-max-size", "<size>", G, "memory for all variables"),
    unread("tune.vars.proc-max-size", "<size>", G, "memory for variables of the process"),
    unread("tune.vars.reqres-max-size", "<size>", G, "memory for variables of a message"),
    unread("tune.vars.sess-max-size", "<size>", G, "memory for variables of a session"),
    unread("tune.vars.txn-max-size", "<size>", G, "memory for variables of a transaction"),
    unread("tune.zlib.memlevel", "<number>", G, "memory of a compression"),
    unread("tune.zlib.windowsize", "<number>", G, "the window of a compression"),
    refused("51degrees-data-file", "<file>", G, "a device database", DEVICES),
    refused("51degrees-cache-size", "<number>", G, "a device database", DEVICES),
    refused("51degrees-property-name-list", "<name>…", G, "a device database", DEVICES),
    refused("51degrees-property-separator", "<text>", G, "a device database", DEVICES),
    refused("deviceatlas-json-file", "<file>", G, "a device database", DEVICES),
    refused("wurfl-data-file", "<file>", G, "a device database", DEVICES),
    refused("lua-load", "<file>", G, "loads a Lua program", LUA),
    refused("lua-load-per-thread", "<file>", G, "loads a Lua program", LUA),
    refused("lua-prepend-path", "<text>", G, "where Lua programs are found", LUA),
    refused("tune.lua.forced-yield", "<number>", G, "Lua's turns", LUA),
    refused("tune.lua.maxmem", "<number>", G, "Lua's memory", LUA),
    refused("tune.lua.service-timeout", "<time>", G, "Lua's time", LUA),
    refused("tune.lua.session-timeout", "<time>", G, "Lua's time", LUA),
    refused("tune.lua.task-timeout", "<time>", G, "Lua's time", LUA),
    refused("ssl-engine", "<name>", G, "an OpenSSL engine", OPENSSL),
    refused("ssl-mode-async", "", G, "asynchronous OpenSSL", OPENSSL),
    refused("ssl-propquery", "<text>", G, "how OpenSSL chooses algorithms", OPENSSL),
    refused("ssl-provider", "<name>", G, "an OpenSSL provider", OPENSSL),
    refused("ssl-provider-path", "<folder>", G, "where OpenSSL providers are", OPENSSL),
    refused("noevports", "", G, "no event ports", "Linux has none"),
    refused("nokqueue", "", G, "no kqueue", "Linux has none"),
    refused("busy-polling", "", G, "never sleeps", "the kernel plane answers that need"),
];

/// Sets a user or group unless one is set: HAProxy keeps the first one too.
fn once(field: &mut Option<u32>, value: u32, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    if field.is_some() {
        let message = format!("'{}' has no effect: it is set already", args.head().text);
        args.note(Diagnostic::warning(Code::Duplicate, message).at(args.whole()));
    }
    field.get_or_insert(value);
    Ok(())
}

/// `stats socket ADDRESS …`
fn stats_socket(global: &mut GlobalDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("the path of a socket, or an address")?;
    let addresses = bind::addresses(word, args.host)?;
    let settings = bind::settings(args);
    for (address, span) in addresses {
        if matches!(address, BindAddress::Inet(_))
            && (settings.mode.or(settings.uid).or(settings.gid)).is_some()
        {
            return Err(invalid(word, "permissions and owners are for sockets in the file system"));
        }
        let level = settings.level.unwrap_or_default();
        let (mode, uid, gid) = (settings.mode, settings.uid, settings.gid);
        global.stats_sockets.push(StatsSocket { address, level, mode, uid, gid, span });
    }
    Ok(())
}

/// The environment itself was changed when the line was read: the lines behind it saw that.
fn environment_pair(_: &mut GlobalDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    args.word("the name of a variable")?;
    args.take().map(|_| ()).ok_or_else(|| {
        Diagnostic::alert(Code::MissingArgument, format!("'{}' needs a value", args.head().text))
            .at(args.whole())
    })
}

fn environment_names(_: &mut GlobalDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    args.take_rest();
    Ok(())
}
