//! What `global` and proxies say about sockets.
//!
//! A worker's settings are its thread's: sockets are made in many places, and all of them follow the configuration that
//! the worker serves.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use lb_conf::model::{KeepAlive, SocketBuffers, Tuning};
use socket2::{Socket, TcpKeepalive};

thread_local! {
    static SETTINGS: Cell<Settings> = Cell::default();
}

/// The settings of a thread's sockets and pipes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// Buffers towards clients.
    pub(crate) client: SocketBuffers,
    /// Buffers towards servers.
    pub(crate) server: SocketBuffers,
    /// Bytes of a pipe.
    pub(crate) pipe: Option<u32>,
    /// Bulk transfers are copied.
    pub(crate) no_splice: bool,
}

impl Settings {
    /// Those of the current thread.
    pub(crate) fn current() -> Self {
        SETTINGS.get()
    }

    /// From now on the current thread follows this configuration.
    pub(crate) fn install(tuning: &Tuning) {
        SETTINGS.set(Self {
            client: tuning.client_buffers,
            server: tuning.server_buffers,
            pipe: tuning.pipe_bytes,
            no_splice: tuning.no_splice,
        });
    }
}

/// What a proxy wants of its connections on one side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// Probes of a silent peer, where they are on.
    pub(crate) probes: Option<KeepAlive>,
    /// Closing drops what is not sent.
    pub(crate) no_linger: bool,
    /// How long data may be unacknowledged.
    pub(crate) user_timeout: Option<Duration>,
}

impl Wishes {
    /// Sets what is wished for.
    pub(crate) fn apply(&self, socket: &Socket) -> io::Result<()> {
        if let Some(probes) = &self.probes {
            set_probes(socket, probes)?;
        }
        if self.no_linger {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        match self.user_timeout {
            Some(time) => socket.set_tcp_user_timeout(Some(time)),
            None => Ok(()),
        }
    }
}

/// Sets the buffers that are not left to the system.
pub(crate) fn set_buffers(socket: &Socket, buffers: SocketBuffers) -> io::Result<()> {
    if let Some(bytes) = buffers.receive {
        socket.set_recv_buffer_size(bytes as usize)?;
    }
    buffers.send.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes as usize))
}

fn set_probes(socket: &Socket, probes: &KeepAlive) -> io::Result<()> {
    let mut wanted = TcpKeepalive::new();
    if let Some(time) = probes.idle {
        wanted = wanted.with_time(time);
    }
    if let Some(time) = probes.interval {
        wanted = wanted.with_interval(time);
    }
    if let Some(count) = probes.count {
        wanted = wanted.with_retries(count);
    }
    socket.set_tcp_keepalive(&wanted)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_is_set_as_wished() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let probes = KeepAlive { count: Some(4), idle: Some(Duration::from_secs(7)), interval: None };
        let user_timeout = Some(Duration::from_secs(9));
        Wishes { probes: Some(probes), no_linger: true, user_timeout }.apply(&socket).unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        assert_eq!(socket.tcp_user_timeout().unwrap(), user_timeout);
        set_buffers(&socket, SocketBuffers { receive: Some(20_000), send: None }).unwrap();
        // The kernel doubles the value (socket(7)).
        assert_eq!(socket.recv_buffer_size().unwrap(), 40_000);
    }
}
