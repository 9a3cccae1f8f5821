//! The daemon's end of the line.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use lb_common::rule::TableNumber;
use lb_common::value::ServerId;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::message::{
    self, Call, Failure, Listed, MAX_ANSWER, Notice, Opened, View, WRITES, Wishes, Written,
};
use crate::flows::{Ended, Policy, Step};
use crate::loader::Settings;
use crate::store::{Contents, Ids, Room, Sources, Store, Tallies, Write};

/// Notices that wait for the kernel plane's task.
const NOTICES: usize = 64;

/// The steward is gone, or does not speak the same language.
#[derive(Debug, thiserror::Error)]
#[error(
    "the kernel plane's process has ended{how}; what is pinned goes on forwarding, and nothing follows it up"
)]
pub struct Gone {
    how: String,
    #[source]
    source: Option<io::Error>,
}

/// The daemon's handle of its steward. Once all are dropped the steward ends.
#[derive(Clone, Debug)]
pub struct Steward(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Mutex<UnixStream>,
    notices: UnixStream,
    folder: PathBuf,
    child: Mutex<Option<Pid>>,
}

impl Steward {
    pub(super) fn new(calls: UnixStream, notices: UnixStream, folder: &Path) -> Self {
        let (calls, folder, child) = (Mutex::new(calls), folder.to_owned(), Mutex::new(None));
        Self(Arc::new(Inner { calls, notices, folder, child }))
    }

    /// Says that it is this child of the process, so that its end can be told.
    pub fn is_child(&self, pid: Pid) {
        *self.0.child.lock() = Some(pid);
    }

    /// The folder of its pins, which is set for its life.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    pub(crate) fn open(&self, settings: Settings) -> anyhow::Result<Opened> {
        self.call(&Call::Open(settings))
    }

    pub(crate) fn follow(&self, wishes: &Wishes) -> anyhow::Result<View> {
        self.call(&Call::Follow(wishes.clone()))
    }

    /// Connections that the kernel forwards, so many at most.
    ///
    /// # Errors
    ///
    /// No maps are open, or they cannot be read.
    pub fn flows(&self, most: u32) -> anyhow::Result<Vec<Listed>> {
        self.call(&Call::Flows(most))
    }

    pub(crate) fn keep(&self) -> anyhow::Result<()> {
        self.call(&Call::Keep)
    }

    pub(crate) fn abandon(&self) -> anyhow::Result<()> {
        self.call(&Call::Abandon)
    }

    pub(crate) fn leave(&self) -> anyhow::Result<()> {
        self.call(&Call::Leave)
    }

    fn call<T: DeserializeOwned>(&self, call: &Call) -> anyhow::Result<T> {
        let answer: io::Result<Result<T, Failure>> = message::exchange(&mut self.0.calls.lock(), call);
        Ok(answer.map_err(|error| self.gone(Some(error)))??)
    }

    /// What there is to say about its end.
    pub(crate) fn gone(&self, source: Option<io::Error>) -> Gone {
        let how = match self.0.child.lock().take().and_then(ended) {
            Some(WaitStatus::Exited(_, code)) => format!(" with status {code}"),
            Some(WaitStatus::Signaled(_, signal, _)) => format!(" by {signal}"),
            _ => String::new(),
        };
        Gone { how, source }
    }

    /// What it tells without being asked, as it comes; the end of it is its end. Within a tokio runtime.
    pub(crate) fn notices(&self) -> io::Result<mpsc::Receiver<Notice>> {
        let line = self.0.notices.try_clone()?;
        line.set_nonblocking(true)?;
        let mut line = tokio::net::UnixStream::from_std(line)?;
        let (sender, receiver) = mpsc::channel(NOTICES);
        tokio::spawn(async move {
            while let Ok(Some(bytes)) = message::receive(&mut line, MAX_ANSWER).await {
                let Ok(notice) = message::decode(&bytes) else { return };
                if sender.send(notice).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}

/// How a child ended that has closed its end of the line. It takes the kernel a moment from there to the end.
fn ended(child: Pid) -> Option<WaitStatus> {
    for _ in 0..50 {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(10)),
            Ok(status) => return Some(status),
            Err(_) => return None,
        }
    }
    None
}

/// The maps, at the other end of the line.
pub(crate) struct RemoteStore {
    steward: Steward,
    room: Room,
}

impl RemoteStore {
    /// Those that were opened with so much room.
    pub(crate) fn new(steward: Steward, room: Room) -> Self {
        Self { steward, room }
    }
}

impl Store for RemoteStore {
    fn room(&self) -> Room {
        self.room
    }

    fn read(&self) -> anyhow::Result<Contents> {
        self.steward.call(&Call::Read)
    }

    fn write(&mut self, writes: &[Write]) -> (usize, anyhow::Result<()>) {
        let mut done = 0;
        let alone = |a: &Write, b: &Write| !a.is_long() && !b.is_long();
        for chunk in writes.chunk_by(alone).flat_map(|chunk| chunk.chunks(WRITES)) {
            match self.steward.call::<Written>(&Call::Write(chunk.to_vec())) {
                Ok(Written { done: some, failure: None }) => done += some,
                Ok(Written { done: some, failure: Some(text) }) => {
                    return (done + some, Err(anyhow::Error::msg(text)));
                }
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    fn tallies(&self, of: &Ids) -> anyhow::Result<Tallies> {
        self.steward.call(&Call::Tallies(of.clone())).context("reading counters")
    }

    fn sweep(&mut self, policy: &Policy, budget: usize) -> anyhow::Result<Step> {
        let budget = u32::try_from(budget).unwrap_or(u32::MAX);
        self.steward.call(&Call::Sweep(policy.clone(), budget)).context("looking for flows that are over")
    }

    fn sources(&mut self, tables: &BTreeSet<TableNumber>) -> anyhow::Result<Sources> {
        self.steward.call(&Call::Sources(tables.clone())).context("reading what was counted of sources")
    }

    fn end_flows(&mut self, servers: &BTreeSet<ServerId>) -> anyhow::Result<Vec<Ended>> {
        self.steward.call(&Call::EndFlows(servers.clone())).context("ending flows")
    }
}
