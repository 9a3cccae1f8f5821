//! A server that does what servers must not, and one that never answers a SYN.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use lbx_tests::wait;
use socket2::{Domain, SockAddr, Socket, Type};

/// Longer than any timeout of the configuration.
const SILENCE: Duration = Duration::from_secs(25);

/// A server whose doings the path of a request tells.
pub(crate) struct Raw {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    requests: AtomicUsize,
    released: AtomicBool,
}

impl State {
    /// Waits for the test.
    fn wait(&self) -> std::io::Result<()> {
        let released = || self.released.load(Ordering::SeqCst);
        wait::until("the test", SILENCE, released).map_err(std::io::Error::other)
    }
}

impl Raw {
    /// Starts it; its threads end with their connections.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, state) = (listener.local_addr()?, Arc::<State>::default());
        let seen = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                // A client that is gone needs no answer.
                thread::spawn(move || drop(answer(stream, &seen)));
            }
        });
        Ok(Self { address, state })
    }

    /// Requests that have come so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Lets what comes wait for [`Raw::release`] again.
    pub(crate) fn hold(&self) {
        self.state.released.store(false, Ordering::SeqCst);
    }

    /// Lets what waits for the test go on.
    pub(crate) fn release(&self) {
        self.state.released.store(true, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            n => head.extend_from_slice(&bytes[..n]),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    state.requests.fetch_add(1, Ordering::SeqCst);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc";
    match text.split(' ').nth(1).unwrap_or_default() {
        "/silent" => until_closed(&mut stream),
        "/held" => {
            state.wait()?;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        }
        "/reset" => reset(stream).map_err(std::io::Error::other),
        "/half" => stream.write_all(half),
        "/half/silent" => stream.write_all(half).and_then(|()| until_closed(&mut stream)),
        "/half/reset" => {
            stream.write_all(half)?;
            state.wait()?;
            reset(stream).map_err(std::io::Error::other)
        }
        "/head/half" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")?;
            stream.shutdown(Shutdown::Write)?;
            until_closed(&mut stream)
        }
        "/head/silent" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")?;
            until_closed(&mut stream)
        }
        "/head/wrong" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n")?;
            until_closed(&mut stream)
        }
        "/head/none" => {
            stream.write_all(b"junk\r\n\r\n")?;
            until_closed(&mut stream)
        }
        "/endless" => endless(&mut stream),
        _ => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    }
}

fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.set_write_timeout(Some(SILENCE))?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n")?;
    loop {
        stream.write_all(&[b'x'; 65_536])?;
    }
}

/// Reads until the proxy closes.
fn until_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes)? > 0 {}
    Ok(())
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) -> Result<()> {
    Socket::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

/// An address where no connection is accepted and none refused.
pub(crate) struct Hole {
    listener: Socket,
    _filling: Vec<Socket>,
}

impl Hole {
    /// Fills the line of connections that wait to be accepted.
    pub(crate) fn dig() -> Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let filling = (0..3).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
            // It is under way, and stays so once the line is full.
            let _ = socket.connect(&address);
            Ok(socket)
        });
        let filling = filling.collect::<std::io::Result<_>>()?;
        Ok(Self { listener, _filling: filling })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.listener.local_addr().ok().and_then(|address| address.as_socket());
        address.expect("an address of IPv4")
    }
}
