//! A list of tests that are run by name, in parallel, with a time limit, and *skipped* where the machine lacks
//! something: the standard harness can only pass or fail at run time.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::privilege::{Missing, Need, first_missing, is_strict};

/// The longest a test may take, unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(120);

/// A test.
pub struct Case {
    name: Cow<'static, str>,
    needs: &'static [Need],
    limit: Duration,
    body: Body,
}

type Body = Box<dyn FnOnce() -> anyhow::Result<()> + Send>;

impl Case {
    /// The test `name`, which is skipped where one of `needs` is missing.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        needs: &'static [Need],
        body: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), needs, limit: LIMIT, body: Box::new(body) }
    }

    /// Gives a test that has much to do more time.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn trial(self) -> Trial {
        Trial::ignorable_test(self.name, move || match first_missing(self.needs, is_strict()) {
            Some(Missing::Unable(reason)) => Ok(Completion::ignored_with(reason)),
            Some(Missing::Absent(reason)) => Err(reason.into()),
            None => run_bounded(self.limit, self.body).map(|()| Completion::Completed),
        })
    }
}

/// Runs the tests that the command line selects and ends the process. Takes the options of `cargo test`.
pub fn main(cases: Vec<Case>) -> ! {
    run(Arguments::from_args(), cases)
}

/// The same for tests that mostly wait, for checks and timeouts: twice as many run at a time as there are processors.
pub fn main_waiting(cases: Vec<Case>) -> ! {
    let mut arguments = Arguments::from_args();
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    arguments.test_threads.get_or_insert(processors * 2);
    run(arguments, cases)
}

fn run(arguments: Arguments, cases: Vec<Case>) -> ! {
    crate::daemon::remove_leftovers();
    libtest_mimic::run(&arguments, cases.into_iter().map(Case::trial).collect()).exit()
}

/// Runs `body` in a thread of its own, and gives up on it after `limit`.
fn run_bounded(limit: Duration, body: Body) -> Result<(), Failed> {
    let (done, outcome) = channel();
    let thread = thread::spawn(move || {
        let result = body();
        // The receiver is gone only when the time was up, and then nobody wants the result.
        let _ = done.send(result);
    });
    match outcome.recv_timeout(limit) {
        Ok(result) => {
            let _ = thread.join();
            result.map_err(|e| Failed::from(format!("{e:#}")))
        }
        Err(RecvTimeoutError::Timeout) => Err(format!("still running after {limit:?}").into()),
        Err(RecvTimeoutError::Disconnected) => Err(panic_message(thread).into()),
    }
}

fn panic_message(thread: thread::JoinHandle<()>) -> String {
    let Err(payload) = thread.join() else { return "ended without a result".into() };
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_else(|| "panic".into())
}
