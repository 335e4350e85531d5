//! What a transaction counts: kept in memory, and stored once at its end.

use crate::error::StorageError;
use crate::redo::Noted;
use crate::schema::Kind;
use crate::storage::{ALL, BLOCK};
use redb::ReadableTable;
use std::collections::BTreeMap;

const SEQUENCE: &str = "sequence";

/// Numbers that differ from what is stored.
#[derive(Default)]
pub(crate) struct Counts {
    /// The last sequence number that was given.
    sequence: Option<u64>,
    /// How many resources a block has.
    blocks: BTreeMap<(u8, u64), u32>,
}

impl Counts {
    pub(crate) fn next_sequence(
        &mut self,
        stored: &Noted<'_, &'static str, u64>,
    ) -> Result<u64, StorageError> {
        let last = match self.sequence {
            Some(last) => last,
            None => stored.get(SEQUENCE).map_err(StorageError::of)?.map_or(0, |v| v.value()),
        };
        self.sequence = Some(last + 1);
        Ok(last + 1)
    }

    /// Counts a resource that is there now, or no longer.
    pub(crate) fn count(
        &mut self,
        stored: &Noted<'_, (u8, u64), u32>,
        kind: Kind,
        sequence: u64,
        more: bool,
    ) -> Result<(), StorageError> {
        for block in [sequence / BLOCK, ALL] {
            let key = (kind as u8, block);
            let now = match self.blocks.get(&key) {
                Some(now) => *now,
                None => stored.get(key).map_err(StorageError::of)?.map_or(0, |v| v.value()),
            };
            self.blocks.insert(key, if more { now + 1 } else { now.saturating_sub(1) });
        }
        Ok(())
    }

    pub(crate) fn store(
        self,
        counters: &mut Noted<'_, &'static str, u64>,
        blocks: &mut Noted<'_, (u8, u64), u32>,
    ) -> Result<(), StorageError> {
        if let Some(sequence) = self.sequence {
            counters.insert(SEQUENCE, sequence)?;
        }
        for (key, count) in self.blocks {
            match count {
                0 => blocks.remove(key)?,
                count => blocks.insert(key, count)?,
            }
        }
        Ok(())
    }
}
