//! The steward's own work: answers calls, and tells what happens on the host.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::message::{self, Call, Failure, MAX_CALL, Notice, Written};
use super::session::{Session, Wake};
use crate::reset;
use crate::store::Store as _;

/// How often neighbours are confirmed, and interfaces tried again that could not be had.
const TURN: Duration = Duration::from_secs(1);
/// Notices that wait for the daemon, which does not read them while it waits for an answer.
const NOTICES: usize = 256;
/// Events that wait for room in the line, at most.
const EVENTS: u64 = 1 << 20;

/// The steward's end of the line.
#[derive(Debug)]
pub struct Line {
    calls: StdUnixStream,
    notices: StdUnixStream,
    folder: PathBuf,
}

impl Line {
    pub(super) fn new(calls: StdUnixStream, notices: StdUnixStream, folder: &Path) -> Self {
        Self { calls, notices, folder: folder.to_owned() }
    }

    /// Serves the daemon until it is gone, in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// The line failed, or the daemon sent what is no call.
    pub fn serve(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            for line in [&self.calls, &self.notices] {
                line.set_nonblocking(true)?;
            }
            let teller = Teller::start(UnixStream::from_std(self.notices)?);
            let (calls, answers) = take_calls(UnixStream::from_std(self.calls)?);
            Process { folder: self.folder, session: None, teller, answers }.run(calls).await
        })
    }
}

/// Reads calls in a task of their own, so that waiting for one can be given up without losing half of it. The second
/// half is where answers go.
fn take_calls(line: UnixStream) -> (mpsc::Receiver<io::Result<Call>>, mpsc::Sender<Vec<u8>>) {
    let (sender, receiver) = mpsc::channel(1);
    let (answers, mut outgoing) = mpsc::channel::<Vec<u8>>(1);
    let mut line = line;
    tokio::spawn(async move {
        loop {
            let call = match message::receive(&mut line, MAX_CALL).await {
                Ok(None) => return,
                Ok(Some(bytes)) => message::decode(&bytes),
                Err(error) => Err(error),
            };
            let failed = call.is_err();
            if sender.send(call).await.is_err() || failed {
                return;
            }
            // One answer for each call: the next one is not read before.
            let Some(answer) = outgoing.recv().await else { return };
            if message::send(&mut line, &answer).await.is_err() {
                return;
            }
        }
    });
    (receiver, answers)
}

/// Tells the daemon what it did not ask for, as fast as that takes it.
struct Teller {
    notices: mpsc::Sender<Vec<u8>>,
    lost: u64,
    /// A view could not be told.
    view_due: bool,
}

impl Teller {
    fn start(mut line: UnixStream) -> Self {
        let (notices, mut outgoing) = mpsc::channel::<Vec<u8>>(NOTICES);
        tokio::spawn(async move {
            while let Some(bytes) = outgoing.recv().await {
                if message::send(&mut line, &bytes).await.is_err() {
                    return;
                }
            }
        });
        Self { notices, lost: 0, view_due: false }
    }

    fn tell(&mut self, mut notice: Notice) {
        if let Notice::Events { lost, .. } = &mut notice {
            *lost = self.lost;
        }
        let told = message::encode(&notice).is_ok_and(|bytes| self.notices.try_send(bytes).is_ok());
        match notice {
            Notice::Events { events, .. } => {
                self.lost = if told { 0 } else { (self.lost + events.len() as u64).min(EVENTS) };
            }
            Notice::View(_) => self.view_due = !told,
            Notice::Trouble(_) => {}
        }
    }
}

struct Process {
    folder: PathBuf,
    session: Option<Session>,
    teller: Teller,
    answers: mpsc::Sender<Vec<u8>>,
}

impl Process {
    async fn run(mut self, mut calls: mpsc::Receiver<io::Result<Call>>) -> io::Result<()> {
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let live = self.session.as_mut().and_then(|session| session.live.as_mut());
            let happened = async {
                match live {
                    Some(live) => live.next().await,
                    None => std::future::pending().await,
                }
            };
            let notices = tokio::select! {
                call = calls.recv() => match call {
                    None => return Ok(()),
                    Some(call) => { self.answer(call?).await?; continue }
                },
                wake = happened => self.happened(wake).await,
                _ = turns.tick() => self.turn().await,
            };
            match notices {
                Ok(notices) => notices.into_iter().for_each(|notice| self.teller.tell(notice)),
                Err(error) => self.teller.tell(Notice::Trouble(format!("{error:#}"))),
            }
        }
    }

    async fn happened(&mut self, wake: Wake) -> anyhow::Result<Vec<Notice>> {
        match (wake, &mut self.session) {
            (Wake::Network(notice), Some(session)) => {
                session.network_changed(notice.context("following the host's network")?).await
            }
            (Wake::Events(events), _) => {
                let events = events.context("reading the ring buffer of events")?;
                Ok(vec![Notice::Events { events, lost: 0 }])
            }
            (Wake::Network(_), None) => Ok(Vec::new()),
        }
    }

    async fn turn(&mut self) -> anyhow::Result<Vec<Notice>> {
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let mut notices = session.turn().await?;
        if self.teller.view_due && notices.is_empty() {
            notices.extend(session.view().map(|view| Notice::View(Box::new(view))));
        }
        Ok(notices)
    }

    async fn answer(&mut self, call: Call) -> io::Result<()> {
        let bytes = match call {
            Call::Open(settings) => self.open(&settings),
            Call::Follow(wishes) => {
                let view = match &mut self.session {
                    Some(session) => session.follow(wishes).await,
                    None => Err(closed()),
                };
                encode(view)
            }
            Call::Abandon => {
                self.session = None;
                encode(Ok(()))
            }
            Call::Leave => encode(self.session.take().map_or(Ok(()), Session::leave)),
            call => match &mut self.session {
                Some(session) => of_maps(session, call),
                None => encode::<()>(Err(closed())),
            },
        };
        // The line's task is gone with the daemon only, which the next call tells.
        let _gone = self.answers.send(bytes?).await;
        Ok(())
    }

    fn open(&mut self, settings: &crate::loader::Settings) -> io::Result<Vec<u8>> {
        self.session = None;
        let opened = Session::open(&self.folder, settings);
        encode(opened.map(|(session, opened)| {
            self.session = Some(session);
            opened
        }))
    }
}

/// Calls about maps that are open.
fn of_maps(session: &mut Session, call: Call) -> io::Result<Vec<u8>> {
    let store = &mut session.store;
    match call {
        Call::Read => encode(store.read()),
        Call::Write(writes) => {
            let (done, result) = store.write(&writes);
            encode(Ok(Written { done, failure: result.err().map(|error| format!("{error:#}")) }))
        }
        Call::Tallies(ids) => encode(store.tallies(&ids)),
        Call::Sweep(policy, budget) => encode(store.sweep(&policy, budget as usize)),
        Call::Sources(tables) => encode(store.sources(&tables)),
        Call::EndFlows(servers) => encode(store.end_flows(&servers).and_then(|ended| {
            reset::prompt(&ended).context("telling clients and servers that connections are over")?;
            Ok(ended)
        })),
        Call::Flows(most) => encode(session.flows(most)),
        Call::Keep => {
            session.keep();
            encode(Ok(()))
        }
        Call::Open(_) | Call::Follow(_) | Call::Abandon | Call::Leave => encode::<()>(Err(closed())),
    }
}

fn closed() -> anyhow::Error {
    anyhow::anyhow!("no maps are open")
}

fn encode<T: Serialize>(answer: anyhow::Result<T>) -> io::Result<Vec<u8>> {
    message::encode(&answer.map_err(Failure::from))
}
