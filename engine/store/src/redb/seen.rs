//! What a run has seen: one row for each commit and pair, the ordinals sorted and written as
//! differences, which for a page read in the order of creation is a byte each.

use super::fault::Fault;
use super::tables::{META, NEXT_ORDINAL, SEEN, number, past, prefix};
use crate::codec::{Reader, put_varint};
use crate::{SeenSet, StoreError};
use ::redb::{ReadTransaction, WriteTransaction};
use gangway_model::JobId;

fn key(run: &JobId, pair: u32) -> Vec<u8> {
    let mut key = prefix(&[run.as_str()]);
    key.extend_from_slice(&pair.to_be_bytes());
    key
}

fn encode(ordinals: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ordinals.len() + 8);
    let mut last = 0;
    for ordinal in ordinals {
        put_varint(&mut out, ordinal - last);
        last = *ordinal;
    }
    out
}

/// `end` is the first ordinal that was not given yet: a damaged row must not make the set huge.
fn decode(bytes: &[u8], end: u64, into: &mut SeenSet) -> Result<(), StoreError> {
    let mut reader = Reader::new(bytes, "seen");
    let mut last = 0u64;
    while !reader.is_empty() {
        let step = reader.varint()?;
        last = last
            .checked_add(step)
            .filter(|ordinal| *ordinal < end)
            .ok_or_else(|| reader.damaged("marks a relation that never was"))?;
        into.insert(last);
    }
    Ok(())
}

/// Adds marks; `sequence` is the number of the commit.
pub(super) fn mark(
    txn: &WriteTransaction,
    run: &JobId,
    pair: u32,
    sequence: u64,
    mut ordinals: Vec<u64>,
) -> Result<(), Fault> {
    if ordinals.is_empty() {
        return Ok(());
    }
    ordinals.sort_unstable();
    ordinals.dedup();
    let mut key = key(run, pair);
    key.extend_from_slice(&sequence.to_be_bytes());
    txn.open_table(SEEN)?.insert(key.as_slice(), encode(&ordinals).as_slice())?;
    Ok(())
}

pub(super) fn collect(txn: &ReadTransaction, run: &JobId, pair: u32) -> Result<SeenSet, Fault> {
    let mut set = SeenSet::default();
    let from = key(run, pair);
    let end = number(txn.open_table(META)?.get(NEXT_ORDINAL)?.as_ref().map(|v| v.value()), NEXT_ORDINAL)?;
    for entry in txn.open_table(SEEN)?.range(from.as_slice()..past(&from).as_slice())? {
        decode(entry?.1.value(), end, &mut set)?;
    }
    Ok(set)
}

pub(super) fn forget(txn: &WriteTransaction, run: &JobId) -> Result<(), Fault> {
    let from = prefix(&[run.as_str()]);
    txn.open_table(SEEN)?.retain_in(from.as_slice()..past(&from).as_slice(), |_, _| false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_marks() {
        let bytes = encode(&[5, 6, 7, 307]);
        assert_eq!(bytes, [5, 1, 1, 0xac, 2]);
        let mut set = SeenSet::default();
        decode(&bytes, 308, &mut set).unwrap();
        let seen: Vec<u64> = (0..400).filter(|ordinal| set.contains(*ordinal)).collect();
        assert_eq!(seen, [5, 6, 7, 307]);
        assert!(decode(&bytes, 307, &mut set).is_err());
        assert!(decode(&[0x80], 308, &mut set).is_err());
    }
}
