use super::fault::Fault;
use super::tables::numbered;
use crate::codec::{Reader, put_varint};
use ::redb::{ReadableTable, Table};
use gangway_model::Intent;

/// Writes intents down. One that is open already keeps its time: the attempts since then are all
/// the engine's own.
pub(super) fn open<'a>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    pair: u32,
    intents: impl Iterator<Item = &'a Intent>,
) -> Result<(), Fault> {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for intent in intents {
        numbered(&mut key, pair, &intent.source_id);
        value.clear();
        put_varint(&mut value, intent.since_ms);
        let earlier = table.insert(key.as_slice(), value.as_slice())?.map(|old| old.value().to_vec());
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

pub(super) fn lookup(
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
        intents.push(since_ms.map(|since_ms| Intent { source_id: (*source_id).to_owned(), since_ms }));
    }
    Ok(intents)
}
