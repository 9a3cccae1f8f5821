//! The log of one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use lb_conf::model::{self, Global, LogLevel, LogTarget, Sampling};
use tokio::task::{spawn_local, yield_now};

use super::envelope::Envelope;
use super::ring::Rings;
use super::sink::Sink;
use super::{LocalTime, wall_clock};

/// Lines that may wait for the thread to have nothing else to do.
const MAX_WAITING: usize = 64;

/// The receivers that a thread has open, and what it has for them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    receivers: RefCell<Vec<Rc<Receiver>>>,
    flushing: Rc<Cell<bool>>,
    second: Cell<Option<(u64, LocalTime)>>,
}

#[derive(Debug)]
struct Receiver {
    address: model::LogAddress,
    sink: RefCell<Sink>,
    waiting: RefCell<Vec<Vec<u8>>>,
    spare: RefCell<Vec<Vec<u8>>>,
}

/// Where the lines of a proxy go, and who they say that they come from.
#[derive(Debug, Default)]
pub(crate) struct ProxyLog {
    targets: Vec<(LogTarget, Rc<Receiver>)>,
    tag: String,
    hostname: Option<String>,
}

impl ProxyLog {
    /// Whether nobody listens.
    pub(crate) fn is_silent(&self) -> bool {
        self.targets.is_empty()
    }
}

impl Journal {
    /// Opens the receivers of a proxy's log.
    pub(crate) fn open(&self, proxy: &model::Proxy, global: &Global, rings: &Rings) -> ProxyLog {
        let mut targets = Vec::with_capacity(proxy.logs.len());
        for target in &proxy.logs {
            match self.receiver(&target.address, rings) {
                Ok(receiver) => targets.push((target.clone(), receiver)),
                Err(e) => log::warn!("{}: cannot log to {:?}: {e}", proxy.name, target.address),
            }
        }
        let tag = proxy.log_tag.clone().or_else(|| global.log_tag.clone());
        ProxyLog {
            targets,
            tag: tag.unwrap_or_else(|| "lbx".to_owned()),
            hostname: global.log_hostname.clone(),
        }
    }

    fn receiver(&self, address: &model::LogAddress, rings: &Rings) -> std::io::Result<Rc<Receiver>> {
        let mut receivers = self.receivers.borrow_mut();
        if let Some(known) = receivers.iter().find(|r| r.address == *address) {
            return Ok(Rc::clone(known));
        }
        let receiver = Rc::new(Receiver {
            address: address.clone(),
            sink: RefCell::new(Sink::open(address, rings)?),
            waiting: RefCell::default(),
            spare: RefCell::default(),
        });
        receivers.push(Rc::clone(&receiver));
        Ok(receiver)
    }

    /// Writes a message to a proxy's log. It goes out once the thread has done what it is doing.
    pub(crate) fn write(&self, log: &ProxyLog, level: LogLevel, message: &[u8]) {
        self.write_with(log, level, None, message);
    }

    /// The same with structured data for targets whose format has room for them.
    pub(crate) fn write_with(
        &self,
        log: &ProxyLog,
        level: LogLevel,
        structured: Option<&[u8]>,
        message: &[u8],
    ) {
        let now = wall_clock();
        for (target, receiver) in &log.targets {
            if level <= target.level && target.sample.as_ref().is_none_or(Sampling::takes_next) {
                let line =
                    self.line(log, target, level.max(target.min_level), now, (structured, message), receiver);
                self.queue(receiver, line);
            }
        }
    }

    fn line(
        &self,
        log: &ProxyLog,
        target: &LogTarget,
        level: LogLevel,
        now: Duration,
        (structured, message): (Option<&[u8]>, &[u8]),
        receiver: &Receiver,
    ) -> Vec<u8> {
        let mut line = receiver.spare.borrow_mut().pop().unwrap_or_default();
        let envelope = Envelope {
            framing: receiver.sink.borrow().framing().unwrap_or(target.format),
            structured,
            facility: target.facility,
            level,
            time: self.local(now.as_secs()),
            micros: now.subsec_micros(),
            hostname: log.hostname.as_deref(),
            tag: &log.tag,
            pid: std::process::id(),
        };
        envelope.write(&mut line);
        line.extend_from_slice(message);
        // The line feed counts.
        line.truncate(target.max_len.saturating_sub(1));
        line.push(b'\n');
        line
    }

    /// The local time, looked up once a second.
    fn local(&self, second: u64) -> LocalTime {
        match self.second.get() {
            Some((known, time)) if known == second => time,
            _ => {
                let time = LocalTime::of(second);
                self.second.set(Some((second, time)));
                time
            }
        }
    }

    fn queue(&self, receiver: &Rc<Receiver>, line: Vec<u8>) {
        receiver.waiting.borrow_mut().push(line);
        if receiver.waiting.borrow().len() >= MAX_WAITING {
            receiver.flush();
        } else if !self.flushing.replace(true) {
            let (flushing, receivers) = (Rc::clone(&self.flushing), self.receivers.borrow().clone());
            spawn_local(async move {
                // What other tasks of this turn have to say goes with it.
                yield_now().await;
                flushing.set(false);
                receivers.iter().for_each(|receiver| receiver.flush());
            });
        }
    }
}

impl Receiver {
    fn flush(&self) {
        let mut lines = self.waiting.take();
        self.sink.borrow_mut().send(&lines);
        lines.iter_mut().for_each(Vec::clear);
        let mut spare = self.spare.borrow_mut();
        lines.truncate(MAX_WAITING.saturating_sub(spare.len()));
        spare.append(&mut lines);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.receivers.borrow().iter().for_each(|receiver| receiver.flush());
    }
}
