//! Who holds a target entity: the way back from target to source.
//!
//! An entry costs a random write for each new relation, so it holds only the number of the pair and
//! the source identifier, and is written without being read first: that another source entity holds
//! the same target entity is rare and seen from what the write replaced.

use super::fault::Fault;
use super::tables::numbered;
use crate::StoreError;
use crate::codec::{Reader, put_str, put_varint};
use ::redb::{ReadableTable, Table};

/// One holder of a target entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Holder<'a> {
    pub(super) pair: u32,
    pub(super) source_id: &'a str,
}

impl Holder<'_> {
    fn encode(self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.pair));
        put_str(out, self.source_id);
    }
}

/// Holders in the order in which they came.
fn decode(bytes: &[u8]) -> Result<Vec<Holder<'_>>, StoreError> {
    let mut reader = Reader::new(bytes, "owner");
    let mut holders = Vec::with_capacity(1);
    while !reader.is_empty() {
        let pair = u32::try_from(reader.varint()?).map_err(|_| reader.damaged("names an impossible pair"))?;
        holders.push(Holder { pair, source_id: reader.str()? });
    }
    Ok(holders)
}

/// The source entity that has held the target entity for longest.
pub(super) fn first(bytes: &[u8]) -> Result<Option<String>, StoreError> {
    Ok(decode(bytes)?.first().map(|holder| holder.source_id.to_owned()))
}

/// Writes owners of one space through reused buffers.
pub(super) struct Owners<'t> {
    table: Table<'t, &'static [u8], &'static [u8]>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'t> Owners<'t> {
    pub(super) fn new(table: Table<'t, &'static [u8], &'static [u8]>) -> Self {
        Self { table, key: Vec::new(), value: Vec::new() }
    }

    /// Takes note that the holder holds the target entity.
    pub(super) fn add(&mut self, space: u32, target_id: &str, holder: Holder<'_>) -> Result<(), Fault> {
        numbered(&mut self.key, space, target_id);
        self.value.clear();
        holder.encode(&mut self.value);
        let merged = match self.table.insert(self.key.as_slice(), self.value.as_slice())? {
            None => None,
            Some(old) => {
                let mut holders = decode(old.value())?;
                if !holders.contains(&holder) {
                    holders.push(holder);
                }
                (holders.len() > 1).then(|| {
                    let mut merged = Vec::new();
                    holders.into_iter().for_each(|holder| holder.encode(&mut merged));
                    merged
                })
            }
        };
        if let Some(merged) = merged {
            self.table.insert(self.key.as_slice(), merged.as_slice())?;
        }
        Ok(())
    }

    /// Takes note that the holder holds the target entity no longer.
    pub(super) fn remove(&mut self, space: u32, target_id: &str, holder: Holder<'_>) -> Result<(), Fault> {
        numbered(&mut self.key, space, target_id);
        let others = match self.table.remove(self.key.as_slice())? {
            None => return Ok(()),
            Some(old) => {
                let mut others = Vec::new();
                let holders = decode(old.value())?;
                holders.into_iter().filter(|h| *h != holder).for_each(|h| h.encode(&mut others));
                others
            }
        };
        if !others.is_empty() {
            self.table.insert(self.key.as_slice(), others.as_slice())?;
        }
        Ok(())
    }

    /// Forgets all owners of a space.
    pub(super) fn clear(&mut self, space: u32) -> Result<(), Fault> {
        let from = space.to_be_bytes();
        let to = u64::from(space) + 1;
        let to = to.to_be_bytes();
        let to = to.get(4..).unwrap_or_default();
        self.table.retain_in(from.as_slice()..to, |_, _| false)?;
        Ok(())
    }
}

/// Looks owners up.
pub(super) fn lookup(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    space: u32,
    target_ids: &[&str],
) -> Result<Vec<Option<String>>, Fault> {
    let mut key = Vec::new();
    let mut owners = Vec::with_capacity(target_ids.len());
    for target_id in target_ids {
        numbered(&mut key, space, target_id);
        owners.push(match table.get(key.as_slice())? {
            None => None,
            Some(value) => first(value.value())?,
        });
    }
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_owners() {
        let mut bytes = Vec::new();
        Holder { pair: 1, source_id: "ada" }.encode(&mut bytes);
        Holder { pair: 300, source_id: "é" }.encode(&mut bytes);
        assert_eq!(bytes, b"\x01\x03ada\xac\x02\x02\xc3\xa9");
        let holders = decode(&bytes).unwrap();
        assert_eq!(holders, [Holder { pair: 1, source_id: "ada" }, Holder { pair: 300, source_id: "é" }]);
        assert_eq!(first(&bytes).unwrap().as_deref(), Some("ada"));
        assert!(first(&bytes[..3]).is_err());
    }
}
