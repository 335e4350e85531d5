//! What readers see: the tables as the last commit left them, opened once for all of them.

use crate::error::StorageError;
use crate::storage::ReadTables;
use redb::{Database, ReadableDatabase};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The latest snapshot.
#[derive(Default)]
pub(crate) struct Snapshots {
    latest: RwLock<Latest>,
    /// There are changes that no snapshot has.
    late: AtomicBool,
    /// Somebody has asked.
    asked: AtomicBool,
}

#[derive(Default)]
struct Latest {
    tables: Option<Arc<ReadTables>>,
    /// Counts commits, so that nobody puts in what was opened before one.
    commits: u64,
}

impl Snapshots {
    pub(crate) fn latest(&self, database: &Database) -> Result<Arc<ReadTables>, StorageError> {
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

    /// After a change, and before anybody is told of it. `late` is one that has to be committed when somebody asks.
    pub(crate) fn outdate(&self, late: bool) {
        self.late.store(late, Ordering::Release);
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        latest.tables = None;
        latest.commits += 1;
    }

    /// Somebody asks: whether changes have to be committed first.
    pub(crate) fn ask(&self) -> bool {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
        self.are_late()
    }

    /// Whether there are changes that no snapshot has.
    pub(crate) fn are_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    /// Whether somebody has asked since this was called last.
    pub(crate) fn were_asked(&self) -> bool {
        self.asked.swap(false, Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).commits
    }
}
