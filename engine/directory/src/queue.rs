//! Changes that wait for the thread that writes, and whose turn it is: one that comes alone is carried out by the thread
//! that it came on.

use crate::ScimError;
use crate::write::Writer;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most changes of one transaction.
const MOST: usize = 256;
/// How long the thread stays without work.
const LINGER: Duration = Duration::from_secs(2);
/// How long it waits for more before it does what can wait.
const IDLE: Duration = Duration::from_millis(50);
/// How long it waits for as many changes as it carried out before: who was answered together asks again together, and
/// a transaction costs much the same for one of them as for all.
const PATIENCE: Duration = Duration::from_micros(200);
/// A transaction that took longer says that the next one might, too: nobody carries it out who has something else to do.
const QUICK: Duration = Duration::from_millis(1);

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
    /// Somebody carries changes out.
    busy: bool,
    /// The last transaction was of one change, and quick, and nothing waited behind it.
    calm: bool,
    /// Something is left for when nothing waits.
    more: bool,
    /// Counts transactions.
    turns: u64,
}

/// What becomes of a change that is put in.
pub(crate) enum Place<'q> {
    /// It waits for the thread that writes.
    Waits,
    /// The same, and there is no such thread.
    Unled,
    /// Whoever brought it carries it out.
    Here(Batch, Turn<'q>),
}

/// The right to carry changes out; others wait until it is dropped.
pub(crate) struct Turn<'q> {
    queue: &'q Queue,
    /// How many changes there are; none for what is left to do when nothing waits.
    count: usize,
    /// When it began.
    since: Instant,
    /// Whoever brought the change carries it out.
    pub(crate) here: bool,
    /// Whether something is left for when nothing waits. Whoever broke off did not say.
    pub(crate) more: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let quick = self.since.elapsed() < QUICK;
        let mut waiting = self.queue.lock();
        waiting.busy = false;
        if self.count > 0 {
            waiting.calm = self.count == 1 && quick && waiting.jobs.is_empty();
        }
        waiting.turns += 1;
        let had_more = std::mem::replace(&mut waiting.more, self.more);
        // The thread has to know of it to see to it in time.
        if waiting.more && !had_more {
            self.queue.news.notify_one();
        }
        self.queue.wake(&mut waiting);
    }
}

impl Queue {
    /// Puts a change in. `short` is one that can be carried out at once, if nothing else is under way.
    pub(crate) fn push(&self, job: Box<dyn Job>, short: bool) -> Place<'_> {
        let mut waiting = self.lock();
        waiting.jobs.push(job);
        // Without a thread nobody would make the file catch up.
        if short && waiting.led && waiting.calm && !waiting.busy && waiting.jobs.len() == 1 {
            let (batch, turn) = self.begin(&mut waiting, true);
            return Place::Here(batch, turn);
        }
        self.wake(&mut waiting);
        if std::mem::replace(&mut waiting.led, true) { Place::Waits } else { Place::Unled }
    }

    /// The next batch for the thread, after one of so many. None if it is to end; nothing in it if it has to do
    /// what is left, and nothing waits.
    pub(crate) fn take(&self, before: usize) -> Option<(Batch, Turn<'_>)> {
        let mut waiting = self.lock();
        loop {
            let turns = waiting.turns;
            let most = if waiting.more { IDLE } else { LINGER };
            waiting = self.sleep(waiting, 1, most);
            if waiting.busy || (waiting.turns != turns && waiting.jobs.is_empty() && !waiting.closed) {
                continue;
            }
            if !waiting.jobs.is_empty() {
                break;
            }
            waiting.led = waiting.more;
            return waiting.more.then(|| self.begin(&mut waiting, false));
        }
        waiting = self.sleep(waiting, before.min(MOST), PATIENCE);
        Some(self.begin(&mut waiting, false))
    }

    /// The thread ends, unless something waits.
    pub(crate) fn leave(&self) -> bool {
        let mut waiting = self.lock();
        waiting.led = !waiting.jobs.is_empty();
        !waiting.led
    }

    fn begin(&self, waiting: &mut Waiting, here: bool) -> (Batch, Turn<'_>) {
        let most = waiting.jobs.len().min(MOST);
        let later = waiting.jobs.split_off(most);
        waiting.busy = true;
        let turn = Turn { queue: self, count: most, since: Instant::now(), here, more: true };
        (std::mem::replace(&mut waiting.jobs, later), turn)
    }

    /// Wakes the thread if as many wait as it wants.
    fn wake(&self, waiting: &mut Waiting) {
        if !waiting.busy && waiting.wanted.is_some_and(|wanted| waiting.jobs.len() >= wanted) {
            waiting.wanted = None;
            self.news.notify_one();
        }
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

    /// Until so many wait and nobody is busy, for a while; or there is more to do.
    fn sleep<'q>(
        &'q self,
        mut waiting: MutexGuard<'q, Waiting>,
        wanted: usize,
        most: Duration,
    ) -> MutexGuard<'q, Waiting> {
        let more = waiting.more;
        let asleep = |waiting: &mut Waiting| {
            waiting.busy || (waiting.jobs.len() < wanted && waiting.more == more && !waiting.closed)
        };
        if !asleep(&mut waiting) {
            return waiting;
        }
        waiting.wanted = Some(wanted);
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
