use super::fault::Fault;
use super::medium::{Medium, Place};
use super::open_files::OpenFiles;
use super::tables::{COMMITS, FORMAT, FORMAT_KEY, META, number};
use crate::StoreError;
use ::redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

/// A database file that opens itself: at its first use, when it was closed for want of memory, and
/// again after an I/O error, which leaves an open redb database useless.
pub(super) struct DatabaseFile {
    medium: Arc<dyn Medium>,
    place: Place,
    cache_bytes: usize,
    open_files: Arc<OpenFiles>,
    last_used: AtomicU64,
    slot: RwLock<Slot>,
}

#[derive(Default)]
struct Slot {
    database: Option<Database>,
    /// Counts the openings.
    generation: u64,
    /// What the counter of commits said at the latest openings, by generation.
    recovered: VecDeque<(u64, u64)>,
    /// Erased: never to be opened again.
    gone: bool,
}

/// A write transaction with the number of the commit that it will be.
pub(super) struct Write<'t> {
    pub(super) txn: &'t WriteTransaction,
    pub(super) sequence: u64,
}

/// How far a failed write had come.
struct Failure {
    fault: Fault,
    /// The number of the commit whose outcome is unknown.
    committing: Option<u64>,
}

impl DatabaseFile {
    /// A file that is there.
    pub(super) fn existing(
        medium: &Arc<dyn Medium>,
        place: Place,
        cache_bytes: usize,
        open_files: &Arc<OpenFiles>,
    ) -> Arc<Self> {
        let file = Arc::new(Self {
            medium: Arc::clone(medium),
            place,
            cache_bytes,
            open_files: Arc::clone(open_files),
            last_used: AtomicU64::new(0),
            slot: RwLock::default(),
        });
        open_files.register(&file);
        file
    }

    /// Makes a file. It appears under its name only with everything that `fill` puts into it.
    pub(super) fn create(
        medium: &Arc<dyn Medium>,
        place: Place,
        cache_bytes: usize,
        open_files: &Arc<OpenFiles>,
        fill: &dyn Fn(&Write<'_>) -> Result<(), Fault>,
    ) -> Result<Arc<Self>, StoreError> {
        let file = Self::existing(medium, place, cache_bytes, open_files);
        let made = medium
            .create(&file.place, &mut file.builder(), &|database| {
                let txn = database.begin_write()?;
                {
                    let mut meta = txn.open_table(META)?;
                    meta.insert(FORMAT_KEY, u64::from(FORMAT).to_le_bytes().as_slice())?;
                    meta.insert(COMMITS, 0u64.to_le_bytes().as_slice())?;
                }
                fill(&Write { txn: &txn, sequence: 0 })?;
                txn.commit()?;
                Ok(())
            })
            .map_err(|fault| fault.into_error(&file.place))?;
        {
            let mut slot = file.exclusive();
            file.put(&mut slot, Some(made));
            slot.generation = 1;
        }
        Ok(file)
    }

    /// Reads in one snapshot.
    pub(super) fn read<T>(
        &self,
        operation: impl Fn(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut again = true;
        loop {
            let (result, generation) = self.with(|database| operation(&database.begin_read()?))?;
            let fault = match result {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            if !fault.breaks_database() {
                return Err(fault.into_error(&self.place));
            }
            self.reopen(generation, &fault)?;
            if !again {
                return Err(fault.into_error(&self.place));
            }
            again = false;
        }
    }

    /// Writes durably, all of it or nothing.
    pub(super) fn write<T>(
        &self,
        operation: impl Fn(&Write<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let mut again = true;
        loop {
            let mut written = None;
            let (result, generation) = self.with(|database| attempt(database, &operation, &mut written))?;
            let failure = match result {
                Ok(()) => match written {
                    Some(value) => return Ok(value),
                    None => return Err(StoreError::Failed(format!("{}: nothing was written", self.place))),
                },
                Err(failure) => failure,
            };
            if !failure.fault.breaks_database() {
                return Err(failure.fault.into_error(&self.place));
            }
            if let Err(error) = self.reopen(generation, &failure.fault) {
                return Err(match failure.committing {
                    None => failure.fault.into_error(&self.place),
                    Some(_) => StoreError::Failed(format!(
                        "{error}; whether the last commit was written shows when the file can be opened again"
                    )),
                });
            }
            if let Some(sequence) = failure.committing {
                // The disk may have taken the commit although it reported an error.
                match (self.recovered(generation + 1), written) {
                    (Some(through), Some(value)) if through >= sequence => return Ok(value),
                    _ => {}
                }
            }
            if !(again && failure.fault.is_of_another()) {
                return Err(failure.fault.into_error(&self.place));
            }
            again = false;
        }
    }

    /// Closes the file for good and waits for those who use it.
    pub(super) fn close_for_good(&self) {
        let mut slot = self.exclusive();
        slot.gone = true;
        self.put(&mut slot, None);
    }

    pub(super) fn is_open(&self) -> bool {
        match self.slot.try_read() {
            Ok(slot) => slot.database.is_some(),
            Err(TryLockError::Poisoned(slot)) => slot.into_inner().database.is_some(),
            Err(TryLockError::WouldBlock) => true,
        }
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Closes the file unless somebody uses it just now.
    pub(super) fn close_if_unused(&self) {
        if let Ok(mut slot) = self.slot.try_write() {
            self.put(&mut slot, None);
        }
    }

    fn put(&self, slot: &mut Slot, database: Option<Database>) {
        match (&slot.database, &database) {
            (None, Some(_)) => self.open_files.opened(),
            (Some(_), None) => self.open_files.closed(),
            _ => {}
        }
        slot.database = database;
    }

    fn shared(&self) -> RwLockReadGuard<'_, Slot> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Slot> {
        self.slot.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn builder(&self) -> ::redb::Builder {
        let mut builder = ::redb::Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder
    }

    /// Runs something on the open database and says in which generation.
    fn with<R>(&self, operation: impl FnOnce(&Database) -> R) -> Result<(R, u64), StoreError> {
        loop {
            let slot = self.shared();
            if slot.gone {
                return Err(StoreError::Missing(self.place.to_string()));
            }
            if let Some(database) = &slot.database {
                self.last_used.store(self.open_files.tick(), Ordering::Relaxed);
                let result = (operation(database), slot.generation);
                drop(slot);
                self.open_files.make_room();
                return Ok(result);
            }
            drop(slot);
            self.open()?;
        }
    }

    fn open(&self) -> Result<(), StoreError> {
        let mut slot = self.exclusive();
        if slot.gone || slot.database.is_some() {
            return Ok(());
        }
        let mut builder = self.builder();
        let place = self.place.to_string();
        builder.set_repair_callback(move |repair| {
            tracing::info!(file = place, progress = repair.progress(), "checking after an unclean end");
        });
        let opened = self
            .medium
            .open(&self.place, &mut builder)
            .and_then(|database| Ok((commits(&database, &self.place)?, database)));
        let (commits, database) = opened.map_err(|fault| fault.into_error(&self.place))?;
        self.put(&mut slot, Some(database));
        slot.generation += 1;
        let generation = slot.generation;
        slot.recovered.push_back((generation, commits));
        if slot.recovered.len() > 64 {
            slot.recovered.pop_front();
        }
        Ok(())
    }

    /// Closes the database of a generation, which has failed, and opens the next.
    fn reopen(&self, generation: u64, fault: &Fault) -> Result<(), StoreError> {
        {
            let mut slot = self.exclusive();
            if slot.generation == generation {
                if let Fault::Engine(error) = fault {
                    tracing::warn!(file = %self.place, %error, "opening the file again after an error");
                }
                self.put(&mut slot, None);
            }
        }
        self.open()
    }

    fn recovered(&self, generation: u64) -> Option<u64> {
        self.shared().recovered.iter().find(|(g, _)| *g == generation).map(|(_, commits)| *commits)
    }
}

fn attempt<T>(
    database: &Database,
    operation: &impl Fn(&Write<'_>) -> Result<T, Fault>,
    written: &mut Option<T>,
) -> Result<(), Failure> {
    let before = |fault| Failure { fault, committing: None };
    let txn = database.begin_write().map_err(|error| before(error.into()))?;
    let sequence = next_sequence(&txn).map_err(before)?;
    *written = Some(operation(&Write { txn: &txn, sequence }).map_err(before)?);
    txn.commit().map_err(|error| Failure { fault: error.into(), committing: Some(sequence) })
}

fn next_sequence(txn: &WriteTransaction) -> Result<u64, Fault> {
    let mut meta = txn.open_table(META)?;
    let sequence = number(meta.get(COMMITS)?.as_ref().map(|v| v.value()), COMMITS)? + 1;
    meta.insert(COMMITS, sequence.to_le_bytes().as_slice())?;
    Ok(sequence)
}

/// Checks that the file is one of ours and of a format that is understood.
fn commits(database: &Database, place: &Place) -> Result<u64, Fault> {
    let txn = database.begin_read()?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(::redb::TableError::TableDoesNotExist(_)) => {
            return Err(StoreError::Damaged(format!(
                "{place} is a database, but not one of Gangway's; restore it from a backup"
            ))
            .into());
        }
        Err(error) => return Err(error.into()),
    };
    let format = number(meta.get(FORMAT_KEY)?.as_ref().map(|v| v.value()), FORMAT_KEY)?;
    if format > u64::from(FORMAT) {
        return Err(StoreError::Failed(format!(
            "{place} has format {format} and this engine reads up to {FORMAT}: it was written by a newer Gangway; start that one, or restore a backup from before the update"
        ))
        .into());
    }
    let commits = number(meta.get(COMMITS)?.as_ref().map(|v| v.value()), COMMITS)?;
    Ok(commits)
}
