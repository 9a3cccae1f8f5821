//! Groups for the key exchange, by OpenSSL's and by NIST's names.

/// A group that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// X25519 (RFC 7748).
    X25519,
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// X25519 with ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem).
    X25519MlKem768,
}

/// What `curves` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curves {
    /// The groups that are served, the preferred one first.
    pub served: Vec<Curve>,
    /// The names of groups that are asked for and not served.
    pub lacking: Vec<String>,
}

/// Why a list of curves is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// A name that OpenSSL does not know either.
    #[error("unknown curve '{0}'")]
    Unknown(String),
    /// None that is served is left.
    #[error("none of the curves in '{0}' is served")]
    NoneServed(String),
}

/// Names in lower case; without a curve: known, and not served.
static CURVES: &[(&str, Option<Curve>)] = &[
    ("x25519", Some(Curve::X25519)),
    ("p-256", Some(Curve::P256)),
    ("prime256v1", Some(Curve::P256)),
    ("secp256r1", Some(Curve::P256)),
    ("p-384", Some(Curve::P384)),
    ("secp384r1", Some(Curve::P384)),
    ("x25519mlkem768", Some(Curve::X25519MlKem768)),
    ("p-521", None),
    ("secp521r1", None),
    ("x448", None),
    ("p-224", None),
    ("secp224r1", None),
    ("p-192", None),
    ("prime192v1", None),
    ("secp256k1", None),
    ("brainpoolp256r1", None),
    ("brainpoolp384r1", None),
    ("brainpoolp512r1", None),
    ("ffdhe2048", None),
    ("ffdhe3072", None),
    ("ffdhe4096", None),
    ("ffdhe6144", None),
    ("ffdhe8192", None),
];

/// Reads `curves` and `ecdhe`: names separated by colons.
///
/// # Errors
///
/// An unknown name, or none is left that is served.
pub fn parse_curves(text: &str) -> Result<Curves, CurveError> {
    let mut curves = Curves::default();
    for word in text.split(':').filter(|w| !w.is_empty()) {
        let name = word.to_ascii_lowercase();
        let found = CURVES.iter().find(|(known, _)| *known == name);
        match found.ok_or_else(|| CurveError::Unknown(word.to_owned()))?.1 {
            Some(curve) if curves.served.contains(&curve) => {}
            Some(curve) => curves.served.push(curve),
            None => curves.lacking.push(word.to_owned()),
        }
    }
    if curves.served.is_empty() {
        return Err(CurveError::NoneServed(text.to_owned()));
    }
    Ok(curves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_names_are_read() {
        let curves = parse_curves("X25519:P-256:secp384r1:prime256v1:P-521").expect("some are served");
        assert_eq!(curves.served, [Curve::X25519, Curve::P256, Curve::P384]);
        assert_eq!(curves.lacking, ["P-521"]);
    }

    #[test]
    fn unknown_and_unserved_curves_are_told_apart() {
        assert_eq!(parse_curves("P-257"), Err(CurveError::Unknown("P-257".into())));
        assert_eq!(parse_curves("X448"), Err(CurveError::NoneServed("X448".into())));
        assert_eq!(parse_curves(""), Err(CurveError::NoneServed(String::new())));
    }
}
