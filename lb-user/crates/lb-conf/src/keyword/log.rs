//! `log`.

use std::net::{IpAddr, Ipv4Addr};

use super::args::{invalid, one_of};
use super::{Address, Args, HostPart, Ports};
use crate::diag::{Code, Diagnostic};
use crate::draft::{LogDraft, ProxyDraft};
use crate::model::{Facility, LogAddress, LogFraming, LogLevel, LogTarget, Sampling};

/// The port of syslog over UDP.
const SYSLOG: u16 = 514;

/// `log global`, `log ADDRESS …` and `no log` of a proxy.
pub(super) fn proxy_log(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    if args.negated {
        proxy.logs.clear();
        return Ok(());
    }
    let log = if args.take_if("global") { LogDraft::Global } else { LogDraft::Target(target(args)?) };
    if !proxy.logs.contains(&log) {
        proxy.logs.push(log);
    }
    Ok(())
}

/// `ADDRESS [len SIZE] [format NAME] FACILITY [LEVEL [LEAST]]`
pub(super) fn target(args: &mut Args<'_>) -> Result<LogTarget, Diagnostic> {
    let address = address(args)?;
    let (mut max_len, mut format, mut sample) = (1024, LogFraming::Unsaid, None);
    loop {
        if args.take_if("len") {
            max_len = args.number(80..=65_535)?;
        } else if args.take_if("format") {
            format = args.choice(&FORMATS)?;
        } else if args.take_if("sample") {
            sample = Some(sampling(args)?);
        } else if args.peek().is_some_and(|w| w.text == "profile") {
            let word = args.word("a setting")?;
            let message = format!("'{}' of a log is not supported yet by lbx", word.text);
            return Err(Diagnostic::alert(Code::NotServed, message).at(word.span));
        } else {
            break;
        }
    }
    let facility = facility(args)?;
    let level = optional_level(args, LogLevel::Debug)?;
    let min_level = optional_level(args, LogLevel::Emerg)?;
    Ok(LogTarget { address, max_len, format, sample, facility, level, min_level })
}

/// `1,3-5:10`
fn sampling(args: &mut Args<'_>) -> Result<Sampling, Diagnostic> {
    let word = args.word("ranges and a size, such as 1,3-5:10")?;
    let Some((ranges, size)) = word.text.rsplit_once(':') else {
        return Err(invalid(word, "a sample needs a size, as in 1:10"));
    };
    let Some(size) = size.parse::<u32>().ok().filter(|size| *size > 0) else {
        return Err(invalid(word, format!("'{size}' is no size of a sample")));
    };
    let mut found = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(first), Ok(last)) if first > 0 && first <= last && last <= size => found.push((first, last)),
            (Ok(_), Ok(last)) if last > size => {
                return Err(invalid(word, format!("the range '{range}' ends behind the size of the sample")));
            }
            _ => return Err(invalid(word, format!("'{range}' is no range of a sample"))),
        }
    }
    found.sort_unstable();
    if found.windows(2).any(|pair| matches!(pair, [a, b] if b.0 <= a.1)) {
        return Err(invalid(word, "ranges of a sample overlap"));
    }
    Ok(Sampling::new(found, size))
}

/// Names of framings.
pub(crate) const FORMATS: [(&str, LogFraming); 8] = [
    ("local", LogFraming::Local),
    ("rfc3164", LogFraming::Rfc3164),
    ("rfc5424", LogFraming::Rfc5424),
    ("priority", LogFraming::Priority),
    ("short", LogFraming::Short),
    ("timed", LogFraming::Timed),
    ("iso", LogFraming::Iso),
    ("raw", LogFraming::Raw),
];

fn address(args: &mut Args<'_>) -> Result<LogAddress, Diagnostic> {
    let word = args.word("an address, 'stdout', 'stderr' or the path of a socket")?;
    match word.as_ref() {
        "stdout" => return Ok(LogAddress::Fd(1)),
        "stderr" => return Ok(LogAddress::Fd(2)),
        ring if ring.starts_with("ring@") => {
            return Ok(LogAddress::Ring(ring.trim_start_matches("ring@").into()));
        }
        _ => {}
    }
    let address = Address::parse(word, word.span)?;
    let ip = match address.host {
        HostPart::Unix(path) => return Ok(LogAddress::Unix(path)),
        HostPart::Fd(fd) => return Ok(LogAddress::Fd(fd)),
        HostPart::Any => IpAddr::V4(Ipv4Addr::LOCALHOST),
        HostPart::Ip(ip) => ip,
        HostPart::Name(name) => super::bind::resolve(&name, word.span, args.host)?,
    };
    let port = match address.ports {
        Ports::None => SYSLOG,
        Ports::Range(first, last) if first == last && first > 0 => first,
        _ => return Err(invalid(word, "a log is sent to one port")),
    };
    Ok(LogAddress::Udp((ip, port).into()))
}

fn facility(args: &mut Args<'_>) -> Result<Facility, Diagnostic> {
    let word = args.word("a facility such as local0")?;
    Facility::from_name(word).ok_or_else(|| {
        let error = invalid(word, format!("unknown log facility '{}'", word.text));
        error.label("expected a facility such as local0 or daemon").nearest(word, Facility::NAMES)
    })
}

fn optional_level(args: &mut Args<'_>, default: LogLevel) -> Result<LogLevel, Diagnostic> {
    let Some(word) = args.take() else { return Ok(default) };
    let found = LogLevel::ALL.iter().find(|(name, _)| *name == word.text).map(|(_, level)| *level);
    found.ok_or_else(|| {
        let names = LogLevel::ALL.map(|(name, _)| name);
        let error = invalid(word, format!("unknown log level '{}'", word.text));
        error.label(format!("expected {}", one_of(&names))).nearest(word, names)
    })
}
