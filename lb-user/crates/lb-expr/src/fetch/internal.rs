//! Fetches that need nothing but their arguments, the process and its clock.

use std::fmt::Write;

use crate::args::{ArgError, ArgKind, Args, need, opt};
use crate::ctx::Ctx;
use crate::pattern::hex;
use crate::place::Source::{Constant, Internal};
use crate::sample::Sample;
use crate::sample::SampleType::{Any, Bin, Bool, Ipv4, Ipv6, Method, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(&["always_false"], Bool, Constant, "false", |_| Some(Sample::Bool(false))),
    FetchRow::plain(&["always_true"], Bool, Constant, "true", |_| Some(Sample::Bool(true))),
    FetchRow::with(
        &["bin"],
        &[need("hex", ArgKind::Str)],
        Bin,
        Constant,
        "the bytes of these hexadecimal digits",
        bin,
    )
    .example("bin(48656c6c6f)"),
    FetchRow::with(&["bool"], &[need("bool", ArgKind::Str)], Bool, Constant, "true or false", bool)
        .example("bool(true)"),
    FetchRow::with(
        &["date"],
        &[opt("offset", ArgKind::Int), opt("unit", ArgKind::Word(UNITS))],
        Sint,
        Constant,
        "the time since 1970 plus an offset, in seconds or the given unit",
        date,
    )
    .example("date(3600)"),
    FetchRow::plain(&["date_us"], Sint, Constant, "the microseconds of the current second", |ctx| {
        Some(Sample::Int(ctx.now.subsec_micros().into()))
    }),
    FetchRow::with(
        &["env"],
        &[need("name", ArgKind::Str)],
        Str,
        Constant,
        "an environment variable, as it was at the start",
        env,
    )
    .example("env(HOSTNAME)"),
    FetchRow::with(&["hostname"], &[], Str, Constant, "the host's name", hostname),
    FetchRow::with(&["int"], &[need("integer", ArgKind::Int)], Sint, Constant, "an integer", |args| {
        Ok(fetch_with(args.int(0, 0), |n, _| Some(Sample::Int(*n))))
    })
    .example("int(42)"),
    FetchRow::with(&["ipv4"], &[need("ipv4", ArgKind::Ipv4)], Ipv4, Constant, "an IPv4 address", |args| {
        Ok(fetch_with(args.ipv4(0), |ip, _| ip.map(Sample::Ipv4)))
    })
    .example("ipv4(192.0.2.1)"),
    FetchRow::with(&["ipv6"], &[need("ipv6", ArgKind::Ipv6)], Ipv6, Constant, "an IPv6 address", |args| {
        Ok(fetch_with(args.ipv6(0), |ip, _| ip.map(Sample::Ipv6)))
    })
    .example("ipv6(2001:db8::1)"),
    FetchRow::with(&["meth"], &[need("method", ArgKind::Str)], Method, Constant, "an HTTP method", |args| {
        Ok(fetch_with(Box::<str>::from(args.str(0)), |name, _| Some(Sample::Method((&**name).into()))))
    })
    .example("meth(GET)"),
    FetchRow::plain(&["nbproc"], Sint, Constant, "1: the daemon is one process", |_| Some(Sample::Int(1))),
    FetchRow::plain(&["proc"], Sint, Constant, "1: the daemon is one process", |_| Some(Sample::Int(1))),
    FetchRow::with(
        &["rand"],
        &[opt("range", ArgKind::Int)],
        Sint,
        Constant,
        "a random integer from 0 to one below the range, which is 2^32 by default",
        rand,
    )
    .example("rand(100)"),
    FetchRow::plain(&["stopping"], Bool, Internal, "whether the daemon is on its way out", |ctx| {
        Some(Sample::Bool(ctx.world.stopping()))
    }),
    FetchRow::with(&["str"], &[need("string", ArgKind::Str)], Str, Constant, "a text", |args| {
        Ok(fetch_with(Box::<str>::from(args.str(0)), |text, _| Some(Sample::str(&**text))))
    })
    .example("str(hello)"),
    FetchRow::plain(&["thread"], Sint, Constant, "the number of the worker that evaluates, from 0", |ctx| {
        Some(Sample::Int(ctx.world.thread().into()))
    }),
    FetchRow::with(
        &["uuid"],
        &[opt("version", ArgKind::Int)],
        Str,
        Constant,
        "a random UUID (version 4)",
        uuid,
    ),
    FetchRow::with(
        &["var"],
        &[need("name", ArgKind::Var), opt("default", ArgKind::Str)],
        Any,
        Constant,
        "what a variable holds, or a text where it holds nothing",
        var,
    )
    .example("var(txn.name)"),
    FetchRow::plain(&["wait_end"], Bool, Internal, "true once content inspection is over", wait_end),
];

const UNITS: &[&str] = &["s", "ms", "us"];

fn bin(args: &mut Args<'_>) -> Built {
    let bytes = hex(args.str(0)).map_err(|e| ArgError::new(0, e))?;
    Ok(fetch_with(bytes, |bytes, _| Some(Sample::bin(bytes.as_slice()))))
}

fn bool(args: &mut Args<'_>) -> Built {
    let value = match args.str(0).to_ascii_lowercase().as_str() {
        "true" | "1" => true,
        "false" | "0" => false,
        _ => return Err(ArgError::new(0, "true, false, 1 or 0 is expected")),
    };
    Ok(fetch_with(value, |value, _| Some(Sample::Bool(*value))))
}

fn date(args: &mut Args<'_>) -> Built {
    let unit: fn(&Ctx<'_>) -> u128 = match args.str(1) {
        "ms" => |ctx| ctx.now.as_millis(),
        "us" => |ctx| ctx.now.as_micros(),
        _ => |ctx| ctx.now.as_secs().into(),
    };
    Ok(fetch_with((args.int(0, 0), unit), |(offset, unit), ctx| {
        let now = i64::try_from(unit(ctx)).ok()?;
        Some(Sample::Int(now.saturating_add(*offset)))
    }))
}

fn env(args: &mut Args<'_>) -> Built {
    let value = args.resolver.env(args.str(0));
    Ok(fetch_with(value, |value, _| value.as_deref().map(Sample::str)))
}

fn hostname(args: &mut Args<'_>) -> Built {
    let name = args.resolver.hostname().to_owned();
    Ok(fetch_with(name, |name, _| Some(Sample::str(name.as_str()))))
}

fn rand(args: &mut Args<'_>) -> Built {
    // As in haproxy the range is one of 32 bits, and an empty one gives 0.
    let range = args.opt_int(0).map_or(1 << 32, |range| i64::from(range as u32)) as u64;
    Ok(fetch_with(range, |range, ctx| {
        let random = ctx.world.random() >> 32;
        i64::try_from((random * range) >> 32).ok().map(Sample::Int)
    }))
}

fn uuid(args: &mut Args<'_>) -> Built {
    if args.int(0, 4) != 4 {
        return Err(ArgError::new(0, "only UUIDs of version 4 are made"));
    }
    Ok(fetch_with((), |(), ctx| {
        let random = u128::from(ctx.world.random()) << 64 | u128::from(ctx.world.random());
        // RFC 4122: four bits of version, two of variant.
        let n = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut text = String::with_capacity(36);
        let (a, b, c) = (n >> 96, n >> 80 & 0xffff, n >> 64 & 0xffff);
        // Writing to a string cannot fail.
        _ = write!(text, "{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", n >> 48 & 0xffff, n & 0xffff_ffff_ffff);
        Some(Sample::str(text))
    }))
}

fn var(args: &mut Args<'_>) -> Built {
    let id = args.var(0).ok_or_else(|| ArgError::new(0, "a variable is expected"))?;
    let default = args.opt_str(1).map(str::to_owned);
    Ok(fetch_with((id, default), |(id, default), ctx| match ctx.vars.get(*id) {
        Some(value) => Some(value.sample()),
        None => default.as_deref().map(Sample::str),
    }))
}

fn wait_end<'a>(ctx: &Ctx<'a>) -> Option<Sample<'a>> {
    if ctx.may_wait {
        ctx.wait_for_more();
        return None;
    }
    Some(Sample::Bool(true))
}
