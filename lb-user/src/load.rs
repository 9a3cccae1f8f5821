//! From the files of the command line to a configuration, and what there is to say about it.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lb_conf::diag::{self, Diagnostic, Severity, Style};
use lb_conf::host::Host;
use lb_conf::model::Config;
use lb_conf::source::Sources;
use lb_conf::span::Span;
use lb_conf::{Options, Outcome};
use lb_core::placement::{self, Placement};
use lb_proxy::tls;

use crate::args::{Format, Run};
use crate::host::System;
use crate::keeper::Keeper;
use crate::{messages, process};

/// The configuration was refused; why has been said already.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has errors")]
pub(crate) struct Refused;

/// A configuration that can be served, as far as can be told without serving it.
pub(crate) struct Loaded {
    /// The model.
    pub(crate) config: Arc<Config>,
    /// Its certificates.
    pub(crate) tls: tls::Site,
    /// The text of its files.
    pub(crate) sources: Sources,
    /// Whether there were warnings.
    pub(crate) warnings: bool,
}

impl Loaded {
    /// The file and line of a span, as messages name them.
    pub(crate) fn place(&self, span: Span) -> String {
        place(&self.sources, span)
    }
}

/// Limits on connections that are not in the configuration.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// `-n`: stronger than `maxconn` of `global`.
    process: Option<u32>,
    /// `-N`: of frontends without `maxconn`.
    frontend: Option<u32>,
    /// Whether the limit of open files is asked for where there is no `maxconn`.
    files: bool,
}

impl Limits {
    fn impose(self, mut config: Config) -> Result<Config> {
        config.global.maxconn = self.process.or(config.global.maxconn);
        if self.files && config.global.maxconn.is_none() {
            let (own, hard) = (config.global.ulimit_n, config.global.tuning.fd_hard_limit);
            config.global.file_maxconn = Some(process::connections_of_files(own, hard)?);
        }
        for frontend in config.frontends.iter_mut().filter(|f| f.maxconn.is_none() && self.frontend.is_some())
        {
            Arc::make_mut(frontend).maxconn = self.frontend;
        }
        Ok(config)
    }
}

/// Loads the configuration that the command line names, at the start and again at each reload.
pub(crate) struct Loader {
    paths: Vec<PathBuf>,
    format: Format,
    diagnose: bool,
    warnings_fatal: bool,
    options: Options,
    limits: Limits,
    keeper: Option<Keeper>,
    tls: tls::Shared,
}

impl Loader {
    /// For the files and flags of a command line.
    ///
    /// # Errors
    /// It names no file.
    pub(crate) fn new(run: &Run) -> Result<Self> {
        let paths = run.paths();
        if paths.is_empty() {
            bail!("no configuration file is given: lbx -f FILE (lbx --help lists all flags)");
        }
        Ok(Self {
            paths,
            format: run.format,
            diagnose: run.diagnose,
            warnings_fatal: run.warnings_fatal,
            options: Options { prelude: run.prelude(), any_address: run.any_address },
            limits: Limits { process: run.maxconn, frontend: run.frontend_maxconn, files: !run.check },
            keeper: None,
            tls: new_sessions()?,
        })
    }

    /// From now on the machine is asked through a keeper, for the process is about to give up its root folder or its
    /// user.
    ///
    /// # Errors
    /// The keeper can't be started.
    pub(crate) fn start_keeper(&mut self) -> Result<()> {
        let (paths, options) = (self.paths.clone(), self.options.clone());
        self.keeper = Some(Keeper::start(move |host| read_all(host, &paths, &options))?);
        Ok(())
    }

    /// Loads the configuration and says what there is to say about it.
    ///
    /// # Errors
    /// [`Refused`] if it can't be served; another error if the keeper is gone.
    pub(crate) fn load(&self) -> Result<Loaded> {
        let answers = self.keeper.as_ref().map(Keeper::ask).transpose()?;
        let host: &dyn Host = answers.as_ref().map_or(&System, |answers| answers);
        let Outcome { config, mut diagnostics, sources } =
            lb_conf::load_with(host, &self.paths, &self.options);
        let placements = config.as_ref().map(placement::place).unwrap_or_default();
        diagnostics.extend(placements.iter().filter_map(not_in_the_kernel));
        let (tls, mut findings) =
            config.as_ref().map(|c| tls::Site::load(c, host, &self.tls)).unwrap_or_default();
        diagnostics.append(&mut findings);
        diagnostics.iter().for_each(|diagnostic| self.show(diagnostic, &sources));
        let worst = diagnostics.iter().map(|diagnostic| diagnostic.severity).min();
        let warnings = worst <= Some(Severity::Warning) && worst.is_some();
        let fatal = if self.warnings_fatal || config.as_ref().is_some_and(|c| c.global.tuning.zero_warning) {
            Severity::Warning
        } else {
            Severity::Alert
        };
        match config {
            Some(config) if worst.is_none_or(|worst| worst > fatal) => {
                Ok(Loaded { config: Arc::new(self.limits.impose(config)?), tls, sources, warnings })
            }
            _ => Err(Refused.into()),
        }
    }

    fn show(&self, diagnostic: &Diagnostic, sources: &Sources) {
        let silent = match diagnostic.severity {
            Severity::Diag => !self.diagnose || messages::is_quiet(),
            // The exit status says enough to who wants no words.
            _ => messages::is_quiet(),
        };
        if silent {
            return;
        }
        match self.format {
            Format::Json => messages::complain(diag::json(diagnostic, sources)),
            Format::Text => {
                let style = if std::io::stderr().is_terminal() { Style::Colour } else { Style::Plain };
                messages::complain(diag::render(diagnostic, sources, style));
            }
        }
    }
}

fn new_sessions() -> Result<tls::Shared> {
    tls::Shared::new().context("the system has no random bytes")
}

/// Reads everything that loading reads, so that it is known what that is.
fn read_all(host: &dyn Host, paths: &[PathBuf], options: &Options) {
    let Some(config) = lb_conf::load_with(host, paths, options).config else { return };
    // Without random bytes there is nothing to load TLS with, which loading will say.
    if let Ok(shared) = new_sessions() {
        drop(tls::Site::load(&config, host, &shared));
    }
}

/// `option xdp` or `xdp-forward` asks for what can't be had.
fn not_in_the_kernel(placement: &Placement) -> Option<Diagnostic> {
    let (word, obstacle) = placement.refusal()?;
    let message = format!("proxy '{}' has '{word}' and can't be served in the kernel", placement.name);
    Some(
        Diagnostic::alert(diag::Code::Xdp, message)
            .at(obstacle.span)
            .label(obstacle.kind.to_string())
            .help(format!("without '{word}' it is served in user space")),
    )
}

/// A file and a line.
fn place(sources: &Sources, span: Span) -> String {
    format!("{}:{}", sources.path(span.file).display(), span.line)
}
