//! Group commit: changes that arrive while a commit is under way are carried out together in the next transaction, and
//! whoever asked is told when that one is durable. One thread writes; it is there while there is work. A change that comes
//! while nothing else does is carried out where it came, so that no two threads have to wake each other for it.

use crate::ScimError;
use crate::catalog::Catalog;
use crate::desk::Desk;
use crate::error::StorageError;
use crate::queue::{Batch, Job, Place, Queue, Turn};
use crate::settings::Settings;
use crate::snapshot::Snapshots;
use crate::storage::ReadTables;
use crate::write::Writer;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, TryLockError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// What holds for all resources: read at the start of a transaction, changed by one of its own.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
}

/// How long a reader waits before it looks again.
const MOMENT: Duration = Duration::from_micros(20);

type Listener = Box<dyn Fn() + Send + Sync>;

/// A database with its one writer.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Queue,
    writing: Mutex<Desk>,
    /// Dropped after the desk, which may have a transaction.
    database: Database,
    state: RwLock<Arc<State>>,
    /// Told after each commit while the groups of some application are provisioned at once.
    told: OnceLock<Listener>,
    snapshots: Snapshots,
}

impl Committer {
    pub(crate) fn new(database: Database, desk: Desk, state: State) -> Self {
        let shared = Shared {
            queue: Queue::default(),
            writing: Mutex::new(desk),
            database,
            state: RwLock::new(Arc::new(state)),
            told: OnceLock::new(),
            snapshots: Snapshots::default(),
        };
        Self { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// A transaction that sees all changes.
    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, StorageError> {
        self.shared.settle()?;
        self.shared.database.begin_read().map_err(StorageError::of)
    }

    /// What holds now.
    pub(crate) fn state(&self) -> Arc<State> {
        self.shared.state()
    }

    /// Who is told of commits.
    pub(crate) fn on_change(&self, tell: Listener) {
        // Whoever asked first goes on being told.
        let _ = self.shared.told.set(tell);
    }

    /// The tables as the last change left them.
    pub(crate) fn snapshot(&self) -> Result<Arc<ReadTables>, StorageError> {
        self.shared.settle()?;
        self.shared.snapshots.latest(&self.shared.database)
    }

    /// Has one change carried out, together with others that wait. `done` is called when the change is durable or
    /// refused: on the thread that writes, or here if the change is short and nothing else is under way.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send + 'static,
        short: bool,
        done: impl FnOnce(Result<T, ScimError>) + Send + 'static,
    ) {
        let job = Box::new(Change { operation: Some(operation), result: None, done: Some(done) });
        let desk = if short { free(&self.shared.writing) } else { None };
        let short = desk.as_ref().is_some_and(|desk| desk.is_quick());
        match (self.shared.queue.push(job, short), desk) {
            (Place::Here(batch, turn), Some(desk)) => self.shared.carry_out(desk, batch, turn),
            (Place::Unled, _) => self.lead(),
            _ => {}
        }
    }

    /// Carries one change out and returns when it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send + 'static,
    ) -> Result<T, ScimError> {
        let (tell, told) = mpsc::sync_channel(1);
        self.submit(operation, false, move |result| {
            // It waits below.
            let _ = tell.send(result);
        });
        told.recv().unwrap_or_else(|_| Err(lost()))
    }

    #[cfg(test)]
    pub(crate) fn is_late(&self) -> bool {
        lock(&self.shared.writing).is_late()
    }

    /// Starts the thread that writes.
    fn lead(&self) {
        let mut thread = lock(&self.thread);
        if let Some(last) = thread.take() {
            // It has nothing left to do, and whatever it met it has told.
            let _ = last.join();
        }
        let shared = self.shared.clone();
        match std::thread::Builder::new().name("directory".to_owned()).spawn(move || shared.lead()) {
            Ok(started) => *thread = Some(started),
            Err(error) => {
                let error =
                    ScimError::from(StorageError::Failed(format!("no thread to write with: {error}")));
                for job in self.shared.queue.give_up() {
                    job.settle(Err(error.clone()));
                }
            }
        }
    }

    /// Changes what holds for all resources, alone in its transaction.
    pub(crate) fn reconfigure(
        &self,
        change: impl FnOnce(&WriteTransaction, &Arc<State>) -> Result<State, ScimError>,
    ) -> Result<(), ScimError> {
        let shared = &self.shared;
        let mut desk = lock(&shared.writing);
        shared.settle_at(&mut desk)?;
        let state = desk.alone(&shared.database, |transaction| change(transaction, &self.state()))?;
        shared.snapshots.outdate(false);
        let state = Arc::new(state);
        *shared.state.write().unwrap_or_else(PoisonError::into_inner) = state.clone();
        shared.tell(&state);
        Ok(())
    }
}

impl Drop for Committer {
    /// What waits is carried out, and then the file is free for whoever opens it next.
    fn drop(&mut self) {
        self.shared.queue.close();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, state: &State) {
        if let Some(tell) = self.told.get().filter(|_| !state.settings.central_store.is_empty()) {
            tell();
        }
    }

    fn lead(&self) {
        let mut before = 0;
        while let Some((batch, turn)) = self.queue.take(before) {
            before = batch.len();
            if before > 0 {
                self.carry_out(lock(&self.writing), batch, turn);
            } else if self.work(turn).is_err() && self.queue.leave() {
                // The journal has everything. Whoever writes next meets the error.
                return;
            }
        }
    }

    /// Before something is read. Waits for a short change at most: whoever does what takes long settles first.
    fn settle(&self) -> Result<(), StorageError> {
        if !self.snapshots.ask() {
            return Ok(());
        }
        while self.snapshots.are_late() {
            match free(&self.writing) {
                Some(mut desk) => return self.settle_at(&mut desk),
                None => std::thread::sleep(MOMENT),
            }
        }
        Ok(())
    }

    fn settle_at(&self, desk: &mut Desk) -> Result<(), StorageError> {
        if desk.is_late() {
            desk.settle(&self.database)?;
            self.snapshots.outdate(false);
        }
        Ok(())
    }

    /// What can wait until nothing else is to be done.
    fn work(&self, mut turn: Turn<'_>) -> Result<(), StorageError> {
        let mut desk = lock(&self.writing);
        let worked = self.settle_at(&mut desk).and_then(|()| desk.work(&self.database));
        turn.more = desk.has_work();
        worked
    }

    /// A change that panics takes its transaction with it, and nothing else: all of them are told.
    fn carry_out(&self, desk: MutexGuard<'_, Desk>, batch: Batch, turn: Turn<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.carry_out_and_tell(desk, batch, turn)));
    }

    fn carry_out_and_tell(&self, mut desk: MutexGuard<'_, Desk>, mut batch: Batch, mut turn: Turn<'_>) {
        let state = self.state();
        // Readers wait for nothing that may take long.
        let settled = if turn.here { Ok(()) } else { self.settle_at(&mut desk) };
        let may_be_late = turn.here && !self.snapshots.were_asked();
        let durable = settled
            .and_then(|()| desk.carry_out(&self.database, &state, &mut batch, may_be_late))
            .map_err(ScimError::from);
        turn.more = desk.has_work();
        self.snapshots.outdate(desk.is_late());
        self.tell(&state);
        drop((desk, turn));
        for job in batch {
            job.settle(durable.clone());
        }
    }
}

/// A change, and whoever waits for it.
struct Change<T, O, D: FnOnce(Result<T, ScimError>)> {
    operation: Option<O>,
    result: Option<Result<T, ScimError>>,
    done: Option<D>,
}

impl<T, O, D> Job for Change<T, O, D>
where
    T: Send,
    O: FnOnce(&mut Writer<'_>) -> Result<T, ScimError> + Send,
    D: FnOnce(Result<T, ScimError>) + Send,
{
    fn run(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(operation) = self.operation.take() else { return true };
        let result = operation(writer);
        let sound = !matches!(&result, Err(e) if e.status >= 500);
        self.result = Some(result);
        sound
    }

    fn settle(mut self: Box<Self>, durable: Result<(), ScimError>) {
        let result = match (self.result.take(), durable) {
            (Some(Ok(result)), Ok(())) => Ok(result),
            // A refusal is one, whatever became of the others.
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(lost()),
        };
        if let Some(done) = self.done.take() {
            done(result);
        }
    }
}

impl<T, O, D: FnOnce(Result<T, ScimError>)> Drop for Change<T, O, D> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(lost()));
        }
    }
}

fn lost() -> ScimError {
    ScimError::new(500, None, "the directory broke down over a request; see the engine's log")
}

/// A panic elsewhere does not make the data behind the lock wrong: each change is checked before it
/// is written, and an unfinished transaction is dropped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, if nobody holds it.
fn free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(held) => Some(held),
        Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests;
