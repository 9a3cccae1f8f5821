//! What rustls may negotiate, from the model's lists.

use std::sync::Arc;

use lb_conf::model::{TlsSuites, TlsVersion, TlsVersions};
use lb_conf::tls::{CipherSuite, Curve};
use rustls::crypto::aws_lc_rs::{self, cipher_suite as cs, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

/// All suites of TLS 1.3, in OpenSSL's order.
static SUITES_13: [SupportedCipherSuite; 3] =
    [cs::TLS13_AES_256_GCM_SHA384, cs::TLS13_CHACHA20_POLY1305_SHA256, cs::TLS13_AES_128_GCM_SHA256];

/// All suites of TLS 1.2, in OpenSSL's order.
static SUITES_12: [SupportedCipherSuite; 6] = [
    cs::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cs::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cs::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cs::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    cs::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cs::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// The curves where none are configured. The hybrid with ML-KEM is left out: it costs several times as much per
/// handshake, and is there for who names it.
const CURVES: [Curve; 3] = [Curve::X25519, Curve::P256, Curve::P384];

/// A provider with these suites and curves only.
pub(super) fn provider(suites: &TlsSuites) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = chosen(&SUITES_13, suites.ciphersuites.as_deref());
    provider.cipher_suites.extend(chosen(&SUITES_12, suites.ciphers.as_deref()));
    provider.kx_groups = suites.curves.as_deref().unwrap_or(&CURVES).iter().map(|c| group(*c)).collect();
    Arc::new(provider)
}

/// The versions as rustls wants them.
pub(super) fn versions(versions: TlsVersions) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::V13, &version::TLS13), (TlsVersion::V12, &version::TLS12)];
    all.into_iter().filter(|(v, _)| versions.contains(*v)).map(|(_, version)| version).collect()
}

fn chosen(all: &[SupportedCipherSuite], list: Option<&[CipherSuite]>) -> Vec<SupportedCipherSuite> {
    let Some(list) = list else { return all.to_vec() };
    list.iter().filter_map(|wanted| all.iter().find(|s| u16::from(s.suite()) == wanted.0)).copied().collect()
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => kx_group::X25519,
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::X25519MlKem768 => kx_group::X25519MLKEM768,
    }
}

#[cfg(test)]
mod tests {
    use lb_conf::tls::{parse_ciphers, parse_ciphersuites};

    use super::*;

    fn ids(provider: &CryptoProvider) -> Vec<u16> {
        provider.cipher_suites.iter().map(|s| u16::from(s.suite())).collect()
    }

    #[test]
    fn every_suite_that_the_configuration_may_name_is_provided() {
        let all = parse_ciphers("ALL").expect("suites").suites;
        let all_13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
        let all_13 = parse_ciphersuites(all_13).expect("suites").suites;
        let wanted: Vec<u16> = all_13.iter().chain(&all).map(|s| s.0).collect();
        assert_eq!(ids(&provider(&TlsSuites::default())), wanted);
        let named = TlsSuites { ciphers: Some(all), ciphersuites: Some(all_13), ..TlsSuites::default() };
        assert_eq!(ids(&provider(&named)), wanted);
    }

    #[test]
    fn the_order_of_the_configuration_is_kept() {
        let ciphers =
            parse_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384").expect("suites");
        let curves = Some(vec![Curve::P384, Curve::X25519]);
        let suites = TlsSuites { ciphers: Some(ciphers.suites), curves, ..TlsSuites::default() };
        let provider = provider(&suites);
        assert_eq!(ids(&provider)[3..], [0xC02F, 0xC02C]);
        let groups: Vec<_> = provider.kx_groups.iter().map(|g| g.name()).collect();
        assert_eq!(groups, [rustls::NamedGroup::secp384r1, rustls::NamedGroup::X25519]);
    }

    #[test]
    fn versions_follow_both_limits() {
        let only = |min, max| versions(TlsVersions { min, max }).len();
        assert_eq!(versions(TlsVersions::default()).len(), 2);
        assert_eq!(only(TlsVersion::V12, TlsVersion::V12), 1);
        assert_eq!(only(TlsVersion::V13, TlsVersion::V13), 1);
    }
}
