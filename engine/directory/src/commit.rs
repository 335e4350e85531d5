//! Group commit: requests that arrive while a commit is under way are carried out together in the
//! next transaction, and each is answered when that one is durable.

use crate::ScimError;
use crate::error::StorageError;
use crate::schema::Catalog;
use crate::storage::{COUNTERS, WriteTables};
use crate::write::Writer;
use redb::Database;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

enum State<T> {
    Waiting(Operation<T>),
    Running,
    Ran(Result<T, ScimError>),
    Settled(Result<T, ScimError>),
}

struct Slot<T>(Mutex<State<T>>);

impl<T: Send> Job for Slot<T> {
    fn run(&self, writer: &mut Writer<'_>) -> bool {
        let mut state = lock(&self.0);
        let State::Waiting(operation) = std::mem::replace(&mut *state, State::Running) else { return true };
        let result = operation(writer);
        let sound = !matches!(&result, Err(e) if e.status >= 500);
        *state = State::Ran(result);
        sound
    }

    fn settle(&self, durable: Result<(), ScimError>) {
        let mut state = lock(&self.0);
        let result = match (std::mem::replace(&mut *state, State::Running), durable) {
            (State::Ran(result), Ok(())) => result,
            // A refusal is one, whatever became of the others.
            (State::Ran(Err(error)), Err(_)) => Err(error),
            (_, Err(error)) => Err(error),
            (_, Ok(())) => Err(ScimError::new(500, None, "the request was lost inside the directory")),
        };
        *state = State::Settled(result);
    }
}

/// The queue in front of a database's one writer.
#[derive(Default)]
pub(crate) struct Committer {
    queue: Mutex<VecDeque<Arc<dyn Job>>>,
    writing: Mutex<()>,
}

impl Committer {
    /// Carries out one change, together with others that wait, and returns when it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        database: &Database,
        catalog: &Catalog,
        operation: impl FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send + 'static,
    ) -> Result<T, ScimError> {
        let slot = Arc::new(Slot(Mutex::new(State::Waiting(Box::new(operation)))));
        lock(&self.queue).push_back(slot.clone());
        loop {
            let _writing = lock(&self.writing);
            // Whoever had the writer before may have done this request as well.
            let mut state = lock(&slot.0);
            match std::mem::replace(&mut *state, State::Running) {
                State::Settled(result) => return result,
                other => *state = other,
            }
            drop(state);
            let batch: Vec<_> = {
                let mut queue = lock(&self.queue);
                let most = queue.len().min(MOST);
                queue.drain(..most).collect()
            };
            let durable = transact(database, catalog, &batch).map_err(ScimError::from);
            for job in &batch {
                job.settle(durable.clone());
            }
        }
    }
}

fn transact(database: &Database, catalog: &Catalog, batch: &[Arc<dyn Job>]) -> Result<(), StorageError> {
    let transaction = database.begin_write().map_err(StorageError::of)?;
    {
        let mut writer = Writer {
            tables: WriteTables::open(&transaction)?,
            counters: transaction.open_table(COUNTERS).map_err(StorageError::of)?,
            catalog,
        };
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
