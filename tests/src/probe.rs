//! Clients that shake hands.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// What came of a handshake, in words that can be compared.
///
/// `openssl s_client` prints `New, TLSv1.3, Cipher is NAME` after a handshake and `alert NAME` where the server gave up.
pub fn s_client(address: SocketAddr, arguments: &[&str]) -> Result<String> {
    let out = s_client_output(address, arguments)?;
    let line = |start: &str| out.lines().find_map(|line| line.trim().strip_prefix(start)).map(str::to_owned);
    if let Some(alert) = out.split("SSL alert number ").nth(1) {
        let number: String = alert.chars().take_while(char::is_ascii_digit).collect();
        return Ok(format!("alert {number}"));
    }
    let Some(cipher) = line("New, ").or_else(|| line("Reused, ")).filter(|cipher| !cipher.contains("(NONE)"))
    else {
        return Ok("no handshake".to_owned());
    };
    let (version, cipher) = cipher.split_once(", Cipher is ").context("a cipher")?;
    let subject = line("subject=").unwrap_or_default().replace("CN = ", "");
    let alpn = line("ALPN protocol: ").unwrap_or_else(|| "-".to_owned());
    let stapled = if out.contains("OCSP Response Status: successful") { " stapled" } else { "" };
    Ok(format!("{version} {cipher} {subject} {alpn}{stapled}"))
}

/// Everything that `openssl s_client` says.
pub fn s_client_output(address: SocketAddr, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("openssl");
    // It ends when the server closes, not when its input does: what the server says to the request comes later.
    command.args(["s_client", "-ign_eof", "-connect", &address.to_string()]).args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("openssl")?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// What curl gets: status and version of HTTP, or curl's own error.
pub fn curl(url: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]).args(arguments).arg(url);
    let output = command.output().context("curl")?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout)?),
        code => Ok(format!("curl error {}", code.unwrap_or(-1))),
    }
}
