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
        let ca = authority("authority", None)?;
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
        let pem = params.signed_by(&key, &self.ca.issuer())?.pem();
        self.write(file, &(key.serialize_pem() + &pem + &self.ca.pem))
    }

    /// Writes `file` with a key, a certificate for the name, and those of the authorities between it and the first one,
    /// from which each signed the next.
    pub fn issue_below(&self, file: &str, between: &[&str], name: &str, kind: Kind) -> Result<()> {
        let mut chain: Vec<Made> = Vec::new();
        for below in between {
            chain.push(authority(below, Some(chain.last().unwrap_or(&self.ca)))?);
        }
        let key = KeyPair::generate_for(kind.algorithm())?;
        let signer = chain.last().unwrap_or(&self.ca);
        let pem = params(&[name], kind)?.signed_by(&key, &signer.issuer())?.pem();
        let chain: String = chain.iter().rev().map(|made| made.pem.as_str()).collect();
        self.write(file, &(key.serialize_pem() + &pem + &chain))
    }

    /// Writes `file` with a certificate that signed itself.
    pub fn self_signed(&self, file: &str, name: &str) -> Result<()> {
        let key = KeyPair::generate()?;
        let pem = params(&[name], Kind::Ec)?.self_signed(&key)?.pem();
        self.write(file, &(key.serialize_pem() + &pem))
    }

    /// Writes `file` with what an OCSP responder says of a certificate in `of`: that it is good, for so many days.
    pub fn ocsp(&self, of: &str, file: &str, days: u32) -> Result<()> {
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
            &days.to_string(),
        ])?;
        Ok(())
    }

    /// Until when a response of [`Pki::ocsp`] holds, as openssl prints it.
    pub fn holds_until(&self, file: &str) -> Result<String> {
        next_update(&self.openssl(&["ocsp", "-respin", file, "-resp_text", "-noverify"])?)
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

/// Until when the response holds that openssl printed.
pub fn next_update(text: &str) -> Result<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Next Update: "));
    Ok(line.with_context(|| format!("no response in {text}"))?.to_owned())
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

impl Made {
    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

/// An authority that another one vouches for, or else itself.
fn authority(name: &str, signer: Option<&Made>) -> Result<Made> {
    let mut params = params(&[name], Kind::Ec)?;
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    let certificate = match signer {
        Some(signer) => params.signed_by(&key, &signer.issuer())?,
        None => params.self_signed(&key)?,
    };
    Ok(Made { pem: certificate.pem(), params, key })
}
