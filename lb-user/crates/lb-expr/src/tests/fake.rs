//! A daemon and a configuration that expressions of tests stand in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use crate::ctx::{Buffer, CaptureRoom, Connection, Ctx, Kept, KeptRequest, RequestHead};
use crate::pattern::Patterns;
use crate::resolve::{Layer, Resolver, Unresolved};
use crate::sample::Sample;
use crate::vars::{VarNames, VarStore, Vars};
use crate::world::{
    BackendId, BackendStat, CaptureOf, Counter, FrontendId, FrontendStat, ServerId, ServerStat, TableId,
    TableStat, UserlistId, World,
};

/// One of everything: frontend `fe`, backend `be` with server `srv`, table `st`, userlist `users`.
pub(crate) struct FakeWorld;

impl World for FakeWorld {
    fn frontend(&self, _: FrontendId, stat: FrontendStat) -> Option<i64> {
        Some(100 + stat as i64)
    }
    fn frontend_name(&self, _: FrontendId) -> Option<&str> {
        Some("fe")
    }
    fn default_backend_name(&self, _: FrontendId) -> Option<&str> {
        Some("be")
    }
    fn backend(&self, _: BackendId, stat: BackendStat) -> Option<i64> {
        Some(200 + stat as i64)
    }
    fn backend_name(&self, _: BackendId) -> Option<&str> {
        Some("be")
    }
    fn backend_named(&self, name: &[u8]) -> Option<BackendId> {
        (name == b"be").then_some(BackendId(0))
    }
    fn server(&self, _: ServerId, stat: ServerStat) -> Option<i64> {
        Some(300 + stat as i64)
    }
    fn server_name(&self, _: ServerId) -> Option<&str> {
        Some("srv")
    }
    fn server_named(&self, backend: BackendId, name: &[u8]) -> Option<ServerId> {
        (name == b"srv").then_some(ServerId { backend, index: 0 })
    }
    fn table(&self, _: TableId, stat: TableStat) -> Option<i64> {
        Some(400 + stat as i64)
    }
    fn table_entry(&self, _: TableId, key: &Sample<'_>, what: Counter) -> Option<i64> {
        let known = *key == Sample::Ipv4(Ipv4Addr::LOCALHOST);
        known.then_some(if what == Counter::Present { 1 } else { 500 })
    }
    fn capture_room(&self, _: FrontendId, _: CaptureOf, slot: usize) -> Option<CaptureRoom> {
        (slot < 2).then_some(CaptureRoom { bytes: 4, slots: 2 })
    }
    fn debug(&self, _: &str) {}
    fn authenticate(&self, _: UserlistId, user: &[u8], password: &[u8]) -> bool {
        user == b"user" && password == b"pa:ss"
    }
    fn in_group(&self, _: UserlistId, user: &[u8], group: &[u8]) -> bool {
        user == b"user" && group == b"admins"
    }
    fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback()
    }
    fn utc_offset(&self, _: i64) -> i32 {
        0
    }
    fn random(&self) -> u64 {
        0x8000_0000_0000_0000
    }
    fn thread(&self) -> u32 {
        1
    }
    fn stopping(&self) -> bool {
        false
    }
}

#[derive(Default)]
pub(crate) struct FakeResolver {
    pub(crate) names: VarNames,
    pub(crate) patterns: Patterns,
    pub(crate) files: HashMap<&'static str, &'static str>,
}

fn named<T>(name: Option<&str>, known: &str, id: T) -> Result<T, Unresolved> {
    match name {
        None => Ok(id),
        Some(name) if name == known => Ok(id),
        Some(name) => Err(Unresolved::new(format!("no `{name}`"))),
    }
}

impl Resolver for FakeResolver {
    fn frontend(&self, name: Option<&str>) -> Result<FrontendId, Unresolved> {
        named(name, "fe", FrontendId(0))
    }
    fn backend(&self, name: Option<&str>) -> Result<BackendId, Unresolved> {
        named(name, "be", BackendId(0))
    }
    fn server(&self, backend: Option<&str>, name: &str) -> Result<ServerId, Unresolved> {
        let backend = self.backend(backend)?;
        named(Some(name), "srv", ServerId { backend, index: 0 })
    }
    fn table(&self, name: Option<&str>) -> Result<TableId, Unresolved> {
        named(name, "st", TableId(0))
    }
    fn userlist(&self, name: &str) -> Result<UserlistId, Unresolved> {
        named(Some(name), "users", UserlistId(0))
    }
    fn serves(&self, layer: Layer) -> Result<(), &'static str> {
        if layer == Layer::Cache { Err("there is no cache in this test") } else { Ok(()) }
    }
    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
    fn hostname(&self) -> &str {
        "vm"
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, Unresolved> {
        let text = self.files.get(path).ok_or_else(|| Unresolved::new("no such file"))?;
        Ok(text.as_bytes().to_vec())
    }
    fn lookup_host(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unresolved> {
        match name {
            "localhost" => Ok(vec![Ipv4Addr::LOCALHOST]),
            _ => Err(Unresolved::new("unknown host")),
        }
    }
    fn variables(&mut self) -> &mut VarNames {
        &mut self.names
    }
    fn patterns(&mut self) -> &mut Patterns {
        &mut self.patterns
    }
}

pub(crate) struct FakeConnection;

impl Connection for FakeConnection {
    fn src(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, 40000).into())
    }
    fn dst(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, 18999).into())
    }
    fn listener_id(&self) -> Option<u32> {
        Some(1)
    }
    fn http_major(&self) -> Option<u8> {
        Some(1)
    }
}

/// A request, and what its context needs to live.
pub(crate) struct Scene {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) kept: Kept,
    pub(crate) txn: VarStore,
    pub(crate) complete: bool,
}

impl Scene {
    /// `Name: value` lines separated by bars.
    pub(crate) fn new(method: &str, uri: &str, headers: &str) -> Self {
        let method: Method = method.parse().unwrap();
        let mut map = HeaderMap::new();
        for line in headers.split('|') {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.trim().as_bytes()).unwrap());
        }
        let request = KeptRequest {
            method: method.clone(),
            uri: uri.to_owned().into(),
            version: Version::HTTP_11,
            first: true,
        };
        let kept = Kept { request: Some(request), ..Kept::default() };
        let uri = uri.parse().unwrap();
        Self { method, uri, headers: map, body: None, kept, txn: VarStore::default(), complete: true }
    }

    pub(crate) fn ctx(&self) -> Ctx<'_> {
        let mut ctx = Ctx::new(&FakeWorld, Duration::from_millis(1_795_371_168_778));
        ctx.client = Some(&FakeConnection);
        ctx.frontend = Some(FrontendId(0));
        ctx.request = Some(RequestHead {
            method: &self.method,
            uri: &self.uri,
            version: Version::HTTP_11,
            headers: &self.headers,
            first: true,
        });
        ctx.request_data = Buffer { bytes: self.body.as_deref(), complete: self.complete, announced: None };
        ctx.kept = Some(&self.kept);
        ctx.vars = Vars { txn: Some(&self.txn), ..Vars::default() };
        ctx
    }
}
