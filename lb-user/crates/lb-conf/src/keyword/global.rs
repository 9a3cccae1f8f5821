//! Words of the `global` section.

use super::args::invalid;
use super::{Args, Keyword, Sections, bind, log, refused, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::GlobalDraft;
use crate::model::{BindAddress, SocketFile, StatsSocket, XdpInterface, XdpMode};

/// The most that `xdp-flows` may be: 6 GiB of memory for IPv6.
const MAX_FLOWS: u32 = 1 << 24;

const G: Sections = Sections::GLOBAL;

/// Why words are refused.
const LUA: &str = "there is no Lua: rules and expressions stand for it";
const OPENSSL: &str = "TLS is done by rustls, which has no such thing";
const DEVICES: &str = "device databases are not built in";

/// The rows.
pub(crate) static GLOBAL: &[Keyword<GlobalDraft>] = &[
    served("maxconn", "<number>", G, "concurrent connections of the process", |g, a| {
        match a.number(0..=u32::MAX)? {
            0 => Ok(()),
            number => once(&mut g.maxconn, number, a),
        }
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
    served(
        "xdp-flows",
        "<number>",
        G,
        "connections that the kernel plane has room for, of each address family",
        |g, a| {
            g.xdp_flows = Some(a.number(1..=MAX_FLOWS)?);
            Ok(())
        },
    ),
    served(
        "xdp-syn-rate",
        "<number>",
        G,
        "connections of a service that the kernel plane opens in a second without having heard of the client again; \
         beyond them the host answers, with cookies; 0: no limit; an eighth of xdp-flows by default",
        |g, a| {
            g.xdp_syn_rate = Some(a.number(0..=MAX_FLOWS)?);
            Ok(())
        },
    ),
    served("daemon", "", G, "goes to the background", |g, _| {
        g.daemon = true;
        Ok(())
    }),
    served("pidfile", "<file>", G, "the file that holds the process id", |g, a| {
        let file = a.word("a file")?.text.clone().into();
        once(&mut g.pidfile, file, a)
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
        let folder = a.word("a folder")?.text.clone().into();
        once(&mut g.chroot, folder, a)
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
        let name = a.take().map_or_else(|| a.host.hostname(), |w| w.text.clone());
        once(&mut g.log_hostname, name, a)
    }),
    served(
        "unix-bind",
        "[prefix <text>] [mode <octal>] [user <name>] [uid <number>] [group <name>] [gid <number>]",
        G,
        "settings of all sockets in the file system",
        unix_bind,
    ),
    served("stats socket", "<address> [<setting>…]", G, "where commands are taken", stats_socket),
    served("stats timeout", "<time>", G, "the longest silence of a client of a stats socket", |g, a| {
        let time = a.time()?;
        if time.is_zero() {
            return Err(invalid(a.last(), "the time must not be zero"));
        }
        g.stats_timeout = Some(time);
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
        let number = a.number(1..=u32::MAX)?;
        once(&mut g.ulimit_n, number, a)
    }),
    served("node", "<name>", G, "this machine's name in statistics", |g, a| {
        let word = a.word("a name")?;
        super::server::check_name(word)?;
        g.node = Some(word.text.clone());
        Ok(())
    }),
    served("description", "<text>…", G, "free text in statistics", |g, a| {
        if a.peek().is_none() {
            a.word("a text")?;
        }
        let words: Vec<_> = a.take_rest().iter().map(|w| w.text.as_str()).collect();
        g.description = Some(words.join(" "));
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
    served("unsetenv", "<name>…", G, "removes environment variables", |g, a| {
        a.word("the name of a variable")?;
        environment_names(g, a)
    }),
    served("resetenv", "[<name>…]", G, "removes all other environment variables", environment_names),
    served("tune.ssl.default-dh-param", "<bits>", G, "the size of DH groups; rustls uses none", |_, a| {
        let bits: u32 = a.number(1024..=u32::MAX)?;
        let note =
            Diagnostic::notice(Code::NoEffect, format!("{bits} bits of Diffie-Hellman have no effect"));
        a.note(note.at(a.whole()).label("rustls exchanges keys on elliptic curves and by ML-KEM only"));
        Ok(())
    }),
    refused("51degrees-data-file", "<file>", G, "a device database", DEVICES),
    refused("51degrees-cache-size", "<number>", G, "a device database", DEVICES),
    refused("51degrees-property-name-list", "<name>…", G, "a device database", DEVICES),
    refused("51degrees-property-separator", "<text>", G, "a device database", DEVICES),
    refused("deviceatlas-json-file", "<file>", G, "a device database", DEVICES),
    refused("wurfl-data-file", "<file>", G, "a device database", DEVICES),
    refused("lua-load", "<file>", G, "loads a Lua program", LUA),
    refused("lua-load-per-thread", "<file>", G, "loads a Lua program", LUA),
    refused("lua-prepend-path", "<text>", G, "where Lua programs are found", LUA),
    refused("ssl-engine", "<name>", G, "an OpenSSL engine", OPENSSL),
    refused("ssl-mode-async", "", G, "asynchronous OpenSSL", OPENSSL),
    refused("ssl-propquery", "<text>", G, "how OpenSSL chooses algorithms", OPENSSL),
    refused("ssl-provider", "<name>", G, "an OpenSSL provider", OPENSSL),
    refused("ssl-provider-path", "<folder>", G, "where OpenSSL providers are", OPENSSL),
];

/// Sets what is not set yet: of these words HAProxy keeps the first one too.
pub(super) fn once<T>(field: &mut Option<T>, value: T, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    if field.is_some() {
        let message = format!("'{}' has no effect: it is set already", args.head().text);
        args.note(Diagnostic::warning(Code::Duplicate, message).at(args.whole()));
    }
    field.get_or_insert(value);
    Ok(())
}

/// `unix-bind`: later sockets in the file system begin with these settings.
fn unix_bind(global: &mut GlobalDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let words = ["prefix", "mode", "user", "uid", "group", "gid"];
    let words: Vec<_> = words.into_iter().zip(0..).collect();
    while args.peek().is_some() {
        match args.choice(&words)? {
            0 => global.unix.prefix = args.word("the beginning of paths")?.text.clone(),
            1 => global.unix.file.mode = Some(bind::permissions(args)?),
            2 => global.unix.file.uid = Some(bind::user(args)?),
            3 => global.unix.file.uid = Some(args.number(0..=u32::MAX)?),
            4 => global.unix.file.gid = Some(bind::group(args)?),
            _ => global.unix.file.gid = Some(args.number(0..=u32::MAX)?),
        }
    }
    Ok(())
}

/// `stats socket ADDRESS …`
fn stats_socket(global: &mut GlobalDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("the path of a socket, or an address")?;
    let addresses = bind::addresses(word, args.host)?;
    let settings = bind::settings(args);
    for (address, span) in addresses {
        if matches!(address, BindAddress::Inet(_)) && settings.file != SocketFile::default() {
            return Err(invalid(word, "permissions and owners are for sockets in the file system"));
        }
        let (address, file) = global.unix.apply(address, settings.file);
        let level = settings.level.unwrap_or_default();
        global.stats_sockets.push(StatsSocket { address, level, file, span });
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
