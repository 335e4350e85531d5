//! Rows of relations, in the order in which they were made.
//!
//! A row's key is its ordinal: new relations go to the end of the table, and a source that is read
//! in the same order every time finds and rewrites its relations in neighbouring pages, whatever
//! its identifiers look like.

use super::tables::RELATIONS;
use crate::codec::{Reader, put_str, put_varint};
use crate::{NewRelation, StoreError};
use gangway_model::{Relation, RelationState};

const EXISTED_BEFORE: u8 = 1 << 2;
const STATE: u8 = 0b11;

/// A row as it is read; the texts are still in the page.
#[derive(Debug)]
pub(super) struct Row<'a> {
    flags: u8,
    pub(super) pair: u32,
    hashes: [[u8; 16]; 2],
    pub(super) source_id: &'a str,
    pub(super) target_id: &'a str,
}

/// Flags, pair, both hashes, source identifier, target identifier.
pub(super) fn encode(out: &mut Vec<u8>, pair: u32, relation: &NewRelation) {
    out.clear();
    let state = match relation.state {
        RelationState::Active => 0,
        RelationState::PendingDelete => 1,
        RelationState::Released => 2,
        RelationState::Disabled => 3,
    };
    out.push(state | if relation.existed_before { EXISTED_BEFORE } else { 0 });
    put_varint(out, u64::from(pair));
    out.extend_from_slice(&relation.fingerprint);
    out.extend_from_slice(&relation.payload);
    put_str(out, &relation.source_id);
    out.extend_from_slice(relation.target_id.as_bytes());
}

impl<'a> Row<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes, "relation");
        let flags = reader.u8()?;
        let pair = u32::try_from(reader.varint()?).map_err(|_| reader.damaged("is of an impossible pair"))?;
        let row = Self {
            flags,
            pair,
            hashes: [reader.array()?, reader.array()?],
            source_id: reader.str()?,
            target_id: reader.rest_str()?,
        };
        if flags & !(EXISTED_BEFORE | STATE) != 0 {
            return Err(reader.damaged("has an unknown state"));
        }
        Ok(row)
    }

    pub(super) fn relation(&self, ordinal: u64) -> Relation {
        let [fingerprint, payload] = self.hashes;
        Relation {
            source_id: self.source_id.to_owned(),
            target_id: self.target_id.to_owned(),
            existed_before: self.flags & EXISTED_BEFORE != 0,
            fingerprint,
            payload,
            state: match self.flags & STATE {
                0 => RelationState::Active,
                1 => RelationState::PendingDelete,
                2 => RelationState::Released,
                _ => RelationState::Disabled,
            },
            ordinal,
        }
    }
}

/// An index leads to a row that is not there.
pub(super) fn lost(ordinal: u64) -> StoreError {
    StoreError::Damaged(format!(
        "relation {ordinal} is in an index and not in the table {}; restore the tenant from a backup",
        ::redb::TableHandle::name(&RELATIONS)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation() -> NewRelation {
        NewRelation {
            source_id: "ada".to_owned(),
            target_id: "t-1".to_owned(),
            existed_before: true,
            fingerprint: [0x11; 16],
            payload: [0x22; 16],
            state: RelationState::Released,
        }
    }

    #[test]
    fn golden_relation() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 300, &relation());
        let mut expected = b"\x06\xac\x02".to_vec();
        expected.extend_from_slice(&[0x11; 16]);
        expected.extend_from_slice(&[0x22; 16]);
        expected.extend_from_slice(b"\x03adat-1");
        assert_eq!(bytes, expected);
        let row = Row::decode(&bytes).unwrap();
        assert_eq!(row.pair, 300);
        let read = row.relation(7);
        assert_eq!((read.ordinal, read.existed_before, read.state), (7, true, RelationState::Released));
        assert_eq!((read.fingerprint, read.payload), ([0x11; 16], [0x22; 16]));
        assert_eq!((read.source_id.as_str(), read.target_id.as_str()), ("ada", "t-1"));
    }

    #[test]
    fn nonsense_is_damage() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 300, &relation());
        for length in 0..39 {
            assert!(Row::decode(&bytes[..length]).is_err(), "length {length}");
        }
        for flags in [8, 0xff] {
            bytes[0] = flags;
            assert!(Row::decode(&bytes).is_err(), "flags {flags}");
        }
    }
}
