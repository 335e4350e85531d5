//! Where the one who writes sits: transactions, durable by a record of the journal or in the directory's file itself.
//!
//! A record of the journal is all that somebody who changes something has to wait for. The transaction can stay open for
//! the changes that follow until somebody reads: most of what a small change costs is its transaction.

use crate::ScimError;
use crate::changes::CHANGES;
use crate::commit::State;
use crate::error::StorageError;
use crate::journal::Journal;
use crate::queue::Batch;
use crate::redo::{Entries, Entry, Noted, Redo};
use crate::storage::{COUNTERS, WriteTables, number};
use crate::write::Writer;
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// The generation of the journal whose records the file does not hold.
const GENERATION: &str = "journal";

/// So many bytes of changes in an open transaction, and it is committed.
const LATE: usize = 64 * 1024;

/// Whoever holds it writes.
pub(crate) struct Desk {
    /// None for a directory that is in memory.
    journal: Option<Journal>,
    /// What the late changes are in.
    open: Option<WriteTransaction>,
    /// What the journal has of changes that are not committed: if the transaction is lost, they are done again.
    late: Vec<Vec<u8>>,
    /// redb has freed pages behind a commit and keeps what it noted of that in memory. As long as it does, each page that
    /// a reader does not find in the cache costs a search for more of the kind.
    untidy: bool,
}

impl Desk {
    /// A directory in memory: each transaction is as durable as it can be.
    pub(crate) fn in_memory() -> Self {
        Self::with(None)
    }

    fn with(journal: Option<Journal>) -> Self {
        Self { journal, open: None, late: Vec::new(), untidy: false }
    }

    /// What was committed and did not get into the file is done again.
    pub(crate) fn open(database: &Database, path: &Path) -> Result<Self, StorageError> {
        let generation = {
            let transaction = database.begin_read().map_err(StorageError::of)?;
            let counters = transaction.open_table(COUNTERS).map_err(StorageError::of)?;
            counters.get(GENERATION).map_err(StorageError::of)?.map(|number| number.value())
        };
        let mut journal = Journal::open(path, generation.unwrap_or_default()).map_err(io)?;
        let records = match generation {
            Some(_) => journal.records().map_err(io)?,
            // A file without a generation has no journal, whatever stands there.
            None => Vec::new(),
        };
        let mut desk = Self::with(Some(journal));
        if generation.is_none() {
            desk.catch_up(database)?;
        } else if !records.is_empty() {
            let transaction = database.begin_write().map_err(StorageError::of)?;
            do_again(&transaction, &records)?;
            desk.commit(transaction)?;
        }
        desk.tidy(database)?;
        Ok(desk)
    }

    /// Carries changes out, in one transaction. They are durable when it returns `Ok`; if they may be late, nobody sees
    /// them before [`Self::settle`].
    pub(crate) fn carry_out(
        &mut self,
        database: &Database,
        state: &Arc<State>,
        batch: &mut Batch,
        may_be_late: bool,
    ) -> Result<(), StorageError> {
        let mut transaction = self.begin(database)?;
        let redo = Redo::default();
        {
            let mut writer = Writer::new(&transaction, state, &redo);
            for job in batch {
                if !job.run(&mut writer) {
                    return Err(StorageError::Failed("nothing was written; see the engine's log".to_owned()));
                }
            }
            writer.finish()?;
        }
        let redo = redo.bytes();
        if redo.is_empty() {
            if self.is_late() {
                self.open = Some(transaction);
                return Ok(());
            }
            return transaction.abort().map_err(StorageError::of);
        }
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.takes(&redo)) else {
            return self.commit(transaction);
        };
        transaction.set_durability(Durability::None).map_err(StorageError::of)?;
        journal.append(&redo).map_err(io)?;
        self.late.push(redo);
        if may_be_late && self.late.iter().map(Vec::len).sum::<usize>() < LATE {
            self.open = Some(transaction);
            return Ok(());
        }
        let committed = self.show(transaction);
        if committed.is_err() {
            // Who asked for it is told that it is not there.
            self.late.pop();
        }
        committed
    }

    /// Whether there are changes that nobody sees.
    pub(crate) fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Lets readers see all changes.
    pub(crate) fn settle(&mut self, database: &Database) -> Result<(), StorageError> {
        let mut transaction = self.begin(database)?;
        transaction.set_durability(Durability::None).map_err(StorageError::of)?;
        self.show(transaction)
    }

    /// A transaction that has all late changes.
    fn begin(&mut self, database: &Database) -> Result<WriteTransaction, StorageError> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let transaction = database.begin_write().map_err(StorageError::of)?;
        if self.is_late() {
            do_again(&transaction, &self.late)?;
        }
        Ok(transaction)
    }

    /// Commits what the journal has.
    fn show(&mut self, transaction: WriteTransaction) -> Result<(), StorageError> {
        let committed = transaction.commit().map_err(StorageError::of);
        match (&committed, &mut self.journal) {
            (Ok(()), _) => self.late.clear(),
            (Err(_), Some(journal)) => journal.give_up(),
            (Err(_), None) => {}
        }
        committed
    }

    /// Changes something in a transaction of its own.
    pub(crate) fn alone<T>(
        &mut self,
        database: &Database,
        change: impl FnOnce(&WriteTransaction) -> Result<T, ScimError>,
    ) -> Result<T, ScimError> {
        let transaction = self.begin(database)?;
        let changed = change(&transaction)?;
        self.commit(transaction)?;
        self.tidy(database)?;
        Ok(changed)
    }

    /// Whether something is left for when nothing else is to be done.
    pub(crate) fn has_work(&self) -> bool {
        self.untidy || self.journal.as_ref().is_some_and(Journal::is_ahead)
    }

    /// Whether the next transaction is durable by a record of the journal, or in memory.
    pub(crate) fn is_quick(&self) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.takes(&[]))
    }

    /// Makes the file hold everything.
    fn catch_up(&mut self, database: &Database) -> Result<(), StorageError> {
        let transaction = self.begin(database)?;
        self.commit(transaction)
    }

    /// Does the first thing that is left.
    pub(crate) fn work(&mut self, database: &Database) -> Result<(), StorageError> {
        match self.journal.as_ref().is_some_and(Journal::is_ahead) {
            true => self.catch_up(database),
            false => self.tidy(database),
        }
    }

    /// A commit that changes nothing frees nothing, and writes all that waits in memory.
    fn tidy(&mut self, database: &Database) -> Result<(), StorageError> {
        database.begin_write().map_err(StorageError::of)?.commit().map_err(StorageError::of)?;
        self.untidy = false;
        Ok(())
    }

    /// Makes a transaction durable in the file, with all before it.
    fn commit(&mut self, mut transaction: WriteTransaction) -> Result<(), StorageError> {
        let Some(journal) = &mut self.journal else { return transaction.commit().map_err(StorageError::of) };
        transaction.set_durability(Durability::Immediate).map_err(StorageError::of)?;
        // Not the next number: a file that came back from a backup would meet it again in what the journal has still.
        let (next, _) = Uuid::new_v4().as_u64_pair();
        {
            let mut counters = transaction.open_table(COUNTERS).map_err(StorageError::of)?;
            counters.insert(GENERATION, next).map_err(StorageError::of)?;
        }
        transaction.commit().map_err(StorageError::of)?;
        journal.begin(next);
        self.late.clear();
        self.untidy = true;
        Ok(())
    }
}

fn io(error: std::io::Error) -> StorageError {
    StorageError::of(redb::Error::Io(error))
}

fn do_again(transaction: &WriteTransaction, records: &[Vec<u8>]) -> Result<(), StorageError> {
    let redo = Redo::default();
    let mut tables = WriteTables::new(transaction, &redo);
    let mut counters = Noted::new(transaction, &redo, (number::COUNTERS, COUNTERS));
    let mut changes = Noted::new(transaction, &redo, (number::CHANGES, CHANGES));
    let mut one = |entry: &Entry<'_>| -> Result<bool, StorageError> {
        Ok(tables.again(entry)? || counters.again(entry)? || changes.again(entry)?)
    };
    for entry in records.iter().flat_map(|record| Entries(record)) {
        if !one(&entry)? {
            return Err(StorageError::Damaged("the journal speaks of a table that is not there".to_owned()));
        }
    }
    Ok(())
}
