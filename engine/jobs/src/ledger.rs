//! The job's books, shared by all that write in them, and their way into the store.
//!
//! Whoever books holds a short lock for all that belongs together, so that a commit holds all of it or
//! nothing. Commits go one after the other: the job as the store holds it never goes back.

use crate::checkpoint::Books;
use crate::error::Stop;
use crate::progress::Progress;
use crate::run::Run;
use gangway_model::{Intent, Job, JobStatus, Phase, RelationKey};
use gangway_store::StoreError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The job's books.
pub(crate) struct Ledger {
    run: Arc<Run>,
    books: Mutex<Books>,
    /// Held by the commit under way, with what is durable.
    durable: tokio::sync::Mutex<Durable>,
    progress: Progress,
}

/// What the store holds.
struct Durable {
    /// The job as it was committed last.
    job: Job,
    /// Entries up to this number.
    entries: u64,
    /// Why it takes nothing more: what was to be committed then is lost, and nothing may follow it.
    failed: Option<StoreError>,
}

impl Ledger {
    pub(crate) fn new(run: Arc<Run>, job: Job, progress: Progress) -> Self {
        let durable = Durable { job: job.clone(), entries: 0, failed: None };
        let books = Mutex::new(Books::new(run.clone(), job));
        Self { run, books, durable: tokio::sync::Mutex::new(durable), progress }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing that books panics halfway.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books what belongs together.
    pub(crate) fn book<T>(&self, entry: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books();
        books.entries += 1;
        entry(&mut books)
    }

    /// Looks something up.
    pub(crate) fn look<T>(&self, question: impl FnOnce(&Books) -> T) -> T {
        question(&self.books())
    }

    /// The job as it stands.
    pub(crate) fn job(&self) -> Job {
        self.look(|books| books.job().clone())
    }

    /// Notes a circumstance that influenced deletion, once.
    pub(crate) fn outcome(&self, line: String) {
        self.book(|books| books.outcome(line));
    }

    /// Notes the source's error.
    pub(crate) fn source_failed(&self, error: String) {
        self.book(|books| books.source_failed(error));
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.book(|books| books.phase(phase));
    }

    /// The job as it was committed last: what remains if the store fails.
    pub(crate) async fn durable(&self) -> Job {
        self.durable.lock().await.job.clone()
    }

    /// Makes everything booked so far durable, with the intents of what goes out next. Whatever others
    /// have booked meanwhile goes along, and who comes to find that a commit took its entries is done.
    pub(crate) async fn commit(&self, intents: Vec<(RelationKey, Vec<Intent>)>) -> Result<(), Stop> {
        let wanted = {
            let mut books = self.books();
            if !intents.is_empty() {
                books.announce(intents);
                books.entries += 1;
            }
            books.entries
        };
        let mut durable = self.durable.lock().await;
        if let Some(error) = &durable.failed {
            return Err(Stop::Store(error.clone()));
        }
        if durable.entries >= wanted {
            return Ok(());
        }
        let (batch, job, total, entries) = {
            let mut books = self.books();
            let batch = books.take();
            (batch, books.job().clone(), books.total(), books.entries)
        };
        if let Err(stop) = self.run.blocking(move |store| store.commit(&batch)).await {
            if let Stop::Store(error) = &stop {
                durable.failed = Some(error.clone());
            }
            self.run.halted.store(true, Ordering::Release);
            return Err(stop);
        }
        self.progress.step(&job, total);
        (durable.job, durable.entries) = (job, entries);
        Ok(())
    }

    /// Ends the job.
    pub(crate) async fn finish(&self, status: JobStatus) -> Result<Job, (Job, Stop)> {
        // An interrupted job has not ended: it goes on after the restart.
        let end_ms = status.is_final().then(|| self.run.clock.now_ms());
        self.book(|books| books.end(status, end_ms));
        match self.commit(Vec::new()).await {
            Ok(()) => Ok(self.job()),
            Err(stop) => Err((self.durable().await, stop)),
        }
    }
}
