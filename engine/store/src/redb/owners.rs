//! Who holds a target entity: the way back from target to source.
//!
//! Target systems give identifiers in no order, so each new relation goes to a page of its own
//! here. To keep those pages few, an entry has a hash of the target identifier and the ordinal of
//! the relation and nothing else; the row tells whether it was meant. Several relations may hold
//! the same target entity; the oldest comes first.

use super::fault::Fault;
use super::pending::Pending;
use super::relations::{Row, lost};
use super::tables::{OWNERS, RELATIONS};
use ::redb::ReadTransaction;

/// Owner space, hash of the target identifier, ordinal; all big-endian.
pub(super) type OwnerKey = [u8; 20];

/// The key of one holder.
pub(super) fn key(space: u32, target_id: &str, ordinal: u64) -> OwnerKey {
    let mut key = [0; 20];
    let hash = blake3::hash(target_id.as_bytes());
    let bytes = space.to_be_bytes().into_iter().chain(hash.as_bytes().iter().copied().take(8));
    key.iter_mut().zip(bytes.chain(ordinal.to_be_bytes())).for_each(|(to, from)| *to = from);
    key
}

/// The ordinal at the end of a key.
fn ordinal(key: &OwnerKey) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Looks up the oldest holder of each target entity.
pub(super) fn lookup(
    txn: &ReadTransaction,
    pending: &Pending,
    space: u32,
    target_ids: &[&str],
) -> Result<Vec<Option<String>>, Fault> {
    let owners = txn.open_table(OWNERS)?;
    let rows = txn.open_table(RELATIONS)?;
    let mut found = Vec::with_capacity(target_ids.len());
    for target_id in target_ids {
        let (from, to) = (key(space, target_id, 0), key(space, target_id, u64::MAX));
        let mut candidates = Vec::new();
        for entry in owners.range::<&OwnerKey>(&from..=&to)? {
            candidates.push(ordinal(entry?.0.value()));
        }
        candidates.extend(pending.owners(&from, &to).map(ordinal));
        let mut holder = None;
        for candidate in candidates {
            let value = rows.get(candidate)?.ok_or_else(|| lost(candidate))?;
            let row = Row::decode(value.value())?;
            if row.target_id == *target_id {
                holder = Some(row.source_id.to_owned());
                break;
            }
        }
        found.push(holder);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_owner_key() {
        let key = key(0x0102_0304, "t-1", 5);
        assert_eq!(key[..4], [1, 2, 3, 4]);
        assert_eq!(key[4..12], blake3::hash(b"t-1").as_bytes()[..8]);
        assert_eq!(key[12..], [0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(ordinal(&key), 5);
    }
}
