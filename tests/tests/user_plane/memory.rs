//! What transfers and requests leave in memory: nothing that grows with them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Http;
use lbx_tests::daemon::Daemon;
use lbx_tests::origin::Origin;

use crate::lbx;

/// Bytes of a transfer: many times what may be held of it.
const LARGE: u64 = 1 << 30;

/// What a transfer may add to the daemon's memory at its peak, in kilobytes: buffers of both sides, and of the kernel's
/// pages that debug builds touch.
const ROOM: u64 = 48 * 1024;

const WEB: &str = "
listen web
    mode http
    bind 127.0.0.1:{web}
    bind 127.0.0.1:{two} proto h2
    server s1 {s1}
";

/// A server of bodies that are not held anywhere: it sends what is asked for, and reads what is announced.
fn server() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        // A client that is gone ends its connection alone.
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> Result<()> {
    let head = read_head(&mut stream)?;
    let announced = head.to_ascii_lowercase();
    let announced = announced.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: u64 = announced.map_or(Ok(0), |text| text.trim().parse())?;
    ensure!(std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink())? == length);
    let size = if head.starts_with("GET /large") { LARGE } else { 0 };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n")?;
    std::io::copy(&mut std::io::repeat(b'x').take(size), &mut stream)?;
    Ok(())
}

/// Reads to the end of the head and no further.
fn read_head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A line of the daemon's status, in kilobytes.
fn kilobytes(daemon: &Daemon, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
    Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
}

/// A gigabyte in each direction and in both versions.
pub(crate) fn transfers() -> Result<()> {
    let daemon = lbx(WEB)?.port("web").port("two").set("s1", server()?).start()?;
    // A file without blocks, which reads as zeroes.
    let file = daemon.home().dir().join("zeroes");
    File::create(&file)?.set_len(LARGE)?;
    let file = file.to_string_lossy().into_owned();
    let rows: [(&str, &str, &[&str]); 4] = [
        ("web", "--http1.1", &[]),
        ("two", "--http2-prior-knowledge", &[]),
        ("web", "--http1.1", &["-T", &file]),
        ("two", "--http2-prior-knowledge", &["-T", &file]),
    ];
    for (port, version, words) in rows {
        let before = kilobytes(&daemon, "VmHWM")?;
        let url = format!("http://{}/large", daemon.address(port));
        let said =
            ["-s", "-H", "expect:", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{size_upload}"];
        let output = Command::new("curl").args([version, &url]).args(words).args(said).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = if words.is_empty() { format!("200 {LARGE} 0") } else { format!("200 0 {LARGE}") };
        ensure!(said == expected, "{version} {words:?}: {said}");
        // The kernel's count is approximate, and may even fall.
        let grown = kilobytes(&daemon, "VmHWM")?.saturating_sub(before);
        ensure!(grown < ROOM, "{version} {words:?}: {grown} kB more");
    }
    Ok(())
}

/// Requests of one connection after the other, the last of which find the memory that the first ones left.
pub(crate) fn requests() -> Result<()> {
    const TENTH: usize = 3000;
    let origin = Origin::http("s1")?;
    let daemon = lbx(WEB)?.port("web").port("two").set("s1", origin.address()).start()?;
    let some = |count: usize| -> Result<()> {
        for _ in 0..count / 100 {
            let mut http = Http::connect(daemon.address("web"))?;
            for _ in 0..100 {
                ensure!(http.get("/bytes/2000")?.body.len() == 2000);
            }
        }
        Ok(())
    };
    some(TENTH)?;
    let first = kilobytes(&daemon, "VmRSS")?;
    some(9 * TENTH)?;
    let last = kilobytes(&daemon, "VmRSS")?;
    // Half a kilobyte for each of them: allocators keep some.
    ensure!(last < first + 13_500, "{first} kB, then {last} kB");
    Ok(())
}
