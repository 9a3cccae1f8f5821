//! Headers of the PROXY protocol that are sent.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use lb_conf::model::{ProxyFields, SendProxy};

use super::{AUTHORITY, SIGNATURE, UNIQUE_ID};

/// Kinds of fields.
const ALPN: u8 = 0x01;
const CRC32C: u8 = 0x03;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;

/// What of TLS with the client is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldTls<'a> {
    /// `TLSv1.3` and the like.
    pub(crate) version: &'a str,
    /// Whether the client showed a certificate.
    pub(crate) has_certificate: bool,
    /// What is wrong with it, by OpenSSL's number.
    pub(crate) verify_result: u32,
    /// The common name in it.
    pub(crate) common_name: Option<&'a str>,
    /// The cipher suite.
    pub(crate) cipher: Option<&'a str>,
}

/// What is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    /// Who the client is, and where it went. None: it came over a Unix socket, or the daemon speaks for itself.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    /// The protocol that ALPN agreed on.
    pub(crate) alpn: Option<&'a [u8]>,
    /// The name that the client asked for.
    pub(crate) authority: Option<&'a [u8]>,
    /// The id of the request.
    pub(crate) unique_id: Option<&'a [u8]>,
    /// Whether a checksum is sent.
    pub(crate) checksum: bool,
    /// TLS with the client. None: it is not told of. In it None: there is none.
    pub(crate) tls: Option<Option<ToldTls<'a>>>,
}

/// A header in the version, and with the fields, that a server wants.
pub(crate) fn write(how: &SendProxy, mut told: Told<'_>) -> Vec<u8> {
    let Some(fields) = &how.binary else { return text(&told) };
    let ProxyFields { ssl, common_name, cipher, authority, crc32c, unique_id } = *fields;
    told.checksum = crc32c;
    told.authority = told.authority.filter(|_| authority);
    told.unique_id = told.unique_id.filter(|_| unique_id);
    told.tls = told.tls.filter(|_| ssl);
    if let Some(Some(tls)) = &mut told.tls {
        tls.common_name = tls.common_name.filter(|_| common_name);
        tls.cipher = tls.cipher.filter(|_| cipher);
    }
    binary(&told)
}

/// A header of version 1.
pub(super) fn text(told: &Told<'_>) -> Vec<u8> {
    let line = match told.addresses {
        Some((from, to)) if from.is_ipv4() && to.is_ipv4() => {
            format!("PROXY TCP4 {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
        }
        Some((from, to)) => {
            let (from_ip, to_ip) = (mapped(from.ip()), mapped(to.ip()));
            format!("PROXY TCP6 {from_ip} {to_ip} {} {}\r\n", from.port(), to.port())
        }
        None => "PROXY UNKNOWN\r\n".to_owned(),
    };
    line.into_bytes()
}

/// The address as one of IPv6.
fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// A header of version 2.
pub(super) fn binary(told: &Told<'_>) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[if told.addresses.is_some() { 0x21 } else { 0x20 }, 0, 0, 0]);
    if let Some((from, to)) = told.addresses {
        out[13] = push_addresses(from, to, &mut out);
    }
    let fields = [(ALPN, told.alpn), (AUTHORITY, told.authority), (UNIQUE_ID, told.unique_id)];
    for (kind, value) in fields {
        value.into_iter().for_each(|value| push_field(kind, value, &mut out));
    }
    if let Some(tls) = &told.tls {
        push_field(SSL, &tls_field(tls.as_ref()), &mut out);
    }
    if told.checksum {
        push_field(CRC32C, &[0; 4], &mut out);
    }
    let length = u16::try_from(out.len() - super::FIXED_BYTES).unwrap_or(u16::MAX);
    out[14..16].copy_from_slice(&length.to_be_bytes());
    if told.checksum {
        let (sum, at) = (crc32c(&out), out.len() - 4);
        out[at..].copy_from_slice(&sum.to_be_bytes());
    }
    out
}

/// Appends the addresses; returns their family.
fn push_addresses(from: SocketAddr, to: SocketAddr, out: &mut Vec<u8>) -> u8 {
    let family = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.octets());
            0x11
        }
        (from, to) => {
            out.extend_from_slice(&mapped(from).octets());
            out.extend_from_slice(&mapped(to).octets());
            0x21
        }
    };
    out.extend_from_slice(&from.port().to_be_bytes());
    out.extend_from_slice(&to.port().to_be_bytes());
    family
}

fn push_field(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(value.len()) else { return };
    out.push(kind);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

fn tls_field(tls: Option<&ToldTls<'_>>) -> Vec<u8> {
    let Some(tls) = tls else { return vec![0; 5] };
    // The client uses TLS, and has shown a certificate in this connection, and in this session.
    let mut out = vec![if tls.has_certificate { 0x07 } else { 0x01 }];
    let verified = if tls.has_certificate { tls.verify_result } else { 1 };
    out.extend_from_slice(&verified.to_be_bytes());
    push_field(SSL_VERSION, tls.version.as_bytes(), &mut out);
    tls.common_name.into_iter().for_each(|name| push_field(SSL_CN, name.as_bytes(), &mut out));
    tls.cipher.into_iter().for_each(|name| push_field(SSL_CIPHER, name.as_bytes(), &mut out));
    out
}

/// CRC-32C, bit by bit: headers are short and few.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of the CRC catalogue.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
