//! Where the kernel plane and the daemon's runtime socket are.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lb_conf::model::{BindAddress, Config};
use lb_xdp::inspect::Inspector;

use super::args::Place;
use crate::host::System;

impl Place {
    /// The configuration that was named. None: none was.
    ///
    /// # Errors
    /// It has errors; `lbx -c` says which.
    pub(super) fn config(&self) -> Result<Option<Config>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        match lb_conf::load(&System, &self.files).config {
            Some(config) => Ok(Some(config)),
            None => bail!("the configuration has errors: 'lbx -c -f FILE' lists them"),
        }
    }

    /// The folder of pins.
    ///
    /// # Errors
    /// The configuration that was named has errors.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        match &self.pins {
            Some(pins) => Ok(pins.clone()),
            None => Ok(lb_xdp::pin_folder(&self.config()?.unwrap_or_default())),
        }
    }

    /// The pinned maps.
    ///
    /// # Errors
    /// There are none, or they can't be read.
    pub(super) fn inspect(&self) -> Result<Inspector> {
        Inspector::open(&self.folder()?)
    }

    /// The first runtime socket that has a path.
    ///
    /// # Errors
    /// The configuration that was named has errors.
    pub(super) fn socket(&self) -> Result<Option<PathBuf>> {
        let sockets = self.config()?.map(|config| config.global.stats_sockets).unwrap_or_default();
        Ok(sockets.into_iter().find_map(|socket| match socket.address {
            BindAddress::Unix(path) => Some(path),
            BindAddress::Inet(_) | BindAddress::Inherited(_) => None,
        }))
    }
}
