//! Log formats.

use std::sync::Arc;

use lb_expr::{Checkpoint, LogFormat, Style};

use super::Compiler;
use crate::diag::{Code, Diagnostic};
use crate::draft::{FormatDraft, ProxyDraft};
use crate::lex::Word;
use crate::model::{LogFormats, Mode};

/// What options stand for (configuration.txt, section 8.2).
const NAMED: &[(&str, &str)] = &[
    ("tcplog", "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"),
    (
        "httplog",
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
    ),
    (
        "httplog clf",
        "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc \
         %sq %bq %CC %CS %hrl %hsl",
    ),
    (
        "httpslog",
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
         %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc",
    ),
];

impl Compiler<'_> {
    /// The formats of a frontend.
    pub(crate) fn log_formats(&mut self, proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) -> LogFormats {
        self.place = Checkpoint::Log;
        let mut compile = |draft: &Option<FormatDraft>| {
            let result = self.named_format(draft.as_ref()?);
            result.map_err(|e| notes.push(e)).ok().map(Arc::new)
        };
        LogFormats {
            format: compile(&proxy.log_format),
            error: compile(&proxy.error_log_format),
            structured: compile(&proxy.log_format_sd),
            unique_id: self.unique_id(proxy, notes),
            unique_id_header: proxy.unique_id_header.as_ref().map(|h| h.value.as_str().into()),
        }
    }

    /// `unique-id-format`, which is computed while the request is there.
    fn unique_id(&mut self, proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) -> Option<Arc<LogFormat>> {
        let draft = proxy.unique_id_format.as_ref()?;
        self.place = match proxy.mode {
            Mode::Http => Checkpoint::FrontendHttpRequest,
            Mode::Tcp => Checkpoint::FrontendTcpContent,
        };
        let result = self.named_format(draft);
        self.place = Checkpoint::Log;
        result.map_err(|e| notes.push(e)).ok().map(Arc::new)
    }

    fn named_format(&mut self, draft: &FormatDraft) -> Result<LogFormat, Diagnostic> {
        match draft {
            FormatDraft::Text(word) => {
                let format = self.format(word, &word.text, Style::Log)?;
                let tcp = self.names.proxy().is_some_and(|p| p.mode == Mode::Tcp);
                let of_http = format.variables().find(|variable| tcp && variable.http);
                match of_http {
                    Some(variable) => {
                        let message = format!("'%{}' exists in HTTP mode only", variable.name);
                        Err(Diagnostic::alert(Code::Misplaced, message).at(word.span))
                    }
                    None => Ok(format),
                }
            }
            FormatDraft::Named(name, span) => {
                // HAProxy logs a TCP proxy's connections where requests were asked for.
                let http = self.names.proxy().is_some_and(|p| p.mode == Mode::Http);
                let name = if http { *name } else { "tcplog" };
                let text = NAMED.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
                self.format(&Word::plain(text, *span), text, Style::Log)
            }
        }
    }
}
