//! Entities that full reads missed, and what the last full read of a source counted.

use super::fault::Fault;
use super::pairs;
use super::tables::{ABSENCES, READS, numbered, past, prefix};
use super::tenant::{Tenant, from_json, to_json};
use crate::codec::{Reader, put_str, put_varint};
use crate::{Absence, LastRead, StoreError};
use ::redb::WriteTransaction;
use gangway_model::{EntityType, RelationKey, SystemId};

/// Number of reads, first of them in milliseconds, the last run.
fn encode(absence: &Absence) -> Vec<u8> {
    let mut out = Vec::with_capacity(absence.run.as_str().len() + 12);
    put_varint(&mut out, u64::from(absence.reads));
    put_varint(&mut out, absence.since_ms);
    put_str(&mut out, absence.run.as_str());
    out
}

fn decode(source_id: &str, bytes: &[u8]) -> Result<Absence, StoreError> {
    let mut reader = Reader::new(bytes, "absence");
    let reads =
        u32::try_from(reader.varint()?).map_err(|_| reader.damaged("counts more reads than there can be"))?;
    Ok(Absence {
        source_id: source_id.to_owned(),
        reads,
        since_ms: reader.varint()?,
        run: reader.str()?.into(),
    })
}

pub(super) fn put(txn: &WriteTransaction, pair: u32, absences: &[Absence]) -> Result<(), Fault> {
    let mut table = txn.open_table(ABSENCES)?;
    let mut key = Vec::new();
    for absence in absences {
        numbered(&mut key, pair, &absence.source_id);
        table.insert(key.as_slice(), encode(absence).as_slice())?;
    }
    Ok(())
}

/// Removes what is noted of these keys (pair, source identifier).
pub(super) fn remove<'k>(
    txn: &WriteTransaction,
    keys: impl Iterator<Item = &'k Vec<u8>>,
) -> Result<(), Fault> {
    let mut table = txn.open_table(ABSENCES)?;
    for key in keys {
        table.remove(key.as_slice())?;
    }
    Ok(())
}

pub(super) fn put_read(txn: &WriteTransaction, read: &LastRead) -> Result<(), Fault> {
    let key = prefix(&[read.source.as_str(), read.entity_type.as_str()]);
    txn.open_table(READS)?.insert(key.as_slice(), to_json("read", read)?.as_slice())?;
    Ok(())
}

/// Removes what was noted of a source.
pub(super) fn clear_reads(txn: &WriteTransaction, source: &SystemId) -> Result<(), Fault> {
    let start = prefix(&[source.as_str()]);
    txn.open_table(READS)?.retain_in(start.as_slice()..past(&start).as_slice(), |_, _| false)?;
    Ok(())
}

impl Tenant {
    pub(super) fn read_absences(
        &self,
        key: &RelationKey,
        source_ids: &[&str],
    ) -> Result<Vec<Option<Absence>>, StoreError> {
        self.file.read(|txn| {
            let Some(pair) = pairs::find(txn, key)? else { return Ok(vec![None; source_ids.len()]) };
            let table = txn.open_table(ABSENCES)?;
            let mut key = Vec::new();
            let mut found = Vec::with_capacity(source_ids.len());
            for source_id in source_ids {
                numbered(&mut key, pair.id, source_id);
                let value = table.get(key.as_slice())?;
                found.push(value.map(|value| decode(source_id, value.value())).transpose()?);
            }
            Ok(found)
        })
    }

    pub(super) fn read_last_read(
        &self,
        source: &SystemId,
        entity_type: &EntityType,
    ) -> Result<Option<LastRead>, StoreError> {
        let key = prefix(&[source.as_str(), entity_type.as_str()]);
        self.file.read(|txn| {
            let found = txn.open_table(READS)?.get(key.as_slice())?;
            Ok(found.map(|value| from_json("read", value.value())).transpose()?)
        })
    }
}
