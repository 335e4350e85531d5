//! Intents: what the engine is about to create, and has not heard the end of.
//!
//! A record is the time followed, if there are any, by the sealed unique attributes: they are values of a person, and
//! stand there only as long as the request's effect is unknown.

use super::fault::Fault;
use super::pairs;
use super::pipeline::sorted;
use super::tables::{INTENTS, numbered, past};
use super::tenant::Tenant;
use crate::StoreError;
use crate::codec::{Reader, put_str, put_varint};
use crate::seal::Sealer;
use ::redb::{ReadableTable, Table};
use gangway_model::{Intent, RelationKey};

impl Tenant {
    pub(super) fn read_intents(
        &self,
        key: &RelationKey,
        source_ids: &[&str],
    ) -> Result<Vec<Option<Intent>>, StoreError> {
        self.file.read(|txn| match pairs::find(txn, key)? {
            None => Ok(vec![None; source_ids.len()]),
            Some(pair) => lookup(&txn.open_table(INTENTS)?, pair.id, source_ids),
        })
    }

    pub(super) fn read_open_intents(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Intent>, StoreError> {
        let records = self.file.read(|txn| {
            let Some(pair) = pairs::find(txn, key)? else { return Ok(Vec::new()) };
            scan(&txn.open_table(INTENTS)?, pair.id, after, limit)
        })?;
        let open = |(source_id, record): (String, Vec<u8>)| {
            let mut reader = Reader::new(&record, "intent");
            let since_ms = reader.varint()?;
            let sealed = reader.rest();
            if sealed.is_empty() {
                return Ok(Intent { source_id, since_ms, unique: Vec::new() });
            }
            let clear = self.sealer.open(&place(key, &source_id), sealed)?;
            let mut reader = Reader::new(&clear, "intent");
            let mut unique = Vec::new();
            while !reader.is_empty() {
                unique.push((reader.str()?.to_owned(), reader.str()?.to_owned()));
            }
            Ok(Intent { source_id, since_ms, unique })
        };
        records.into_iter().map(open).collect()
    }
}

/// The records of intents, in the order of their source identifiers.
pub(super) fn records<'i>(
    sealer: &Sealer,
    key: &RelationKey,
    intents: &'i [Intent],
) -> Result<Vec<(&'i str, Vec<u8>)>, StoreError> {
    let record = |intent: &'i Intent| {
        let mut record = Vec::new();
        put_varint(&mut record, intent.since_ms);
        if !intent.unique.is_empty() {
            let mut clear = Vec::new();
            for (name, value) in &intent.unique {
                put_str(&mut clear, name);
                put_str(&mut clear, value);
            }
            record.extend(sealer.seal(&place(key, &intent.source_id), &clear)?);
        }
        Ok((intent.source_id.as_str(), record))
    };
    sorted(intents, |intent| &intent.source_id).into_iter().map(record).collect()
}

fn place<'p>(key: &'p RelationKey, source_id: &'p str) -> [&'p str; 5] {
    ["intent", key.source.as_str(), key.target.as_str(), key.entity_type.as_str(), source_id]
}

/// Writes intents down. One that is open already stays as it is: the attempts since then are all
/// the engine's own.
pub(super) fn open(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    pair: u32,
    records: &[(&str, Vec<u8>)],
) -> Result<(), Fault> {
    let mut key = Vec::new();
    for (source_id, record) in records {
        numbered(&mut key, pair, source_id);
        let earlier = table.insert(key.as_slice(), record.as_slice())?.map(|old| old.value().to_vec());
        if let Some(earlier) = earlier {
            table.insert(key.as_slice(), earlier.as_slice())?;
        }
    }
    Ok(())
}

/// Removes intents.
pub(super) fn settle<'a>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    pair: u32,
    source_ids: impl Iterator<Item = &'a String>,
) -> Result<(), Fault> {
    let mut key = Vec::new();
    for source_id in source_ids {
        numbered(&mut key, pair, source_id);
        table.remove(key.as_slice())?;
    }
    Ok(())
}

fn lookup(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    pair: u32,
    source_ids: &[&str],
) -> Result<Vec<Option<Intent>>, Fault> {
    let mut key = Vec::new();
    let mut intents = Vec::with_capacity(source_ids.len());
    for source_id in source_ids {
        numbered(&mut key, pair, source_id);
        let found = table.get(key.as_slice())?;
        let since_ms = found.map(|value| Reader::new(value.value(), "intent").varint()).transpose()?;
        let intent = |since_ms| Intent { source_id: (*source_id).to_owned(), since_ms, unique: Vec::new() };
        intents.push(since_ms.map(intent));
    }
    Ok(intents)
}

/// Source identifiers and records.
fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    pair: u32,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut from = Vec::new();
    numbered(&mut from, pair, after.unwrap_or_default());
    if after.is_some() {
        // The next possible identifier.
        from.push(0);
    }
    let end = past(&pair.to_be_bytes());
    let mut records = Vec::new();
    for entry in table.range(from.as_slice()..end.as_slice())?.take(limit) {
        let (key, value) = entry?;
        let mut reader = Reader::new(key.value(), "intent");
        reader.u32()?;
        records.push((reader.rest_str()?.to_owned(), value.value().to_vec()));
    }
    Ok(records)
}
