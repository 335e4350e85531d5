//! What readers see: the tables as the last commit left them, opened once for all of them.

use crate::error::StorageError;
use crate::storage::ReadTables;
use redb::{Database, ReadableDatabase};
use std::sync::{Arc, PoisonError, RwLock};

/// The latest snapshot.
#[derive(Default)]
pub(crate) struct Snapshots(RwLock<Latest>);

#[derive(Default)]
struct Latest {
    tables: Option<Arc<ReadTables>>,
    /// Counts commits, so that nobody puts in what was opened before one.
    commits: u64,
}

impl Snapshots {
    pub(crate) fn latest(&self, database: &Database) -> Result<Arc<ReadTables>, StorageError> {
        let commits = {
            let latest = self.0.read().unwrap_or_else(PoisonError::into_inner);
            match &latest.tables {
                Some(tables) => return Ok(tables.clone()),
                None => latest.commits,
            }
        };
        let transaction = database.begin_read().map_err(StorageError::of)?;
        let tables = Arc::new(ReadTables::open(&transaction)?);
        let mut latest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if latest.commits == commits {
            latest.tables = Some(tables.clone());
        }
        Ok(tables)
    }

    /// After a commit, and before anybody is told of it.
    pub(crate) fn outdate(&self) {
        let mut latest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        latest.tables = None;
        latest.commits += 1;
    }

    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).commits
    }
}
