//! Index entries that are not in their tables yet.
//!
//! A page of new relations would touch a page of each index for almost every relation: identifiers
//! are in no order. The rows themselves are durable with the commit, so the index entries of the
//! newest rows wait in memory until there are enough of them to make a sorted sweep over the
//! tables worth while, or the job is over. After a restart they are made again from the rows.

use super::fault::Fault;
use super::owners::{self, OwnerKey};
use super::pairs;
use super::relations::{Row, lost};
use super::tables::{
    INDEXED, META, NEXT_ORDINAL, OWNERS, RELATIONS, RELATIONS_VERSION, SOURCES, number, numbered,
};
use super::tenant::Tenant;
use crate::StoreError;
use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

/// The entries, and which state of the database they belong to.
pub(super) struct Pending {
    version: u64,
    sources: BTreeMap<Vec<u8>, u64>,
    owners: BTreeSet<OwnerKey>,
}

impl Default for Pending {
    /// Belongs to no state, and is therefore loaded before its first use.
    fn default() -> Self {
        Self { version: u64::MAX, sources: BTreeMap::new(), owners: BTreeSet::new() }
    }
}

/// What a commit changes in [`Pending`] once it is durable.
#[derive(Default)]
pub(super) struct Changes {
    /// Everything went into the tables.
    flushed: bool,
    version: u64,
    sources: BTreeMap<Vec<u8>, Option<u64>>,
    owners: BTreeMap<OwnerKey, bool>,
}

impl Pending {
    /// The ordinal that belongs to a key of [`SOURCES`].
    pub(super) fn source(&self, key: &[u8]) -> Option<u64> {
        self.sources.get(key).copied()
    }

    /// Keys and ordinals from a key on.
    pub(super) fn sources_from<'p>(&'p self, from: &[u8]) -> impl Iterator<Item = (&'p [u8], u64)> {
        let from = (std::ops::Bound::Included(from), std::ops::Bound::Unbounded);
        self.sources.range::<[u8], _>(from).map(|(key, ordinal)| (key.as_slice(), *ordinal))
    }

    /// Keys of [`OWNERS`] between two.
    pub(super) fn owners(&self, from: &OwnerKey, to: &OwnerKey) -> impl Iterator<Item = &OwnerKey> {
        self.owners.range::<OwnerKey, _>(from..=to)
    }

    pub(super) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Makes the entries again from the rows that came after the last sweep.
    fn load(txn: &ReadTransaction) -> Result<Self, Fault> {
        let meta = txn.open_table(META)?;
        let mut pending = Self { version: version(&meta)?, ..Self::default() };
        let indexed = number(meta.get(INDEXED)?.as_ref().map(|v| v.value()), INDEXED)?;
        let spaces = pairs::spaces(txn)?;
        let mut key = Vec::new();
        for entry in txn.open_table(RELATIONS)?.range(indexed..)? {
            let (ordinal, value) = entry?;
            let row = Row::decode(value.value())?;
            numbered(&mut key, row.pair, row.source_id);
            pending.sources.insert(key.clone(), ordinal.value());
            let space = spaces.get(&row.pair).ok_or_else(|| lost(ordinal.value()))?;
            pending.owners.insert(owners::key(*space, row.target_id, ordinal.value()));
        }
        Ok(pending)
    }

    fn apply(&mut self, changes: Changes) {
        self.version = changes.version;
        if changes.flushed {
            self.sources.clear();
            self.owners.clear();
            return;
        }
        for (key, ordinal) in changes.sources {
            match ordinal {
                Some(ordinal) => self.sources.insert(key, ordinal),
                None => self.sources.remove(&key),
            };
        }
        for (key, held) in changes.owners {
            if held {
                self.owners.insert(key);
            } else {
                self.owners.remove(&key);
            }
        }
    }
}

fn version(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<u64, Fault> {
    Ok(number(meta.get(RELATIONS_VERSION)?.as_ref().map(|v| v.value()), RELATIONS_VERSION)?)
}

/// The indexes as a commit sees and changes them.
pub(super) struct Draft<'w> {
    txn: &'w WriteTransaction,
    pending: &'w Pending,
    /// Rows below this ordinal are in the tables.
    indexed: u64,
    changes: Changes,
}

impl<'w> Draft<'w> {
    pub(super) fn new(txn: &'w WriteTransaction, pending: &'w Pending) -> Result<Self, Fault> {
        let mut meta = txn.open_table(META)?;
        let version = version(&meta)? + 1;
        meta.insert(RELATIONS_VERSION, version.to_le_bytes().as_slice())?;
        let indexed = number(meta.get(INDEXED)?.as_ref().map(|v| v.value()), INDEXED)?;
        Ok(Self { txn, pending, indexed, changes: Changes { version, ..Changes::default() } })
    }

    /// The ordinals of these keys of [`SOURCES`].
    pub(super) fn find(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<u64>>, Fault> {
        let table = self.txn.open_table(SOURCES)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            found.push(match self.changes.sources.get(key) {
                Some(changed) => *changed,
                None => match self.pending.source(key) {
                    Some(ordinal) => Some(ordinal),
                    None => table.get(key.as_slice())?.map(|ordinal| ordinal.value()),
                },
            });
        }
        Ok(found)
    }

    pub(super) fn add_source(&mut self, key: Vec<u8>, ordinal: u64) {
        self.changes.sources.insert(key, Some(ordinal));
    }

    /// Removes entries of [`SOURCES`], by key and ordinal.
    pub(super) fn remove_sources(&mut self, gone: Vec<(Vec<u8>, u64)>) -> Result<(), Fault> {
        let mut table = self.txn.open_table(SOURCES)?;
        for (key, ordinal) in gone {
            if ordinal < self.indexed {
                table.remove(key.as_slice())?;
            } else {
                self.changes.sources.insert(key, None);
            }
        }
        Ok(())
    }

    /// Changes entries of [`OWNERS`]: `true` adds, `false` removes.
    pub(super) fn change_owners(&mut self, mut changes: Vec<(OwnerKey, u64, bool)>) -> Result<(), Fault> {
        changes.sort_unstable();
        let mut table = None;
        for (key, ordinal, held) in changes {
            if ordinal >= self.indexed {
                self.changes.owners.insert(key, held);
                continue;
            }
            let table = match &mut table {
                Some(table) => table,
                None => table.insert(self.txn.open_table(OWNERS)?),
            };
            if held {
                table.insert(&key, ())?;
            } else {
                table.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Puts everything that waits into the tables if there is more than `limit` of it, and hands
    /// over what is to be changed in memory when the commit is durable.
    pub(super) fn finish(mut self, limit: usize) -> Result<Changes, Fault> {
        if self.pending.len() + self.changes.sources.len() > limit {
            self.flush()?;
        }
        Ok(self.changes)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        {
            let mut table = self.txn.open_table(SOURCES)?;
            let changed = &self.changes.sources;
            let waiting = self.pending.sources.iter().filter(|(key, _)| !changed.contains_key(*key));
            let added = changed.iter().filter_map(|(key, ordinal)| Some((key, ordinal.as_ref()?)));
            let all: BTreeMap<&Vec<u8>, &u64> = waiting.chain(added).collect();
            for (key, ordinal) in all {
                table.insert(key.as_slice(), ordinal)?;
            }
        }
        {
            let mut table = self.txn.open_table(OWNERS)?;
            let changed = &self.changes.owners;
            let waiting = self.pending.owners.iter().filter(|key| !changed.contains_key(*key));
            let added = changed.iter().filter_map(|(key, held)| held.then_some(key));
            let all: BTreeSet<&OwnerKey> = waiting.chain(added).collect();
            for key in all {
                table.insert(key, ())?;
            }
        }
        let mut meta = self.txn.open_table(META)?;
        let next = number(meta.get(NEXT_ORDINAL)?.as_ref().map(|v| v.value()), NEXT_ORDINAL)?;
        meta.insert(INDEXED, next.to_le_bytes().as_slice())?;
        self.indexed = next;
        self.changes.flushed = true;
        self.changes.sources.clear();
        self.changes.owners.clear();
        Ok(())
    }
}

impl Tenant {
    /// Reads in one snapshot, together with the entries that wait.
    pub(super) fn read_indexed<T>(
        &self,
        operation: impl Fn(&ReadTransaction, &Pending) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        loop {
            let result = self.file.read(|txn| {
                let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
                if pending.version != version(&txn.open_table(META)?)? {
                    return Ok(None);
                }
                operation(txn, &pending).map(Some)
            })?;
            if let Some(value) = result {
                return Ok(value);
            }
            // Just opened, or a commit is durable and has not changed the entries yet: that is
            // over once the writer's lock is free.
            self.refresh(&self.writer())?;
        }
    }

    /// Writes relations and their index entries.
    pub(super) fn write_indexed<T>(
        &self,
        operation: impl Fn(&super::file::Write<'_>, &Pending) -> Result<(T, Changes), Fault>,
    ) -> Result<T, StoreError> {
        let writer = self.writer();
        self.refresh(&writer)?;
        let (value, changes) = self.file.write(|write| {
            let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
            operation(write, &pending)
        })?;
        self.pending.write().unwrap_or_else(PoisonError::into_inner).apply(changes);
        Ok(value)
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, _writer: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let loaded = self.file.read(|txn| {
            let known = self.pending.read().unwrap_or_else(PoisonError::into_inner).version;
            if known == version(&txn.open_table(META)?)? { Ok(None) } else { Pending::load(txn).map(Some) }
        })?;
        if let Some(loaded) = loaded {
            *self.pending.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        }
        Ok(())
    }

    /// Puts what waits into the tables.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let waiting = self.read_indexed(|_, pending| Ok(pending.len()))?;
        if waiting == 0 {
            return Ok(());
        }
        self.write_indexed(|write, pending| Ok(((), Draft::new(write.txn, pending)?.finish(0)?)))
    }
}
