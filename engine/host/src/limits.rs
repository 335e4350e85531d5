//! How much a plugin may use, and the watch that measures it.

use rustix::time::{ClockId, clock_gettime};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// What a plugin may use. `docs/host.md` has the table with the reasons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Processor time of one call.
    pub cpu: Duration,
    /// One call, without the time it spends in the engine's own network and file operations,
    /// which have limits of their own.
    pub wall: Duration,
    /// One call, everything counted.
    pub total: Duration,
    /// How long a call may go on after its job was stopped.
    pub grace: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: usize,
    /// What crosses from the plugin to the engine in one call, in bytes.
    pub crossing_bytes: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Core instances, tables and memories inside one component, each.
    pub core_items: usize,
    /// Resource handles alive in one instance.
    pub handles: usize,
    /// Log lines per second and system; a tenfold burst is let through.
    pub log_lines_per_second: u32,
    /// Bytes of one log line with its fields.
    pub log_line_bytes: usize,
    /// Bytes of one file read.
    pub file_read_bytes: u32,
    /// Bytes of one file written.
    pub file_write_bytes: u64,
    /// Files being written at once by one instance.
    pub file_replacements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(120),
            total: Duration::from_secs(3600),
            grace: Duration::from_secs(5),
            memory_bytes: 64 << 20,
            crossing_bytes: 64 << 20,
            table_elements: 20_000,
            core_items: 100,
            handles: 10_000,
            log_lines_per_second: 100,
            log_line_bytes: 8 << 10,
            file_read_bytes: 4 << 20,
            file_write_bytes: 4 << 30,
            file_replacements: 16,
        }
    }
}

/// A clock tick of the engine's epoch: how often a busy guest is looked at, and yields.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// How often a call that takes long is looked at from outside.
const LOOK: Duration = Duration::from_millis(100);

/// Counts what the current call uses. Shared by the store, whose epoch callback reads it from
/// inside the guest, and by the future outside that drives the guest.
///
/// Processor time is the thread's, not the wall clock's: on a busy machine an honest guest is not
/// stopped for the time that others had.
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    /// Nanoseconds of processor time of finished polls.
    spent: AtomicU64,
    /// The thread's processor time at the start of the poll under way.
    began: AtomicU64,
    /// Milliseconds since `start`, plus one, at which the host wait under way began; 0 for none.
    waiting: AtomicU64,
    /// Milliseconds of finished host waits.
    waited: AtomicU64,
    /// The guest asked for more memory than it may have.
    pub(crate) memory_refused: AtomicBool,
}

/// Why a call was ended from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// [`Limits::wall`] or [`Limits::total`], whichever it was.
    Late(Duration),
    /// The job was stopped, and the call did not return within [`Limits::grace`].
    Cancelled,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            spent: AtomicU64::new(0),
            began: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            memory_refused: AtomicBool::new(false),
        }
    }

    /// Starts a new call at zero.
    pub(crate) fn reset(&self) {
        for counter in [&self.spent, &self.began, &self.waiting, &self.waited] {
            counter.store(0, Ordering::Relaxed);
        }
        self.memory_refused.store(false, Ordering::Relaxed);
    }

    /// Processor time of the call so far; only meaningful on the thread that polls it.
    pub(crate) fn cpu(&self) -> Duration {
        let poll = thread_nanos().saturating_sub(self.began.load(Ordering::Relaxed));
        Duration::from_nanos(self.spent.load(Ordering::Relaxed).saturating_add(poll))
    }

    /// Stops the wall clock while the engine itself works for the guest.
    pub(crate) fn wait(&self) -> Wait<'_> {
        self.waiting.store(self.millis() + 1, Ordering::Relaxed);
        Wait(self)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn waited(&self) -> Duration {
        let current = match self.waiting.load(Ordering::Relaxed) {
            0 => 0,
            began => (self.millis() + 1).saturating_sub(began),
        };
        Duration::from_millis(self.waited.load(Ordering::Relaxed) + current)
    }

    /// Drives a call to its end, or to the end of its limits. Dropping the call poisons the
    /// instance.
    pub(crate) async fn drive<T>(
        &self,
        limits: &Limits,
        cancelled: &AtomicBool,
        work: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        self.reset();
        let start = Instant::now();
        let mut work = pin!(work);
        let mut work = pin!(poll_fn(|context| {
            let before = thread_nanos();
            self.began.store(before, Ordering::Relaxed);
            let polled = work.as_mut().poll(context);
            let used = thread_nanos().saturating_sub(before);
            self.spent.fetch_add(used, Ordering::Relaxed);
            polled
        }));
        let mut stopped: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(LOOK.min(limits.wall)) => {}
            }
            let elapsed = start.elapsed();
            if elapsed.saturating_sub(self.waited()) >= limits.wall {
                return Err(Ended::Late(limits.wall));
            }
            if elapsed >= limits.total {
                return Err(Ended::Late(limits.total));
            }
            if cancelled.load(Ordering::Relaxed)
                && stopped.get_or_insert_with(Instant::now).elapsed() >= limits.grace
            {
                return Err(Ended::Cancelled);
            }
        }
    }
}

/// A host operation under way; ends when dropped.
pub(crate) struct Wait<'a>(&'a Meter);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let began = self.0.waiting.swap(0, Ordering::Relaxed);
        self.0.waited.fetch_add((self.0.millis() + 1).saturating_sub(began), Ordering::Relaxed);
    }
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Memory and tables of one store.
#[derive(Debug)]
pub(crate) struct Space {
    limit: usize,
    used: usize,
    table_elements: usize,
    core_items: usize,
    meter: std::sync::Arc<Meter>,
}

impl Space {
    pub(crate) fn new(limits: &Limits, meter: std::sync::Arc<Meter>) -> Self {
        Self {
            limit: limits.memory_bytes,
            used: 0,
            table_elements: limits.table_elements,
            core_items: limits.core_items,
            meter,
        }
    }
}

impl ResourceLimiter for Space {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.meter.memory_refused.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.core_items
    }

    fn tables(&self) -> usize {
        self.core_items
    }

    fn memories(&self) -> usize {
        self.core_items
    }
}
