//! Certificates for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd,
};

/// A certificate and its key.
pub struct Made {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

/// A folder with an authority, whose certificate is `ca.pem`, and what it signed.
pub struct Pki {
    dir: PathBuf,
    ca: Made,
}

/// What a certificate is to be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An elliptic curve key, P-256.
    Ec,
    /// An RSA key.
    Rsa,
    /// The first, and no longer valid.
    Expired,
}

impl Kind {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Kind::Ec | Kind::Expired => &PKCS_ECDSA_P256_SHA256,
            Kind::Rsa => &PKCS_RSA_SHA256,
        }
    }
}

impl Pki {
    /// An authority in a folder.
    pub fn new(dir: &Path) -> Result<Self> {
        let ca = authority()?;
        let pki = Self { dir: dir.to_owned(), ca };
        pki.write("ca.pem", &pki.ca.pem)?;
        pki.write("ca.key", &pki.ca.key.serialize_pem())?;
        Ok(pki)
    }

    /// The path of a file.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// The authority's file, for arguments.
    pub fn ca(&self) -> String {
        self.path("ca.pem").display().to_string()
    }

    /// Writes `file` with a certificate for the names, of which the first is its common name.
    pub fn issue(&self, file: &str, names: &[&str], kind: Kind) -> Result<()> {
        let params = params(names, kind)?;
        let key = KeyPair::generate_for(kind.algorithm())?;
        let issuer = Issuer::from_params(&self.ca.params, &self.ca.key);
        let pem = params.signed_by(&key, &issuer)?.pem();
        self.write(file, &(key.serialize_pem() + &pem + &self.ca.pem))
    }

    /// Writes `file` with a certificate that signed itself.
    pub fn self_signed(&self, file: &str, name: &str) -> Result<()> {
        let key = KeyPair::generate()?;
        let pem = params(&[name], Kind::Ec)?.self_signed(&key)?.pem();
        self.write(file, &(key.serialize_pem() + &pem))
    }

    /// Writes `file` with what an OCSP responder says of a certificate in `of`: that it is good.
    pub fn ocsp(&self, of: &str, file: &str) -> Result<()> {
        let serial = self.openssl(&["x509", "-in", of, "-noout", "-serial"])?;
        let serial = serial.trim().strip_prefix("serial=").context("a serial number")?.to_owned();
        self.write("index.txt", &format!("V\t991231235959Z\t\t{serial}\tunknown\t/CN=x\n"))?;
        self.write("index.txt.attr", "unique_subject = no\n")?;
        self.openssl(&["ocsp", "-issuer", "ca.pem", "-cert", of, "-reqout", "ocsp.req", "-no_nonce"])?;
        self.openssl(&[
            "ocsp",
            "-index",
            "index.txt",
            "-rsigner",
            "ca.pem",
            "-rkey",
            "ca.key",
            "-CA",
            "ca.pem",
            "-reqin",
            "ocsp.req",
            "-respout",
            file,
            "-ndays",
            "10",
        ])?;
        Ok(())
    }

    /// A file in base64, on one line.
    pub fn base64(&self, file: &str) -> Result<String> {
        Ok(self.openssl(&["base64", "-A", "-in", file])?.trim().to_owned())
    }

    fn openssl(&self, arguments: &[&str]) -> Result<String> {
        let run = Command::new("openssl").args(arguments).current_dir(&self.dir).output()?;
        ensure!(run.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
        Ok(String::from_utf8(run.stdout)?)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path(file);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }
}

fn params(names: &[&str], kind: Kind) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, *names.first().context("a name")?);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = match kind {
        Kind::Expired => date_time_ymd(2024, 2, 1),
        Kind::Ec | Kind::Rsa => date_time_ymd(2090, 1, 1),
    };
    Ok(params)
}

fn authority() -> Result<Made> {
    let mut params = params(&["authority"], Kind::Ec)?;
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok(Made { params, key, pem })
}
