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
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// Most requests of one transaction.
const MOST: usize = 256;

trait Job: Send + Sync {
    /// Carries the request out. Says whether the transaction can go on: false after a failure of
    /// the storage itself, which may have left half a change.
    fn run(&self, writer: &mut Writer<'_>) -> bool;
    /// Settles the request: with an error if its transaction did not become durable.
    fn settle(&self, durable: Result<(), ScimError>);
}

type Operation<T> = Box<dyn FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send>;

enum Progress<T> {
    Waiting(Operation<T>),
    Running,
    Ran(Result<T, ScimError>),
    Settled(Result<T, ScimError>),
}

struct Slot<T>(Mutex<Progress<T>>);

impl<T: Send> Job for Slot<T> {
    fn run(&self, writer: &mut Writer<'_>) -> bool {
        let mut state = lock(&self.0);
        let Progress::Waiting(operation) = std::mem::replace(&mut *state, Progress::Running) else {
            return true;
        };
        let result = operation(writer);
        let sound = !matches!(&result, Err(e) if e.status >= 500);
        *state = Progress::Ran(result);
        sound
    }

    fn settle(&self, durable: Result<(), ScimError>) {
        let mut state = lock(&self.0);
        let result = match (std::mem::replace(&mut *state, Progress::Running), durable) {
            (Progress::Ran(result), Ok(())) => result,
            // A refusal is one, whatever became of the others.
            (Progress::Ran(Err(error)), Err(_)) => Err(error),
            (_, Err(error)) => Err(error),
            (_, Ok(())) => Err(ScimError::new(500, None, "the request was lost inside the directory")),
        };
        *state = Progress::Settled(result);
    }
}

/// What holds for all resources: read at the start of a transaction, changed by one of its own.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
}

/// The queue in front of a database's one writer.
pub(crate) struct Committer {
    queue: Mutex<VecDeque<Arc<dyn Job>>>,
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
        let slot = Arc::new(Slot(Mutex::new(Progress::Waiting(Box::new(operation)))));
        lock(&self.queue).push_back(slot.clone());
        loop {
            let _writing = lock(&self.writing);
            // Whoever had the writer before may have done this request as well.
            let mut state = lock(&slot.0);
            match std::mem::replace(&mut *state, Progress::Running) {
                Progress::Settled(result) => return result,
                other => *state = other,
            }
            drop(state);
            let batch: Vec<_> = {
                let mut queue = lock(&self.queue);
                let most = queue.len().min(MOST);
                queue.drain(..most).collect()
            };
            let state = self.state();
            let durable = transact(database, &state, &batch).map_err(ScimError::from);
            self.outdate();
            for job in &batch {
                job.settle(durable.clone());
            }
            self.tell(&state);
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
