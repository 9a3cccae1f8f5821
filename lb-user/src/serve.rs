//! The daemon's life: signals in, reload and stop out.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_conf::model::LogLevel;
use lb_core::change::FrontendChange;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::daemon::Daemon;
use crate::messages::say;

/// How the daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After its last connection (SIGUSR1).
    Finished,
    /// At once, by this signal, of which the process then dies, so that its parent sees what HAProxy's would.
    Killed(Signal),
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Finish,
    Kill(Signal),
    Reload,
    ShowServers,
    Frontends(FrontendChange),
}

/// The signals of HAProxy's manual (management.txt, section 4), and SIGUSR2, which its master process takes.
const SIGNALS: [(Signal, Order); 7] = [
    (Signal::SIGUSR1, Order::Finish),
    (Signal::SIGTERM, Order::Kill(Signal::SIGTERM)),
    (Signal::SIGINT, Order::Kill(Signal::SIGINT)),
    (Signal::SIGUSR2, Order::Reload),
    (Signal::SIGHUP, Order::ShowServers),
    (Signal::SIGTTOU, Order::Frontends(FrontendChange::Disable)),
    (Signal::SIGTTIN, Order::Frontends(FrontendChange::Enable)),
];

/// Signals that have arrived and were not acted on yet.
pub(crate) struct Orders(tokio::sync::mpsc::UnboundedReceiver<Order>);

impl Orders {
    /// From now on signals become orders. Called before the daemon says that it is ready.
    ///
    /// # Errors
    /// A signal can't be taken.
    pub(crate) fn listen() -> Result<Self> {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        for (number, order) in SIGNALS {
            let kind = SignalKind::from_raw(number as i32);
            let mut arrivals = signal(kind).with_context(|| format!("sigaction {number}"))?;
            let sender = sender.clone();
            tokio::spawn(
                async move { while arrivals.recv().await.is_some() && sender.send(order).is_ok() {} },
            );
        }
        Ok(Self(receiver))
    }

    async fn next(&mut self) -> Order {
        // The senders live as long as the runtime, which polls this.
        self.0.recv().await.unwrap_or(Order::Kill(Signal::SIGTERM))
    }
}

/// Serves until a signal ends it.
pub(crate) async fn serve(daemon: &Arc<Daemon>, mut orders: Orders) -> End {
    loop {
        match orders.next().await {
            Order::Reload => reload(daemon).await,
            Order::ShowServers => daemon.show_servers(),
            Order::Frontends(change) => daemon.change_frontends(change),
            Order::Kill(signal) => return kill(daemon, signal),
            Order::Finish => return finish(daemon, orders).await,
        }
    }
}

/// Reads the configuration anew. It blocks on files and, at most, on a name server, so it gets a thread of its own.
async fn reload(daemon: &Arc<Daemon>) {
    let worker = Arc::clone(daemon);
    match tokio::task::spawn_blocking(move || worker.reload()).await {
        Ok(Ok(())) => say(LogLevel::Notice, "the new configuration is in place"),
        Ok(Err(error)) => say(LogLevel::Err, format_args!("reload failed, nothing was changed: {error:#}")),
        Err(panic) => say(LogLevel::Err, format_args!("reload failed: {panic}")),
    }
}

/// The next signal that ends everything.
async fn killed(orders: &mut Orders) -> Signal {
    loop {
        if let Order::Kill(signal) = orders.next().await {
            return signal;
        }
    }
}

fn kill(daemon: &Daemon, signal: Signal) -> End {
    daemon.stop_now();
    End::Killed(signal)
}

/// Takes no new connections and waits for the last one to end, for as long as `hard-stop-after` allows.
async fn finish(daemon: &Arc<Daemon>, mut orders: Orders) -> End {
    // `grace`: who sends clients here has time to notice that this will end.
    if let Some(grace) = daemon.config().global.tuning.grace {
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            signal = killed(&mut orders) => return kill(daemon, signal),
        }
    }
    daemon.stop_accepting();
    let waiter = Arc::clone(daemon);
    let mut last = tokio::task::spawn_blocking(move || waiter.wait());
    let limit = tokio::time::sleep(daemon.hard_stop_after().unwrap_or(Duration::MAX));
    tokio::pin!(limit);
    loop {
        tokio::select! {
            _ = &mut last => return End::Finished,
            () = &mut limit => return kill(daemon, Signal::SIGTERM),
            order = orders.next() => if let Order::Kill(signal) = order { return kill(daemon, signal) },
        }
    }
}
