//! What parsing an expression asks of the configuration that it stands in.

use std::fmt;

use crate::acl::Acls;
use crate::pattern::Patterns;
use crate::place::Checkpoint;
use crate::vars::VarNames;
use crate::world::{BackendId, FrontendId, ServerId, TableId, UserlistId};

/// Parts of the daemon that rows of the tables depend on. A row whose layer is not served is refused at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Stick tables and the counters that track them.
    StickTables,
    /// Reading ahead in the bytes of a connection: `tcp-request inspect-delay` and the like.
    ContentInspection,
    /// Buffering of bodies.
    Bodies,
    /// TLS on the client's side.
    ClientTls,
    /// TLS on the server's side.
    ServerTls,
    /// Certificates of clients.
    ClientCertificates,
    /// The HTTP cache.
    Cache,
    /// Compression of responses.
    Compression,
    /// `userlist` sections.
    Userlists,
    /// The PROXY protocol.
    ProxyProtocol,
}

/// Why a name does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// In words.
    pub reason: String,
    /// The nearest known name, or another hint.
    pub hint: Option<String>,
}

impl Unresolved {
    /// A reason without a hint.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), hint: None }
    }
}

/// The configuration around an expression: resolves names to ids, and reads files and the environment.
pub trait Resolver {
    /// The frontend of this name; without a name, the proxy that the expression stands in.
    fn frontend(&self, name: Option<&str>) -> Result<FrontendId, Unresolved>;
    /// The backend of this name; without a name, the proxy that the expression stands in.
    fn backend(&self, name: Option<&str>) -> Result<BackendId, Unresolved>;
    /// The server of this name; without a backend, in the proxy that the expression stands in.
    fn server(&self, backend: Option<&str>, name: &str) -> Result<ServerId, Unresolved>;
    /// The stick table of this name; without a name, that of the proxy that the expression stands in.
    fn table(&self, name: Option<&str>) -> Result<TableId, Unresolved>;
    /// The userlist of this name.
    fn userlist(&self, name: &str) -> Result<UserlistId, Unresolved>;
    /// Whether a layer is served; where not, why.
    fn serves(&self, layer: Layer) -> Result<(), &'static str>;
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The host's name.
    fn hostname(&self) -> &str;
    /// The text of a file of patterns, of a map or of a certificate.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, Unresolved>;
    /// The addresses of a host name, for `src` patterns that are none. Called only without `-n`.
    fn lookup_host(&self, name: &str) -> Result<Vec<std::net::Ipv4Addr>, Unresolved>;
    /// The names of variables.
    fn variables(&mut self) -> &mut VarNames;
    /// The sets of patterns, by file and id.
    fn patterns(&mut self) -> &mut Patterns;
}

/// Where an expression stands.
pub struct Env<'e> {
    /// The checkpoint, for expressions; ACL declarations have none, since they are used in many places.
    pub place: Option<Checkpoint>,
    /// The configuration around it.
    pub resolver: &'e mut dyn Resolver,
    /// The ACLs that it can name, and the position of its line among theirs. ACLs and conditions name none in expressions.
    pub acls: Option<(&'e mut Acls, u32)>,
}

impl<'e> Env<'e> {
    /// An expression at that place.
    pub fn at(place: Checkpoint, resolver: &'e mut dyn Resolver) -> Self {
        Self { place: Some(place), resolver, acls: None }
    }

    /// An expression that may be used anywhere.
    pub fn anywhere(resolver: &'e mut dyn Resolver) -> Self {
        Self { place: None, resolver, acls: None }
    }

    /// The same where an expression may name ACLs. `position` is that of its line, as in [`Acls::declare`].
    pub fn with_acls(self, acls: &'e mut Acls, position: u32) -> Self {
        Self { acls: Some((acls, position)), ..self }
    }
}
