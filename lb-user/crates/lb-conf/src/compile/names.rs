//! What names in expressions mean.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use lb_expr::pattern::Patterns;
use lb_expr::vars::VarNames;
use lb_expr::world::{BackendId, FrontendId, ServerId, TableId, UserlistId};
use lb_expr::{Layer, Resolver, Unresolved};

use crate::diag::{Code, Diagnostic, nearest};
use crate::draft::{Draft, HttpErrorsDraft, ProxyDraft};
use crate::host::Host;
use crate::keyword::Status;
use crate::lex::Word;
use crate::model;

/// Why a layer is not served yet. One that is missing here is served.
const NOT_SERVED: &[(Layer, &str)] = &[(Layer::Cache, "caches are not supported yet by lbx")];

/// Whether words are served that need these layers.
pub(crate) fn status(refused: Option<&'static str>, layers: &[Layer]) -> Status {
    match refused {
        Some(why) => Status::Refused(why),
        None if NOT_SERVED.iter().any(|(layer, _)| layers.contains(layer)) => Status::NotYet,
        None => Status::Served,
    }
}

/// The names of a configuration, as one of its proxies sees them.
pub(crate) struct Names<'d> {
    host: &'d dyn Host,
    hostname: String,
    frontends: HashMap<&'d str, FrontendId>,
    backends: HashMap<&'d str, (BackendId, &'d ProxyDraft)>,
    tables: HashMap<&'d str, TableId>,
    userlists: HashMap<&'d str, UserlistId>,
    variables: VarNames,
    patterns: Patterns,
    http_errors: &'d [HttpErrorsDraft],
    proxy: Option<&'d ProxyDraft>,
}

impl<'d> Names<'d> {
    pub(crate) fn new(draft: &'d Draft, host: &'d dyn Host) -> Self {
        let named = |of: fn(&ProxyDraft) -> bool| (0..).zip(draft.proxies.iter().filter(move |p| of(p)));
        let mut names = Self {
            host,
            hostname: host.hostname(),
            frontends: HashMap::new(),
            backends: HashMap::new(),
            tables: HashMap::new(),
            userlists: HashMap::new(),
            variables: VarNames::default(),
            patterns: Patterns::default(),
            http_errors: &draft.http_errors,
            proxy: None,
        };
        // Of two of one name, which is an error of its own, the first counts.
        named(ProxyDraft::is_frontend).for_each(|(i, p)| {
            names.frontends.entry(&p.name).or_insert(FrontendId(i));
        });
        named(ProxyDraft::is_backend).for_each(|(i, p)| {
            names.backends.entry(&p.name).or_insert((BackendId(i), p));
        });
        named(|p| p.table.is_some()).for_each(|(i, p)| {
            names.tables.entry(&p.name).or_insert(TableId(i));
        });
        (0..).zip(&draft.userlists).for_each(|(i, u)| {
            names.userlists.entry(&u.name.value).or_insert(UserlistId(i));
        });
        names
    }

    pub(crate) fn host(&self) -> &'d dyn Host {
        self.host
    }

    pub(super) fn enter(&mut self, proxy: &'d ProxyDraft) {
        self.proxy = Some(proxy);
    }

    pub(super) fn proxy(&self) -> Option<&'d ProxyDraft> {
        self.proxy
    }

    pub(crate) fn own_frontend(&self) -> Option<model::FrontendId> {
        let proxy = self.proxy.filter(|p| p.is_frontend())?;
        self.frontends.get(proxy.name.as_str()).map(|id| (*id).into())
    }

    /// A backend with its draft.
    pub(crate) fn backend_draft(&self, name: &str) -> Option<(model::BackendId, &'d ProxyDraft)> {
        self.backends.get(name).map(|(id, draft)| ((*id).into(), *draft))
    }

    pub(crate) fn backend_names(&self) -> impl Iterator<Item = &'d str> {
        self.backends.keys().copied()
    }

    /// The answers of an `http-errors` section.
    pub(crate) fn http_errors(&self, name: &Word) -> Result<&'d model::ErrorAnswers, Diagnostic> {
        let found = self.http_errors.iter().find(|section| section.name.value == name.text);
        found.map(|section| &section.answers).ok_or_else(|| {
            let message = format!("there is no http-errors section '{}'", name.text);
            let known = self.http_errors.iter().map(|section| section.name.value.as_str());
            Diagnostic::alert(Code::UnknownName, message).at(name.span).nearest(name, known)
        })
    }

    /// The table of a proxy.
    pub(crate) fn own_table(&self, name: &str) -> Option<TableId> {
        self.tables.get(name).copied()
    }

    /// What was gathered while compiling.
    pub(crate) fn finish(self) -> (VarNames, Patterns) {
        (self.variables, self.patterns)
    }

    fn own_name(&self) -> &'d str {
        self.proxy.map_or("", |p| p.name.as_str())
    }
}

/// A name that is not known, with the nearest one that is.
fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Unresolved {
    let reason = format!("there is no {what} '{name}'");
    Unresolved { reason, hint: nearest(name, known).map(|near| format!("did you mean '{near}'?")) }
}

impl Resolver for Names<'_> {
    fn frontend(&self, name: Option<&str>) -> Result<FrontendId, Unresolved> {
        let name = name.unwrap_or_else(|| self.own_name());
        self.frontends
            .get(name)
            .copied()
            .ok_or_else(|| unknown("frontend", name, self.frontends.keys().copied()))
    }

    fn backend(&self, name: Option<&str>) -> Result<BackendId, Unresolved> {
        let name = name.unwrap_or_else(|| self.own_name());
        let found = self.backends.get(name).map(|(id, _)| *id);
        found.ok_or_else(|| unknown("backend", name, self.backends.keys().copied()))
    }

    fn server(&self, backend: Option<&str>, name: &str) -> Result<ServerId, Unresolved> {
        let backend = backend.unwrap_or_else(|| self.own_name());
        let (id, draft) = self
            .backends
            .get(backend)
            .ok_or_else(|| unknown("backend", backend, self.backends.keys().copied()))?;
        let index = (0..).zip(&draft.servers).find(|(_, s)| s.name.value == name).map(|(i, _)| i);
        let known = draft.servers.iter().map(|s| s.name.value.as_str());
        index.map(|index| ServerId { backend: *id, index }).ok_or_else(|| unknown("server", name, known))
    }

    fn table(&self, name: Option<&str>) -> Result<TableId, Unresolved> {
        let own = name.is_none();
        let name = name.unwrap_or_else(|| self.own_name());
        self.tables.get(name).copied().ok_or_else(|| match own {
            true => Unresolved::new(format!("'{name}' has no stick-table")),
            false => unknown("stick-table", name, self.tables.keys().copied()),
        })
    }

    fn userlist(&self, name: &str) -> Result<UserlistId, Unresolved> {
        self.userlists
            .get(name)
            .copied()
            .ok_or_else(|| unknown("userlist", name, self.userlists.keys().copied()))
    }

    fn serves(&self, layer: Layer) -> Result<(), &'static str> {
        NOT_SERVED.iter().find(|(l, _)| *l == layer).map_or(Ok(()), |(_, why)| Err(*why))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.host.variable(name)
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, Unresolved> {
        self.host.read(path.as_ref()).map_err(Unresolved::new)
    }

    fn lookup_host(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unresolved> {
        let addresses = self.host.addresses(name).into_iter().filter_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            Err(Unresolved::new(format!("cannot resolve '{name}'")))
        } else {
            Ok(addresses)
        }
    }

    fn variables(&mut self) -> &mut VarNames {
        &mut self.variables
    }

    fn patterns(&mut self) -> &mut Patterns {
        &mut self.patterns
    }
}
