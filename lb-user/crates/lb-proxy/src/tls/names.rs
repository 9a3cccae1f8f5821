//! Host names in certificates.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The names that a certificate is for, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The alternative names of kind DNS.
    pub(super) dns: Vec<String>,
    /// The common names of the subject.
    pub(super) common: Vec<String>,
}

impl Names {
    /// Those of a certificate. None: it cannot be read.
    pub(super) fn of(cert: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(cert).ok()?;
        let common = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let common = common.map(str::to_ascii_lowercase).collect();
        let extension = parsed.subject_alternative_name().ok().flatten();
        let names = extension.map(|e| e.value.general_names.as_slice()).unwrap_or_default();
        let dns = names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        Some(Self { dns: dns.collect(), common })
    }

    /// Whether it is for this host. Common names count only where there are no others (RFC 6125, 6.4.4).
    pub(super) fn cover(&self, host: &str) -> bool {
        let names = if self.dns.is_empty() { &self.common } else { &self.dns };
        let host = host.to_ascii_lowercase();
        names.iter().any(|name| covers(name, &host))
    }
}

/// Whether a name covers a host, both in lower case. `*` stands for one whole label, the first.
pub(super) fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix('*') {
        Some(rest) => {
            rest.starts_with('.') && host.find('.').is_some_and(|dot| dot > 0 && &host[dot..] == rest)
        }
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_one_label() {
        let rows = [
            ("a.test", "a.test", true),
            ("*.test", "a.test", true),
            ("*.test", "a.b.test", false),
            ("*.test", "test", false),
            ("*.test", ".test", false),
            ("*test", "atest", false),
            ("*", "a", false),
            ("b.test", "a.test", false),
        ];
        for (name, host, expected) in rows {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }

    #[test]
    fn common_names_count_where_there_are_no_others() {
        let both = Names { dns: vec!["a.test".into()], common: vec!["b.test".into()] };
        assert!(both.cover("A.test"));
        assert!(!both.cover("b.test"));
        let common = Names { dns: Vec::new(), common: vec!["b.test".into()] };
        assert!(common.cover("b.test"));
    }
}
