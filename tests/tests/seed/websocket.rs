//! "This algorithm is ideal for long-lived connections such as WebSocket sessions": leastconn with WebSocket over
//! HTTP/1.1, between a client and servers that speak it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::wait;
use tungstenite::{Message, WebSocket};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("websocket::least_connections", &[], || spread(Program::Lbx)),
        Case::new("websocket::least_connections_with_haproxy", &[Need::Program("haproxy")], || {
            spread(Program::Haproxy)
        }),
    ]
}

const CONFIG: &str = "
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout tunnel 1m
listen web
    bind 127.0.0.1:{web}
    balance leastconn
    server s1 {s1}
    server s2 {s2}
    server s3 {s3}
";

/// A server that greets with its name and sends back what it gets.
fn server(name: &'static str) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ends with its connection; a client that fails sees it.
            thread::spawn(move || serve(name, stream));
        }
    });
    Ok(address)
}

fn serve(name: &str, stream: TcpStream) -> tungstenite::Result<()> {
    let mut socket = tungstenite::accept(stream).map_err(|_| tungstenite::Error::ConnectionClosed)?;
    socket.send(Message::text(name))?;
    loop {
        match socket.read()? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message)?,
            Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
}

type Client = WebSocket<TcpStream>;

/// Connects, and reads which server it is.
fn connect(web: SocketAddr) -> Result<(Client, String)> {
    let stream = TcpStream::connect(web)?;
    stream.set_read_timeout(Some(wait::SOON))?;
    let (mut socket, response) = tungstenite::client(format!("ws://{web}/chat"), stream)?;
    ensure!(response.status() == 101, "{}", response.status());
    let name = socket.read()?.into_text()?.to_string();
    Ok((socket, name))
}

fn spread(program: Program) -> Result<()> {
    let setup = Setup::new(program, CONFIG)?.port("web");
    let setup = setup.set("s1", server("s1")?).set("s2", server("s2")?).set("s3", server("s3")?);
    let daemon = setup.start()?;
    let web = daemon.address("web");
    let mut open = (0..9).map(|_| connect(web)).collect::<Result<Vec<_>>>()?;
    for name in ["s1", "s2", "s3"] {
        let count = open.iter().filter(|(_, server)| server == name).count();
        ensure!(count == 3, "{name} has {count} of 9");
    }
    // Two of s2 leave: the next two go there.
    let mut left = 0;
    open.retain_mut(|(socket, name)| {
        let leaves = name == "s2" && left < 2;
        if leaves {
            left += 1;
            let _ = socket.close(None);
            // The answer to it, and the end.
            while socket.read().is_ok() {}
        }
        !leaves
    });
    thread::sleep(std::time::Duration::from_millis(200));
    for _ in 0..2 {
        let (socket, name) = connect(web)?;
        ensure!(name == "s2", "{name}");
        open.push((socket, name));
    }
    // Longer than the timeouts of client and server: it is a tunnel's that counts.
    thread::sleep(std::time::Duration::from_millis(2500));
    for (socket, name) in &mut open {
        let text = format!("hello {name} ").repeat(3000);
        socket.send(Message::text(text.clone()))?;
        let back = socket.read().with_context(|| format!("from {name}"))?;
        ensure!(back == Message::text(text), "{name} sent something else");
    }
    Ok(())
}
