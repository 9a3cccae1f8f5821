//! Casts between sample types: what stands between a converter and the sample that it takes.
//!
//! The matrix is HAProxy's (configuration.txt, section 7.1, and its `sample_casts`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sample::{Data, Sample, SampleType};

/// Whether a sample of one type can become one of another; some values may still fail.
pub(crate) fn possible(from: SampleType, to: SampleType) -> bool {
    use SampleType::*;
    match (from, to) {
        (Any, _) | (_, Any) => true,
        (a, b) if a == b => true,
        (Bool | Sint, Bool | Sint | Str | Bin) => true,
        (Sint, Addr | Ipv4 | Ipv6) => true,
        (Addr | Ipv4, Sint | Addr | Ipv4 | Ipv6 | Str | Bin) => true,
        (Ipv6, Addr | Ipv4 | Str | Bin) => true,
        (Str, _) => true,
        (Bin, Str | Method) => true,
        (Method, Str | Bin) => true,
        _ => false,
    }
}

/// The sample as another type. None where its value has no such form.
#[inline]
pub(crate) fn cast(sample: Sample<'_>, to: SampleType) -> Option<Sample<'_>> {
    match (&sample, to) {
        (_, SampleType::Any)
        | (Sample::Str(_), SampleType::Str)
        | (Sample::Bin(_), SampleType::Bin)
        | (Sample::Int(_), SampleType::Sint)
        | (Sample::Bool(_), SampleType::Bool)
        | (Sample::Ipv4(_), SampleType::Ipv4 | SampleType::Addr)
        | (Sample::Ipv6(_), SampleType::Ipv6 | SampleType::Addr)
        | (Sample::Method(_), SampleType::Method) => Some(sample),
        _ => convert(sample, to),
    }
}

fn convert(sample: Sample<'_>, to: SampleType) -> Option<Sample<'_>> {
    match to {
        SampleType::Any => Some(sample),
        SampleType::Bool => as_int(&sample).map(|n| Sample::Bool(n != 0)),
        SampleType::Sint => as_int(&sample).map(Sample::Int),
        SampleType::Addr => as_addr(&sample).map(Sample::addr),
        SampleType::Ipv4 => as_ipv4(&sample).map(Sample::Ipv4),
        SampleType::Ipv6 => as_ipv6(&sample).map(Sample::Ipv6),
        SampleType::Str => Some(Sample::Str(into_text(sample))),
        SampleType::Bin => Some(Sample::Bin(into_binary(sample))),
        SampleType::Method => match sample {
            Sample::Str(d) | Sample::Bin(d) => Some(Sample::Method(d)),
            _ => None,
        },
    }
}

fn as_int(sample: &Sample<'_>) -> Option<i64> {
    match sample {
        Sample::Bool(b) => Some(i64::from(*b)),
        Sample::Int(i) => Some(*i),
        Sample::Ipv4(a) => Some(i64::from(u32::from(*a))),
        Sample::Str(d) => parse_int_prefix(d.as_bytes()),
        _ => None,
    }
}

fn as_addr(sample: &Sample<'_>) -> Option<IpAddr> {
    match sample {
        Sample::Ipv6(a) => Some(IpAddr::V6(*a)),
        Sample::Str(d) => parse_ip(d.as_bytes()),
        _ => as_ipv4(sample).map(IpAddr::V4),
    }
}

fn as_ipv4(sample: &Sample<'_>) -> Option<Ipv4Addr> {
    match sample {
        Sample::Int(i) => Some(Ipv4Addr::from(*i as u32)),
        Sample::Ipv4(a) => Some(*a),
        Sample::Ipv6(a) => a.to_ipv4_mapped(),
        Sample::Str(d) => parse_ipv4(d.as_bytes()),
        _ => None,
    }
}

fn as_ipv6(sample: &Sample<'_>) -> Option<Ipv6Addr> {
    match sample {
        Sample::Ipv6(a) => Some(*a),
        Sample::Str(d) => std::str::from_utf8(d.as_bytes()).ok()?.parse().ok(),
        _ => as_ipv4(sample).map(|a| a.to_ipv6_mapped()),
    }
}

/// The IPv4 address in `::ffff:a.b.c.d`, `::a.b.c.d` or `2002:aabb:ccdd::`: what IPv4 patterns are compared
/// with.
pub(crate) fn embedded_ipv4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(join(high, low)),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// The integer at the beginning, at the ends of its range where it is beyond them; 0 where there is none, and
/// None where there is nothing at all.
pub(crate) fn parse_int_prefix(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [] => return None,
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value = 0i64;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        value = match negative {
            true => value.saturating_mul(10).saturating_sub(digit),
            false => value.saturating_mul(10).saturating_add(digit),
        };
    }
    Some(value)
}

/// An integer that is the whole text, at the ends of its range where it is beyond them.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    parse_int_prefix(text.as_bytes())
}

fn parse_ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    match parse_ip(text)? {
        IpAddr::V4(a) => Some(a),
        IpAddr::V6(a) => a.to_ipv4_mapped(),
    }
}

/// An address. Behind an IPv4 one anything may stand that is neither digit nor dot: a port, usually.
pub(crate) fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    let end = text.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(text.len());
    if let Some(ip) = parse_dotted(&text[..end]) {
        return Some(IpAddr::V4(ip));
    }
    std::str::from_utf8(text).ok()?.parse().ok().map(IpAddr::V6)
}

/// Four numbers, which may have zeros in front.
fn parse_dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split(|b| *b == b'.');
    for octet in &mut octets {
        let part = parts.next().filter(|p| !p.is_empty() && p.len() <= 3)?;
        *octet = u8::try_from(parse_int_prefix(part)?).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// An IPv6 address as inet_ntop(3) writes it, which shows an IPv4 one in the last 32 bits where all before
/// are zero.
pub(crate) fn ipv6_text(ip: Ipv6Addr) -> String {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            format!("::{}", Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => ip.to_string(),
    }
}

fn into_text(sample: Sample<'_>) -> Data<'_> {
    match sample {
        Sample::Bool(b) => Data::from(if b { "1" } else { "0" }),
        Sample::Int(i) => Data::from(i.to_string()),
        Sample::Ipv4(a) => Data::from(a.to_string()),
        Sample::Ipv6(a) => Data::from(ipv6_text(a)),
        Sample::Str(d) | Sample::Method(d) => d,
        // Text ends before the first NUL.
        Sample::Bin(d) => match memchr::memchr(0, d.as_bytes()) {
            Some(end) => d.slice(0, end),
            None => d,
        },
    }
}

fn into_binary(sample: Sample<'_>) -> Data<'_> {
    match sample {
        Sample::Bool(b) => Data::from(i64::from(b).to_be_bytes().to_vec()),
        Sample::Int(i) => Data::from(i.to_be_bytes().to_vec()),
        Sample::Ipv4(a) => Data::from(a.octets().to_vec()),
        Sample::Ipv6(a) => Data::from(a.octets().to_vec()),
        Sample::Str(d) | Sample::Bin(d) | Sample::Method(d) => d,
    }
}
