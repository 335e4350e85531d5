//! Changes that wait for the thread that writes.

use crate::ScimError;
use crate::write::Writer;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most changes of one transaction.
const MOST: usize = 256;
/// How long the thread stays without work.
const LINGER: Duration = Duration::from_secs(2);
/// How long it waits for more before it does what can wait.
const IDLE: Duration = Duration::from_millis(50);
/// How long it waits for as many changes as it carried out before: who was answered together asks again together, and
/// a transaction costs much the same for one of them as for all.
const PATIENCE: Duration = Duration::from_micros(200);

/// A change that waits, and somebody who waits for it.
pub(crate) trait Job: Send {
    /// Carries the change out. Says whether the transaction can go on: false after a failure of the storage itself,
    /// which may have left half a change.
    fn run(&mut self, writer: &mut Writer<'_>) -> bool;
    /// Tells what came of it: an error if its transaction did not become durable.
    fn settle(self: Box<Self>, durable: Result<(), ScimError>);
}

pub(crate) type Batch = Vec<Box<dyn Job>>;

#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: Batch,
    /// There is a thread that writes.
    led: bool,
    /// It sleeps until so many wait.
    wanted: Option<usize>,
    closed: bool,
}

impl Queue {
    /// Puts a change in. Whether a thread has to be started for it.
    pub(crate) fn push(&self, job: Box<dyn Job>) -> bool {
        let mut waiting = self.lock();
        waiting.jobs.push(job);
        if waiting.wanted.is_some_and(|wanted| waiting.jobs.len() >= wanted) {
            waiting.wanted = None;
            self.news.notify_one();
        }
        !std::mem::replace(&mut waiting.led, true)
    }

    /// The next batch, after one of so many. None if the thread is to end; nothing in it if the thread has to do
    /// something else before it ends, and nothing waits.
    pub(crate) fn take(&self, before: usize, stays: bool) -> Option<Batch> {
        let mut waiting = self.sleep(self.lock(), 1, if stays { IDLE } else { LINGER });
        if waiting.jobs.is_empty() {
            waiting.led = stays;
            return stays.then(Batch::new);
        }
        waiting = self.sleep(waiting, before.min(MOST), PATIENCE);
        let most = waiting.jobs.len().min(MOST);
        let later = waiting.jobs.split_off(most);
        Some(std::mem::replace(&mut waiting.jobs, later))
    }

    /// The thread ends, unless something waits.
    pub(crate) fn leave(&self) -> bool {
        let mut waiting = self.lock();
        waiting.led = !waiting.jobs.is_empty();
        !waiting.led
    }

    /// No thread could be started: gives back what waits.
    pub(crate) fn give_up(&self) -> Batch {
        let mut waiting = self.lock();
        waiting.led = false;
        std::mem::take(&mut waiting.jobs)
    }

    /// The thread ends when nothing waits any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// Until so many wait, for a while.
    fn sleep<'q>(
        &'q self,
        mut waiting: MutexGuard<'q, Waiting>,
        wanted: usize,
        most: Duration,
    ) -> MutexGuard<'q, Waiting> {
        if waiting.jobs.len() >= wanted || waiting.closed {
            return waiting;
        }
        waiting.wanted = Some(wanted);
        let asleep = |waiting: &mut Waiting| waiting.jobs.len() < wanted && !waiting.closed;
        let slept = self.news.wait_timeout_while(waiting, most, asleep);
        let (mut waiting, _) = slept.unwrap_or_else(PoisonError::into_inner);
        waiting.wanted = None;
        waiting
    }

    /// A panic elsewhere does not make a list of changes wrong.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
