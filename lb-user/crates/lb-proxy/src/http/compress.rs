//! `compression`: which bodies are made smaller, and what their heads say then.

mod coder;

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT, VARY,
};
use http::{HeaderMap, Method, StatusCode, Version, request, response};
use lb_conf::model::{Compression, CompressionAlgorithm, CompressionSet};

pub(super) use self::coder::Coder;
use crate::stream::Stream;

/// Quality values are counted in thousandths.
const FULL_QUALITY: u32 = 1000;

/// The settings of both proxies of a stream, the backend's first: what it says counts before what the frontend says.
fn settings(stream: &Stream) -> impl Iterator<Item = &Compression> {
    let back = stream.backend.as_ref().and_then(|backend| backend.config.proxy.compression.as_deref());
    back.into_iter().chain(stream.front.frontend.config.proxy.compression.as_deref())
}

/// Of one direction: the first algorithms, types and size that a proxy names.
fn first<'a, T: ?Sized>(stream: &'a Stream, of: impl Fn(&'a Compression) -> Option<&'a T>) -> Option<&'a T> {
    settings(stream).find_map(of)
}

/// Notes what the client takes its response in, and takes that out of the request where servers are not to know.
/// Returns the coder for the request's own body, if that is to be compressed.
pub(super) fn on_request(stream: &mut Stream, head: &mut request::Parts) -> Option<Box<Coder>> {
    settings(stream).next()?;
    if settings(stream).any(|s| s.responses) {
        let algorithms = first(stream, |s| filled(&s.response.algorithms));
        let negotiated = algorithms.and_then(|all| negotiate(all, &head.headers));
        if negotiated.is_some() && settings(stream).any(|s| s.offload) {
            head.headers.remove(ACCEPT_ENCODING);
        }
        let identity = || algorithms?.iter().find(|a| **a == CompressionAlgorithm::Identity).copied();
        stream.compression = negotiated.or_else(identity).filter(|_| may_follow(head));
    }
    request_coder(stream, head)
}

fn filled<T>(list: &[T]) -> Option<&[T]> {
    Some(list).filter(|list| !list.is_empty())
}

/// Whether the response to a request can be compressed. Clients of HTTP/1.0 know no chunks.
fn may_follow(head: &request::Parts) -> bool {
    head.version != Version::HTTP_10 && head.method != Method::HEAD && !is_bogus_browser(&head.headers)
}

/// Browsers that called themselves `Mozilla/4` could not read what they said they could, but for Internet Explorer
/// from version 6 with its second service pack.
fn is_bogus_browser(headers: &HeaderMap) -> bool {
    let Some(agent) = headers.get(USER_AGENT).map(HeaderValue::as_bytes) else { return false };
    let at = |range: std::ops::Range<usize>| agent.get(range).unwrap_or_default();
    let explorer = agent.len() >= 31 && at(25..30) == b"MSIE " && at(30..31) >= &b"6"[..];
    let patched = at(30..31) != b"6" || at(51..54) == b"SV1";
    agent.starts_with(b"Mozilla/4") && !(explorer && patched)
}

/// The algorithm that the client likes best; of those that it likes equally, the one that it names first. Where one
/// word of it stands for several, the one that the configuration names last counts, as in HAProxy.
fn negotiate(algorithms: &[CompressionAlgorithm], headers: &HeaderMap) -> Option<CompressionAlgorithm> {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let words = values.flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut best = (0, None);
    for word in words {
        let (name, quality) = coding(word);
        let known =
            |a: &&CompressionAlgorithm| name == b"*" || name.eq_ignore_ascii_case(a.coding().as_bytes());
        if quality > best.0
            && let Some(algorithm) = algorithms.iter().rev().find(known)
        {
            best = (quality, Some(*algorithm));
        }
    }
    best.1
}

/// A coding of `Accept-Encoding` with its quality value.
fn coding(word: &[u8]) -> (&[u8], u32) {
    let mut parts = word.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
    (name, quality.map_or(FULL_QUALITY, thousandths))
}

/// `0`, `0.5`, `1.000` in thousandths.
fn thousandths(text: &[u8]) -> u32 {
    let digit = |b: Option<&u8>| b.filter(|b| b.is_ascii_digit()).map_or(0, |b| u32::from(b - b'0'));
    let fraction = text.get(1).filter(|b| **b == b'.').and(text.get(2..)).unwrap_or_default();
    let fraction = digit(fraction.first()) * 100 + digit(fraction.get(1)) * 10 + digit(fraction.get(2));
    (digit(text.first()) * FULL_QUALITY + fraction).min(FULL_QUALITY)
}

/// What a response is compressed with, if it is; its head says so then.
pub(super) fn on_response(stream: &mut Stream, head: &mut response::Parts) -> Option<Box<Coder>> {
    let algorithm = stream.compression?;
    let with_body = [StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED].contains(&head.status)
        || head.status == StatusCode::NON_AUTHORITATIVE_INFORMATION;
    if !with_body || !is_wanted(stream, &head.headers, |s| &s.response) {
        return None;
    }
    if is_too_much(stream) {
        return None;
    }
    let coder = Coder::new(algorithm)?;
    stream.kept.compression =
        Some(algorithm.coding()).filter(|_| algorithm != CompressionAlgorithm::Identity);
    announce(algorithm, &mut head.headers);
    weaken_etag(&mut head.headers);
    if !varies(&head.headers) {
        head.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    for traffic in traffics(stream) {
        traffic.compressed_responses.inc();
    }
    Some(Box::new(coder))
}

fn request_coder(stream: &Stream, head: &mut request::Parts) -> Option<Box<Coder>> {
    let has_body = head.headers.contains_key(TRANSFER_ENCODING)
        || head.headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    if !settings(stream).any(|s| s.requests) || !has_body || !is_wanted(stream, &head.headers, |s| &s.request)
    {
        return None;
    }
    let algorithm = first(stream, |s| s.request.algorithms.first())?;
    let coder = Coder::new(*algorithm)?;
    announce(*algorithm, &mut head.headers);
    Some(Box::new(coder))
}

/// Whether a body of this kind is to be compressed, and is not yet.
fn is_wanted(stream: &Stream, headers: &HeaderMap, set: impl Fn(&Compression) -> &CompressionSet) -> bool {
    let coded = headers.contains_key(CONTENT_ENCODING);
    let fixed = headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let mut words = value.as_bytes().split(|b| *b == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    });
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let min_size = settings(stream).map(|s| set(s).min_size).find(|size| *size > 0).unwrap_or(0);
    let types = settings(stream).find_map(|s| filled(&set(s).types));
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    !coded
        && !fixed
        && has_sound_etag(headers)
        && length.is_none_or(|length| length >= min_size)
        && is_of_type(kind, types)
}

fn is_of_type(kind: Option<&[u8]>, types: Option<&[lb_conf::model::Name]>) -> bool {
    let begins = |text: &[u8], with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    match (kind, types) {
        // Its parts have types of their own.
        (Some(kind), _) if begins(kind, "multipart") => false,
        (Some(kind), Some(types)) => types.iter().any(|wanted| begins(kind, wanted)),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// Whether an entity tag, where there is one, is whole and the only one.
fn has_sound_etag(headers: &HeaderMap) -> bool {
    let mut tags = headers.get_all(ETAG).iter().map(HeaderValue::as_bytes);
    let Some(tag) = tags.next() else { return true };
    let quoted = tag.strip_prefix(b"W/").unwrap_or(tag);
    tags.next().is_none() && quoted.len() >= 2 && quoted.starts_with(b"\"") && quoted.ends_with(b"\"")
}

/// What is sent is no longer byte for byte what the server's strong tag stands for.
fn weaken_etag(headers: &mut HeaderMap) {
    let strong = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    weak.map(|weak| headers.insert(ETAG, weak));
}

fn announce(algorithm: CompressionAlgorithm, headers: &mut HeaderMap) {
    if algorithm != CompressionAlgorithm::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(algorithm.coding()));
    }
    headers.remove(CONTENT_LENGTH);
}

/// Whether more is compressed in this second than `maxcomprate` permits.
fn is_too_much(stream: &Stream) -> bool {
    let worker = &stream.session.worker;
    let process = worker.shared.runtime.process();
    let limit = process.limits().compression_rate;
    limit.is_some_and(|limit| process.compressed_in.get(worker.tick()) > limit)
}

fn varies(headers: &HeaderMap) -> bool {
    let mut words = headers.get_all(VARY).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"accept-encoding"))
}

/// Where the bytes of a stream are counted.
fn traffics(stream: &Stream) -> impl Iterator<Item = &lb_core::counters::Traffic> {
    let back = stream.backend.as_ref().map(|backend| backend.traffic());
    [Some(stream.front.frontend.traffic()), back].into_iter().flatten()
}

/// Counts what went in and came out.
pub(super) fn count(stream: &Stream, in_bytes: usize, out_bytes: usize) {
    let worker = &stream.session.worker;
    let (process, now) = (worker.shared.runtime.process(), worker.tick());
    process.compressed_in.add(now, u32::try_from(in_bytes).unwrap_or(u32::MAX));
    process.compressed_out.add(now, u32::try_from(out_bytes).unwrap_or(u32::MAX));
    for traffic in traffics(stream) {
        traffic.compressed_in.add(in_bytes as u64);
        traffic.compressed_out.add(out_bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_says_what_it_likes_best() {
        use CompressionAlgorithm::{Brotli, Deflate, Gzip};
        let all = [Gzip, Deflate, Brotli];
        let rows: [(&[&'static str], Option<CompressionAlgorithm>); 9] = [
            (&["gzip"], Some(Gzip)),
            (&["deflate, gzip"], Some(Deflate)),
            (&["deflate;q=0.5, gzip;q=0.8"], Some(Gzip)),
            (&["gzip;q=0"], None),
            (&["gzip;q=0", "br ; q=0.001"], Some(Brotli)),
            (&["*"], Some(Brotli)),
            (&["GZip"], Some(Gzip)),
            (&["compress"], None),
            (&[], None),
        ];
        for (values, wanted) in rows {
            let headers =
                values.iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value))).collect();
            assert_eq!(negotiate(&all, &headers), wanted, "{values:?}");
        }
    }

    #[test]
    fn entity_tags_must_be_whole_and_become_weak() {
        let of = |values: &[&'static str]| -> HeaderMap {
            values.iter().map(|value| (ETAG, HeaderValue::from_static(value))).collect()
        };
        for (values, sound) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&[], true),
            (&["a"], false),
            (&["\""], false),
            (&["\"a\"", "\"b\""], false),
        ] {
            assert_eq!(has_sound_etag(&of(values)), sound, "{values:?}");
        }
        let mut headers = of(&["\"a\""]);
        weaken_etag(&mut headers);
        assert_eq!(headers, of(&["W/\"a\""]));
        weaken_etag(&mut headers);
        assert_eq!(headers, of(&["W/\"a\""]));
    }

    #[test]
    fn quality_values_are_read_to_the_thousandth() {
        for (text, value) in [("1", 1000), ("0", 0), ("0.5", 500), ("0.123", 123), ("1.000", 1000), ("", 0)] {
            assert_eq!(thousandths(text.as_bytes()), value, "{text}");
        }
    }
}
