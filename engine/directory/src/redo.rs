//! What a transaction writes, noted while it writes it, so that it can be written again after a crash.
//!
//! Entries are whole keys with their whole values: done twice they come to the same.

use crate::error::StorageError;
use redb::{
    AccessGuard, Key, Range, ReadableTable, ReadableTableMetadata, Table, TableStats, Value, WriteTransaction,
};
use redb::{StorageError as Failure, TableDefinition, TableError};
use std::borrow::Borrow;
use std::cell::{OnceCell, RefCell};
use std::ops::RangeBounds;

/// In place of a value's length: the key is removed.
const REMOVED: u32 = u32::MAX;

/// The entries of a transaction.
#[derive(Default)]
pub(crate) struct Redo(RefCell<Vec<u8>>);

impl Redo {
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner()
    }

    fn note(&self, table: u8, key: &[u8], value: Option<&[u8]>) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(REMOVED).to_le_bytes();
        let mut noted = self.0.borrow_mut();
        noted.push(table);
        noted.extend_from_slice(&length(key));
        noted.extend_from_slice(&value.map_or(REMOVED.to_le_bytes(), length));
        noted.extend_from_slice(key);
        noted.extend_from_slice(value.unwrap_or_default());
    }
}

/// A table whose changes are noted. There is no other way to change it. It is opened when it is needed, for most changes
/// need few tables.
pub(crate) struct Noted<'t, K: Key + 'static, V: Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    table: OnceCell<Table<'t, K, V>>,
    number: u8,
    redo: &'t Redo,
}

impl<'t, K: Key + 'static, V: Value + 'static> Noted<'t, K, V> {
    /// A table under its number, which stands in journals and is never given to another.
    pub(crate) fn new(
        transaction: &'t WriteTransaction,
        redo: &'t Redo,
        (number, definition): (u8, TableDefinition<'static, K, V>),
    ) -> Self {
        Self { transaction, definition, table: OnceCell::new(), number, redo }
    }

    /// The table, which is made if it is not there.
    pub(crate) fn open(&self) -> Result<&Table<'t, K, V>, Failure> {
        if self.table.get().is_none() {
            let opened = self.transaction.open_table(self.definition).map_err(|error| match error {
                TableError::Storage(error) => error,
                other => Failure::Corrupted(other.to_string()),
            })?;
            let _ = self.table.set(opened);
        }
        self.table.get().ok_or_else(|| Failure::Corrupted(format!("{} is not open", self.definition)))
    }

    fn open_mut(&mut self) -> Result<&mut Table<'t, K, V>, StorageError> {
        self.open().map_err(StorageError::of)?;
        let missing = || StorageError::Failed(format!("{} is not open", self.definition));
        self.table.get_mut().ok_or_else(missing)
    }

    pub(crate) fn insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<(), StorageError> {
        let (key, value) = (key.borrow(), value.borrow());
        self.redo.note(self.number, K::as_bytes(key).as_ref(), Some(V::as_bytes(value).as_ref()));
        self.open_mut()?.insert(key, value).map(drop).map_err(StorageError::of)
    }

    pub(crate) fn remove<'k>(&mut self, key: impl Borrow<K::SelfType<'k>>) -> Result<(), StorageError> {
        let key = key.borrow();
        self.redo.note(self.number, K::as_bytes(key).as_ref(), None);
        self.open_mut()?.remove(key).map(drop).map_err(StorageError::of)
    }

    /// Does an entry again, if it is of this table.
    pub(crate) fn again(&mut self, entry: &Entry<'_>) -> Result<bool, StorageError> {
        if entry.table != self.number {
            return Ok(false);
        }
        let key = K::from_bytes(entry.key);
        match entry.value {
            Some(value) => self.insert(&key, V::from_bytes(value))?,
            None => self.remove(&key)?,
        }
        Ok(true)
    }
}

impl<K: Key + 'static, V: Value + 'static> ReadableTableMetadata for Noted<'_, K, V> {
    fn stats(&self) -> Result<TableStats, Failure> {
        self.open()?.stats()
    }

    fn len(&self) -> Result<u64, Failure> {
        self.open()?.len()
    }
}

impl<K: Key + 'static, V: Value + 'static> ReadableTable<K, V> for Noted<'_, K, V> {
    fn get<'a>(&self, key: impl Borrow<K::SelfType<'a>>) -> Result<Option<AccessGuard<'_, V>>, Failure> {
        self.open()?.get(key)
    }

    fn range<'a, R>(&self, range: impl RangeBounds<R> + 'a) -> Result<Range<'_, K, V>, Failure>
    where
        R: Borrow<K::SelfType<'a>> + 'a,
    {
        self.open()?.range(range)
    }

    fn first(&self) -> Result<Option<(AccessGuard<'_, K>, AccessGuard<'_, V>)>, Failure> {
        self.open()?.first()
    }

    fn last(&self) -> Result<Option<(AccessGuard<'_, K>, AccessGuard<'_, V>)>, Failure> {
        self.open()?.last()
    }
}

/// One entry.
pub(crate) struct Entry<'b> {
    table: u8,
    key: &'b [u8],
    value: Option<&'b [u8]>,
}

/// The entries of a transaction as they were noted.
pub(crate) struct Entries<'b>(pub(crate) &'b [u8]);

impl<'b> Iterator for Entries<'b> {
    type Item = Entry<'b>;

    fn next(&mut self) -> Option<Entry<'b>> {
        let (table, rest) = self.0.split_first()?;
        let (key, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_first_chunk::<4>()?;
        let (key, value) = (u32::from_le_bytes(*key), u32::from_le_bytes(*value));
        let (key, rest) = rest.split_at_checked(usize::try_from(key).ok()?)?;
        let (value, rest) = match value {
            REMOVED => (None, rest),
            length => {
                let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value), rest)
            }
        };
        self.0 = rest;
        Some(Entry { table: *table, key, value })
    }
}
