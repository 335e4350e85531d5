//! Group commit: requests that arrive while a commit is under way are carried out together in the
//! next transaction, and each is answered when that one is durable.

use crate::ScimError;
use crate::catalog::Catalog;
use crate::error::StorageError;
use crate::settings::Settings;
use crate::storage::ReadTables;
use crate::write::Writer;
use redb::{Database, ReadableDatabase, WriteTransaction};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// Most requests of one transaction.
const MOST: usize = 256;

trait Job: Send + Sync {
    /// Carries the request out. Says whether the transaction can go on: false after a failure of
    /// the storage itself, which may have left half a change.
    fn run(&self, writer: &mut Writer<'_>) -> bool;
    /// Settles the request, if that was not done: with an error if its transaction did not become durable.
    fn settle(&self, durable: Result<(), ScimError>);
    /// Whoever waits for the request is to carry out the next transaction.
    fn lead(&self);
}

type Operation<T> = Box<dyn FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send>;

enum Progress<T> {
    Waiting(Operation<T>),
    /// Waiting, and the next to lead.
    Leading(Operation<T>),
    Running,
    Ran(Result<T, ScimError>),
    Settled(Result<T, ScimError>),
}

/// A request, and whoever waits for it.
struct Slot<T> {
    progress: Mutex<Progress<T>>,
    news: Condvar,
}

impl<T> Slot<T> {
    fn new(operation: Operation<T>, leads: bool) -> Self {
        let progress = if leads { Progress::Leading(operation) } else { Progress::Waiting(operation) };
        Self { progress: Mutex::new(progress), news: Condvar::new() }
    }

    /// The result; none if it is the caller's turn to lead.
    fn wait(&self) -> Option<Result<T, ScimError>> {
        let mut progress = lock(&self.progress);
        loop {
            match std::mem::replace(&mut *progress, Progress::Running) {
                Progress::Settled(result) => return Some(result),
                leading @ Progress::Leading(_) => {
                    *progress = leading;
                    return None;
                }
                other => *progress = other,
            }
            progress = self.news.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Send> Job for Slot<T> {
    fn run(&self, writer: &mut Writer<'_>) -> bool {
        let mut progress = lock(&self.progress);
        let (Progress::Waiting(operation) | Progress::Leading(operation)) =
            std::mem::replace(&mut *progress, Progress::Running)
        else {
            return true;
        };
        let result = operation(writer);
        let sound = !matches!(&result, Err(e) if e.status >= 500);
        *progress = Progress::Ran(result);
        sound
    }

    fn settle(&self, durable: Result<(), ScimError>) {
        let mut progress = lock(&self.progress);
        let result = match (std::mem::replace(&mut *progress, Progress::Running), durable) {
            (Progress::Settled(result) | Progress::Ran(result), Ok(())) => result,
            (Progress::Settled(result), Err(_)) => result,
            // A refusal is one, whatever became of the others.
            (Progress::Ran(Err(error)), Err(_)) => Err(error),
            (_, Err(error)) => Err(error),
            (_, Ok(())) => Err(ScimError::new(500, None, "the request was lost inside the directory")),
        };
        *progress = Progress::Settled(result);
        self.news.notify_one();
    }

    fn lead(&self) {
        let mut progress = lock(&self.progress);
        match std::mem::replace(&mut *progress, Progress::Running) {
            Progress::Waiting(operation) => *progress = Progress::Leading(operation),
            other => *progress = other,
        }
        self.news.notify_one();
    }
}

/// What holds for all resources: read at the start of a transaction, changed by one of its own.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
}

/// Requests that no transaction has taken up yet.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<dyn Job>>,
    /// Somebody leads: carries out transactions for all.
    led: bool,
}

/// The queue in front of a database's one writer.
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    writing: Mutex<()>,
    state: RwLock<Arc<State>>,
    /// Told after each commit while the groups of some application are provisioned at once.
    told: OnceLock<Listener>,
    latest: RwLock<Latest>,
}

/// What readers see since the last commit, opened once for all of them.
#[derive(Default)]
struct Latest {
    tables: Option<Arc<ReadTables>>,
    /// Counts commits, so that nobody puts in what was opened before one.
    commits: u64,
}

type Listener = Box<dyn Fn() + Send + Sync>;

impl Committer {
    pub(crate) fn new(state: State) -> Self {
        Self {
            queue: Mutex::default(),
            writing: Mutex::default(),
            state: RwLock::new(Arc::new(state)),
            told: OnceLock::new(),
            latest: RwLock::default(),
        }
    }

    /// What holds now.
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who is told of commits.
    pub(crate) fn on_change(&self, tell: Listener) {
        // Whoever asked first goes on being told.
        let _ = self.told.set(tell);
    }

    fn tell(&self, state: &State) {
        if let Some(tell) = self.told.get().filter(|_| !state.settings.central_store.is_empty()) {
            tell();
        }
    }

    /// The tables as the last commit left them.
    pub(crate) fn snapshot(&self, database: &Database) -> Result<Arc<ReadTables>, StorageError> {
        let commits = {
            let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
            match &latest.tables {
                Some(tables) => return Ok(tables.clone()),
                None => latest.commits,
            }
        };
        let transaction = database.begin_read().map_err(StorageError::of)?;
        let tables = Arc::new(ReadTables::open(&transaction)?);
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        if latest.commits == commits {
            latest.tables = Some(tables.clone());
        }
        Ok(tables)
    }

    /// After a commit, and before anybody is told of it.
    fn outdate(&self) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        latest.tables = None;
        latest.commits += 1;
    }

    /// Carries out one change, together with others that wait, and returns when it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        database: &Database,
        operation: impl FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send + 'static,
    ) -> Result<T, ScimError> {
        let slot = {
            let mut queue = lock(&self.queue);
            let leads = !std::mem::replace(&mut queue.led, true);
            let slot = Arc::new(Slot::new(Box::new(operation), leads));
            queue.waiting.push_back(slot.clone());
            slot
        };
        loop {
            match slot.wait() {
                Some(result) => return result,
                None => Lead { committer: self, batch: Vec::new() }.transact(database),
            }
        }
    }

    /// Changes what holds for all resources, alone in its transaction.
    pub(crate) fn reconfigure(
        &self,
        database: &Database,
        change: impl FnOnce(&WriteTransaction, &State) -> Result<State, ScimError>,
    ) -> Result<(), ScimError> {
        let _writing = lock(&self.writing);
        let transaction = database.begin_write().map_err(StorageError::of)?;
        let state = change(&transaction, &self.state())?;
        transaction.commit().map_err(StorageError::of)?;
        self.outdate();
        let state = Arc::new(state);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state.clone();
        self.tell(&state);
        Ok(())
    }
}

/// One turn as the leader. Whatever happens in it, everybody is told and somebody leads next.
struct Lead<'c> {
    committer: &'c Committer,
    batch: Vec<Arc<dyn Job>>,
}

impl Lead<'_> {
    fn transact(mut self, database: &Database) {
        {
            let mut queue = lock(&self.committer.queue);
            let most = queue.waiting.len().min(MOST);
            self.batch = queue.waiting.drain(..most).collect();
        }
        let _writing = lock(&self.committer.writing);
        let state = self.committer.state();
        let durable = transact(database, &state, &self.batch).map_err(ScimError::from);
        self.committer.outdate();
        for job in &self.batch {
            job.settle(durable.clone());
        }
        self.committer.tell(&state);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        {
            let mut queue = lock(&self.committer.queue);
            match queue.waiting.front() {
                Some(next) => next.lead(),
                None => queue.led = false,
            }
        }
        let lost =
            || ScimError::new(500, None, "the directory broke down over a request; see the engine's log");
        for job in &self.batch {
            job.settle(Err(lost()));
        }
    }
}

fn transact(database: &Database, state: &State, batch: &[Arc<dyn Job>]) -> Result<(), StorageError> {
    let transaction = database.begin_write().map_err(StorageError::of)?;
    {
        let mut writer = Writer::open(&transaction, state)?;
        for job in batch {
            if !job.run(&mut writer) {
                return Err(StorageError::Failed("nothing was written; see the engine's log".to_owned()));
            }
        }
    }
    transaction.commit().map_err(StorageError::of)
}

/// A panic elsewhere does not make the data behind the lock wrong: each change is checked before it
/// is written, and an unfinished transaction is dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    fn committer() -> (Database, Committer) {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).unwrap();
        let catalog = Catalog::new(Vec::new()).unwrap();
        (database, Committer::new(State { catalog, settings: Settings::default() }))
    }

    #[test]
    fn requests_that_wait_are_led_by_one_of_them() {
        let (database, committer) = committer();
        let (database, committer) = (&database, &committer);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..40)
                .map(|n| {
                    scope.spawn(move || {
                        for m in 0..20 {
                            let nap = Duration::from_micros(n * 7 % 50);
                            let given = committer.write(database, move |_| {
                                std::thread::sleep(nap);
                                Ok(n + m)
                            });
                            assert_eq!(given.unwrap(), n + m);
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert!(!lock(&committer.queue).led);
    }

    #[test]
    fn a_request_that_panics_takes_nobody_with_it() {
        let (database, committer) = committer();
        let (database, committer) = (&database, &committer);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let slow = |_: &mut Writer<'_>| {
                    std::thread::sleep(Duration::from_millis(50));
                    Ok(())
                };
                committer.write(database, slow).unwrap();
            });
            std::thread::sleep(Duration::from_millis(20));
            // Both wait for the slow one, and are in one transaction.
            scope.spawn(|| {
                let broken = |_: &mut Writer<'_>| -> Result<(), ScimError> { panic!("on purpose") };
                let _ = catch_unwind(AssertUnwindSafe(|| committer.write(database, broken)));
            });
            scope.spawn(|| {
                let _ = catch_unwind(AssertUnwindSafe(|| committer.write(database, |_| Ok(1))));
            });
        });
        assert_eq!(committer.write(database, |_| Ok(2)).unwrap(), 2, "and the next one is led again");
    }
}
