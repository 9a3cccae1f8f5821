//! Many connections at once: clients and servers as processes of their own, because the files that one may open are
//! limited, and each of them opens one for every connection.
//!
//! The processes are the test's own program, which [`take_part`] turns into one of them if its environment says so.

use std::env;
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::netns::Netns;
use crate::tool::{Keys, Tool};
use crate::wait;

/// What the environment calls a part, with its arguments behind it.
const PART: &str = "LBX_CROWD";

/// Connections of a client's that are being opened at once.
const OPENERS: u64 = 32;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// How long a connection may take to open or to answer while a hundred thousand others do the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// What every connection carries, there and back: its number.
const WORD: usize = 8;

/// Plays the part that the environment names, if it names one, and ends the process.
pub fn take_part() {
    let Ok(part) = env::var(PART) else { return };
    let played = play(&part);
    if let Err(error) = &played {
        println!("failed: {error:#}");
    }
    std::process::exit(i32::from(played.is_err()));
}

fn play(part: &str) -> Result<()> {
    let words: Vec<_> = part.split(' ').collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match words[..] {
        ["echo", address] => runtime.block_on(echoes(address.parse()?)),
        ["clients", service, source, first, count] => {
            runtime.block_on(clients(service.parse()?, source.parse()?, first.parse()?, count.parse()?))
        }
        _ => anyhow::bail!("no part: {part}"),
    }
}

/// The files that a process of this machine may open, once what can be raised is.
pub fn files(wanted: u64) -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok() {
        return Ok(wanted);
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(wanted), hard)?;
    Ok(hard.min(wanted))
}

fn part(netns: &Netns, part: &str) -> Result<(Tool, Keys)> {
    let this = env::current_exe()?;
    let mut command = netns.command(&this.display().to_string());
    Tool::interactive(command.env(PART, part))
}

/// A server that sends back what it gets.
#[derive(Debug)]
pub struct Echoes {
    _tool: Tool,
    _keys: Keys,
}

impl Echoes {
    /// Starts it and waits until it listens.
    pub fn start(netns: &Netns, address: SocketAddr) -> Result<Self> {
        let (mut tool, keys) = part(netns, &format!("echo {address}"))?;
        let output = tool.output_handle();
        tool.wait_until("the server", wait::SOON, || output().contains("ready"))?;
        Ok(Self { _tool: tool, _keys: keys })
    }
}

/// Clients that hold their connections.
#[derive(Debug)]
pub struct Clients {
    tool: Tool,
    keys: Keys,
    count: u64,
}

impl Clients {
    /// Lets `count` clients connect from an address and say their numbers, which begin with `first`.
    pub fn start(netns: &Netns, service: SocketAddr, source: IpAddr, first: u64, count: u64) -> Result<Self> {
        let (tool, keys) = part(netns, &format!("clients {service} {source} {first} {count}"))?;
        Ok(Self { tool, keys, count })
    }

    /// Waits until all of them are connected and were answered.
    pub fn wait_open(&mut self, limit: Duration) -> Result<()> {
        self.wait_for("open", limit)
    }

    /// Lets each of them say its number again and hear it.
    pub fn ask(&mut self) -> Result<()> {
        self.keys.type_in("ask\n")
    }

    /// Waits until each of them has.
    pub fn wait_whole(&mut self, limit: Duration) -> Result<()> {
        self.wait_for("whole", limit)
    }

    fn wait_for(&mut self, what: &str, limit: Duration) -> Result<()> {
        let (output, line) = (self.tool.output_handle(), format!("{what} {}\n", self.count));
        self.tool.wait_until(&line, limit, || output().contains(&line) || output().contains("failed"))?;
        ensure!(output().contains(&line), "{}", output());
        Ok(())
    }
}

async fn echoes(address: SocketAddr) -> Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut word = [0; WORD];
    loop {
        stream.read_exact(&mut word).await?;
        stream.write_all(&word).await?;
    }
}

async fn clients(service: SocketAddr, source: IpAddr, first: u64, count: u64) -> Result<()> {
    let openers: Vec<_> = (0..OPENERS)
        .map(|opener| {
            let numbers = (first..first + count).filter(move |number| number % OPENERS == opener);
            tokio::spawn(open(service, source, numbers.collect()))
        })
        .collect();
    let mut open = Vec::new();
    for opener in openers {
        open.extend(opener.await??);
    }
    println!("open {}", open.len());
    std::io::stdin().lock().read_line(&mut String::new())?;
    for (number, stream) in &mut open {
        talk(stream, *number).await.with_context(|| format!("connection {number}, afterwards"))?;
    }
    println!("whole {}", open.len());
    // Held until all others have been asked.
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

async fn open(service: SocketAddr, source: IpAddr, numbers: Vec<u64>) -> Result<Vec<(u64, TcpStream)>> {
    let mut open = Vec::with_capacity(numbers.len());
    for number in numbers {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        let connected = tokio::time::timeout(PATIENCE, socket.connect(service)).await;
        let mut stream = connected?.with_context(|| format!("connection {number}"))?;
        talk(&mut stream, number).await.with_context(|| format!("connection {number}"))?;
        open.push((number, stream));
    }
    Ok(open)
}

/// Sends the number and gets it back.
async fn talk(stream: &mut TcpStream, number: u64) -> Result<()> {
    stream.write_all(&number.to_be_bytes()).await?;
    let mut back = [0; WORD];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await??;
    ensure!(u64::from_be_bytes(back) == number, "another one's answer");
    Ok(())
}
