//! The members that a group was last written with, as the engine's jobs encode them.

use super::fault::Fault;
use super::pairs;
use super::tables::{MEMBERS, numbered, past};
use super::tenant::Tenant;
use crate::StoreError;
use ::redb::WriteTransaction;
use gangway_model::RelationKey;

/// Writes down members, or that they are not known.
pub(super) fn put(
    txn: &WriteTransaction,
    relation_key: &RelationKey,
    list: &[(String, Option<Vec<u8>>)],
) -> Result<(), Fault> {
    let pair = pairs::intern(txn, relation_key)?;
    let mut table = txn.open_table(MEMBERS)?;
    let mut key = Vec::new();
    for (source_id, members) in list {
        numbered(&mut key, pair.id, source_id);
        match members {
            Some(members) => table.insert(key.as_slice(), members.as_slice())?,
            None => table.remove(key.as_slice())?,
        };
    }
    Ok(())
}

/// Forgets those of relations that go.
pub(super) fn forget(txn: &WriteTransaction, keys: &[Vec<u8>]) -> Result<(), Fault> {
    let mut table = txn.open_table(MEMBERS)?;
    for key in keys {
        table.remove(key.as_slice())?;
    }
    Ok(())
}

/// Forgets those of a pair.
pub(super) fn clear(txn: &WriteTransaction, pair: u32) -> Result<(), Fault> {
    let from = pair.to_be_bytes();
    txn.open_table(MEMBERS)?.retain_in(from.as_slice()..past(&from).as_slice(), |_, _| false)?;
    Ok(())
}

impl Tenant {
    pub(super) fn read_members(
        &self,
        relation_key: &RelationKey,
        source_id: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|txn| {
            let Some(pair) = pairs::find(txn, relation_key)? else { return Ok(None) };
            let mut key = Vec::new();
            numbered(&mut key, pair.id, source_id);
            Ok(txn.open_table(MEMBERS)?.get(key.as_slice())?.map(|value| value.value().to_vec()))
        })
    }
}
