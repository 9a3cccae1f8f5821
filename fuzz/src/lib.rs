//! What the targets about expressions share: a configuration in which every name is known, and messages to look at.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use lb_expr::ctx::{Buffer, Connection, Ctx, Kept, KeptRequest, RequestHead, ResponseHead, ResponseOrigin};
use lb_expr::pattern::Patterns;
use lb_expr::vars::{VarNames, VarStore, Vars};
use lb_expr::world::{BackendId, FrontendId, Nowhere, ServerId, TableId, UserlistId};
use lb_expr::{Layer, ParseError, Resolver, Unresolved};

/// What one evaluation may make at most: a converter's limit, and what a single one may add to it.
pub const MOST: usize = 16 << 20;

/// An error points into the word that it names.
///
/// # Panics
/// It does not.
pub fn placed(error: &ParseError, words: &[&str]) {
    let length = words.get(error.word).map_or(0, |word| word.len());
    assert!(error.range.start <= error.range.end, "{error}: {:?}", error.range);
    assert!(error.range.end <= length || words.is_empty(), "{error}: {:?} of {length}", error.range);
}

/// A configuration that has everything.
#[derive(Default)]
pub struct Names {
    variables: VarNames,
    patterns: Patterns,
}

impl Resolver for Names {
    fn frontend(&self, _: Option<&str>) -> Result<FrontendId, Unresolved> {
        Ok(FrontendId(0))
    }
    fn backend(&self, _: Option<&str>) -> Result<BackendId, Unresolved> {
        Ok(BackendId(0))
    }
    fn server(&self, _: Option<&str>, _: &str) -> Result<ServerId, Unresolved> {
        Ok(ServerId { backend: BackendId(0), index: 0 })
    }
    fn table(&self, _: Option<&str>) -> Result<TableId, Unresolved> {
        Ok(TableId(0))
    }
    fn userlist(&self, _: &str) -> Result<UserlistId, Unresolved> {
        Ok(UserlistId(0))
    }
    fn serves(&self, _: Layer) -> Result<(), &'static str> {
        Ok(())
    }
    fn env(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }
    fn hostname(&self) -> &str {
        "host"
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, Unresolved> {
        Ok(format!("{path} one\n/ two\n10.0.0.0/8 three\n5 4\n").into_bytes())
    }
    fn lookup_host(&self, _: &str) -> Result<Vec<Ipv4Addr>, Unresolved> {
        Ok(vec![Ipv4Addr::LOCALHOST])
    }
    fn variables(&mut self) -> &mut VarNames {
        &mut self.variables
    }
    fn patterns(&mut self) -> &mut Patterns {
        &mut self.patterns
    }
}

/// A client.
struct Client;

impl Connection for Client {
    fn src(&self) -> Option<SocketAddr> {
        Some(([10, 0, 0, 1], 4000).into())
    }
    fn dst(&self) -> Option<SocketAddr> {
        Some(([192, 0, 2, 1], 80).into())
    }
}

/// A request as a fuzzer writes it: a line with method and target, header lines, and behind an empty line its body.
pub struct Scene {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
    kept: Kept,
    variables: VarStore,
}

impl Scene {
    /// Reads as much of a request as makes sense.
    pub fn read(text: &[u8]) -> Self {
        let end = text.windows(2).position(|two| two == b"\n\n").unwrap_or(text.len());
        let (head, body) = text.split_at(end);
        let mut lines = head.split(|b| *b == b'\n');
        let mut first = lines.next().unwrap_or_default().splitn(2, |b| *b == b' ');
        let method = first.next().and_then(|m| Method::from_bytes(m).ok()).unwrap_or(Method::GET);
        let target = first.next().unwrap_or(b"/");
        let uri = Uri::try_from(target).unwrap_or_else(|_| Uri::from_static("/"));
        let mut headers = HeaderMap::new();
        for line in lines {
            let mut parts = line.splitn(2, |b| *b == b':');
            let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
            {
                headers.append(name, value);
            }
        }
        let request = KeptRequest {
            method: method.clone(),
            uri: Bytes::copy_from_slice(target),
            version: Version::HTTP_11,
            first: true,
        };
        let kept = Kept { request: Some(request), status: Some(200), ..Kept::default() };
        let body = body.get(2..).unwrap_or_default().to_vec();
        Self { method, uri, headers, body, kept, variables: VarStore::default() }
    }

    /// Both messages and the client, as rules on requests or on responses see them.
    pub fn ctx(&self, on_response: bool) -> Ctx<'_> {
        let mut ctx = Ctx::new(&Nowhere, Duration::from_secs(1_700_000_000));
        ctx.on_response = on_response;
        ctx.client = Some(&Client);
        ctx.upstream = Some(&Client);
        ctx.frontend = Some(FrontendId(0));
        ctx.request = Some(RequestHead {
            method: &self.method,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            first: true,
        });
        ctx.response = Some(ResponseHead {
            status: http::StatusCode::OK,
            version: Version::HTTP_11,
            headers: &self.headers,
            origin: ResponseOrigin::Server,
        });
        let data = Buffer { bytes: Some(&self.body), complete: true, announced: None };
        (ctx.request_data, ctx.response_data) = (data, data);
        ctx.kept = Some(&self.kept);
        let store = Some(&self.variables);
        ctx.vars = Vars { sess: store, txn: store, req: store, res: store, ..Vars::default() };
        ctx
    }
}
