//! The resolved model in the configuration's own syntax, defaults filled in: `--dump`.
//!
//! What is printed is read as the same model. There are no `defaults` sections in it: every proxy says everything.

mod backend;
mod check;
mod frontend;
mod global;
mod proxy;
mod resolvers;
mod ring;
mod server;
mod writer;

use std::collections::BTreeMap;

use crate::model::{Backend, Config, Frontend};

use writer::Writer;

/// A configuration as text.
pub fn dump(config: &Config) -> String {
    let mut out = Writer::default();
    global::write(&config.global, &mut out);
    for list in &config.userlists {
        proxy::userlist(list, &mut out);
    }
    for section in &config.resolvers {
        resolvers::write(section, &mut out);
    }
    for section in &config.rings {
        ring::write(section, &mut out);
    }
    for errors in &config.http_errors {
        out.section("http-errors", &errors.name);
        errors.lines.iter().for_each(|line| out.line(line));
    }
    for halves in proxies(config) {
        match halves {
            (Some(frontend), None) => {
                out.section("frontend", &frontend.proxy.name);
                proxy::write(&frontend.proxy, config, &mut out);
                frontend::write(frontend, config, false, &mut out);
            }
            (None, Some(backend)) => {
                out.section("backend", &backend.proxy.name);
                proxy::write(&backend.proxy, config, &mut out);
                backend::write(backend, config, &mut out);
            }
            (Some(frontend), Some(backend)) => {
                out.section("listen", &backend.proxy.name);
                proxy::write(&backend.proxy, config, &mut out);
                frontend::write(frontend, config, true, &mut out);
                backend::write(backend, config, &mut out);
            }
            (None, None) => {}
        }
    }
    out.finish()
}

/// The frontend and the backend of a section; a `listen` section has both.
type Halves<'c> = (Option<&'c Frontend>, Option<&'c Backend>);

/// The halves of each section, in the order of the configuration.
fn proxies(config: &Config) -> Vec<Halves<'_>> {
    let mut found: BTreeMap<_, Halves<'_>> = BTreeMap::new();
    for frontend in &config.frontends {
        found.entry(frontend.proxy.span).or_default().0 = Some(frontend);
    }
    for backend in &config.backends {
        found.entry(backend.proxy.span).or_default().1 = Some(backend);
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests;
