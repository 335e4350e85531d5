//! Short numbers in place of the three names that a relation key consists of.

use super::fault::Fault;
use super::tables::{META, NEXT_PAIR, NEXT_SPACE, PAIRS, SPACES, number, prefix};
use crate::StoreError;
use crate::codec::Reader;
use ::redb::{ReadTransaction, ReadableTable, WriteTransaction};
use gangway_model::RelationKey;
use std::collections::HashMap;

/// What stands for a relation key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    /// Prefix of source identifiers. Never used twice, so that what is left of a removed system
    /// (marks of a run) cannot be taken for another's.
    pub(super) id: u32,
    /// Shared by all sources of the same target and entity type: prefix of owners.
    pub(super) space: u32,
    /// How many relations there are.
    pub(super) count: u64,
}

impl Pair {
    fn encode(self) -> [u8; 16] {
        let mut out = [0; 16];
        let parts = self.id.to_le_bytes().into_iter().chain(self.space.to_le_bytes());
        out.iter_mut().zip(parts.chain(self.count.to_le_bytes())).for_each(|(to, from)| *to = from);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes, "pair");
        Ok(Self { id: reader.u32()?, space: reader.u32()?, count: reader.u64()? })
    }
}

fn pair_key(key: &RelationKey) -> Vec<u8> {
    prefix(&[key.source.as_str(), key.target.as_str(), key.entity_type.as_str()])
}

fn space_key(key: &RelationKey) -> Vec<u8> {
    prefix(&[key.target.as_str(), key.entity_type.as_str()])
}

/// The pair of a key, if there ever was a relation or an intent.
pub(super) fn find(txn: &ReadTransaction, key: &RelationKey) -> Result<Option<Pair>, Fault> {
    let table = txn.open_table(PAIRS)?;
    let found = table.get(pair_key(key).as_slice())?;
    Ok(found.map(|value| Pair::decode(value.value())).transpose()?)
}

/// The owner space of a key's target and entity type.
pub(super) fn find_space(txn: &ReadTransaction, key: &RelationKey) -> Result<Option<u32>, Fault> {
    let table = txn.open_table(SPACES)?;
    let found = table.get(space_key(key).as_slice())?;
    Ok(found.map(|value| Reader::new(value.value(), "owner space").u32()).transpose()?)
}

/// The pair of a key; makes it if there is none.
pub(super) fn intern(txn: &WriteTransaction, key: &RelationKey) -> Result<Pair, Fault> {
    let mut pairs = txn.open_table(PAIRS)?;
    let name = pair_key(key);
    if let Some(found) = pairs.get(name.as_slice())? {
        return Ok(Pair::decode(found.value())?);
    }
    let mut spaces = txn.open_table(SPACES)?;
    let space_name = space_key(key);
    let known = spaces.get(space_name.as_slice())?.map(|v| Reader::new(v.value(), "owner space").u32());
    let space = match known.transpose()? {
        Some(space) => space,
        None => {
            let space = next(txn, NEXT_SPACE)?;
            spaces.insert(space_name.as_slice(), space.to_le_bytes().as_slice())?;
            space
        }
    };
    let pair = Pair { id: next(txn, NEXT_PAIR)?, space, count: 0 };
    pairs.insert(name.as_slice(), pair.encode().as_slice())?;
    Ok(pair)
}

/// Writes down how many relations a pair has now.
pub(super) fn set_count(txn: &WriteTransaction, key: &RelationKey, pair: Pair) -> Result<(), Fault> {
    txn.open_table(PAIRS)?.insert(pair_key(key).as_slice(), pair.encode().as_slice())?;
    Ok(())
}

/// Which owner space each pair has.
pub(super) fn spaces(txn: &ReadTransaction) -> Result<HashMap<u32, u32>, Fault> {
    let mut spaces = HashMap::new();
    for entry in txn.open_table(PAIRS)?.iter()? {
        let pair = Pair::decode(entry?.1.value())?;
        spaces.insert(pair.id, pair.space);
    }
    Ok(spaces)
}

/// All pairs with their keys. There are few: systems times entity types.
pub(super) fn all(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Vec<(RelationKey, Pair)>, Fault> {
    let mut all = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        let mut reader = Reader::new(key.value(), "pair");
        let key = RelationKey {
            source: reader.str()?.into(),
            target: reader.str()?.into(),
            entity_type: reader.str()?.into(),
        };
        all.push((key, Pair::decode(value.value())?));
    }
    Ok(all)
}

/// Forgets a pair, whose relations are gone.
pub(super) fn remove(txn: &WriteTransaction, key: &RelationKey) -> Result<(), Fault> {
    txn.open_table(PAIRS)?.remove(pair_key(key).as_slice())?;
    Ok(())
}

/// Forgets an owner space, whose owners are gone.
pub(super) fn remove_space(txn: &WriteTransaction, key: &RelationKey) -> Result<(), Fault> {
    txn.open_table(SPACES)?.remove(space_key(key).as_slice())?;
    Ok(())
}

fn next(txn: &WriteTransaction, what: &'static str) -> Result<u32, Fault> {
    let mut meta = txn.open_table(META)?;
    let value = number(meta.get(what)?.as_ref().map(|v| v.value()), what)? + 1;
    meta.insert(what, value.to_le_bytes().as_slice())?;
    u32::try_from(value)
        .map_err(|_| StoreError::Full("4 billion pairs of systems were used up".to_owned()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_pair() {
        let pair = Pair { id: 1, space: 2, count: 3 };
        assert_eq!(pair.encode(), [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Pair::decode(&pair.encode()).unwrap(), pair);
    }
}
