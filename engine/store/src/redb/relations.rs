use super::fault::Fault;
use super::tables::numbered;
use crate::codec::{Reader, put_varint};
use crate::{NewRelation, StoreError};
use ::redb::ReadableTable;
use gangway_model::{Relation, RelationState};

const EXISTED_BEFORE: u8 = 1 << 2;

/// Flags, both hashes, ordinal, target identifier. The source identifier is in the key.
pub(super) fn encode(out: &mut Vec<u8>, relation: &NewRelation, ordinal: u64) {
    out.clear();
    let state = match relation.state {
        RelationState::Active => 0,
        RelationState::PendingDelete => 1,
        RelationState::Released => 2,
    };
    out.push(state | if relation.existed_before { EXISTED_BEFORE } else { 0 });
    out.extend_from_slice(&relation.fingerprint);
    out.extend_from_slice(&relation.payload);
    put_varint(out, ordinal);
    out.extend_from_slice(relation.target_id.as_bytes());
}

pub(super) fn decode(source_id: &str, bytes: &[u8]) -> Result<Relation, StoreError> {
    let mut reader = Reader::new(bytes, "relation");
    let flags = reader.u8()?;
    let state = match flags & 0b11 {
        0 => RelationState::Active,
        1 => RelationState::PendingDelete,
        2 => RelationState::Released,
        _ => return Err(reader.damaged("has an unknown state")),
    };
    if flags & !(EXISTED_BEFORE | 0b11) != 0 {
        return Err(reader.damaged("has unknown flags"));
    }
    Ok(Relation {
        existed_before: flags & EXISTED_BEFORE != 0,
        state,
        fingerprint: reader.array()?,
        payload: reader.array()?,
        ordinal: reader.varint()?,
        target_id: reader.rest_str()?.to_owned(),
        source_id: source_id.to_owned(),
    })
}

/// What a write needs to know of the relation that it replaces.
pub(super) fn decode_place(bytes: &[u8]) -> Result<(u64, &str), StoreError> {
    let mut reader = Reader::new(bytes, "relation");
    reader.bytes(1 + 16 + 16)?;
    Ok((reader.varint()?, reader.rest_str()?))
}

/// The source identifier at the end of a key.
pub(super) fn source_id(key: &[u8]) -> Result<&str, StoreError> {
    let mut reader = Reader::new(key, "relation key");
    reader.bytes(4)?;
    reader.rest_str()
}

pub(super) fn lookup(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    pair: u32,
    source_ids: &[&str],
) -> Result<Vec<Option<Relation>>, Fault> {
    let mut key = Vec::new();
    let mut relations = Vec::with_capacity(source_ids.len());
    for source_id in source_ids {
        numbered(&mut key, pair, source_id);
        let found = table.get(key.as_slice())?;
        relations.push(found.map(|value| decode(source_id, value.value())).transpose()?);
    }
    Ok(relations)
}

pub(super) fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    pair: u32,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Relation>, Fault> {
    let mut from = Vec::new();
    numbered(&mut from, pair, after.unwrap_or_default());
    if after.is_some() {
        // The next possible identifier.
        from.push(0);
    }
    let mut relations = Vec::new();
    for entry in table.range(from.as_slice()..)?.take(limit) {
        let (key, value) = entry?;
        if !key.value().starts_with(&pair.to_be_bytes()) {
            break;
        }
        relations.push(decode(source_id(key.value())?, value.value())?);
    }
    Ok(relations)
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
        encode(&mut bytes, &relation(), 300);
        let mut expected = vec![6];
        expected.extend_from_slice(&[0x11; 16]);
        expected.extend_from_slice(&[0x22; 16]);
        expected.extend_from_slice(b"\xac\x02t-1");
        assert_eq!(bytes, expected);
        let read = decode("ada", &bytes).unwrap();
        assert_eq!((read.ordinal, read.existed_before, read.state), (300, true, RelationState::Released));
        assert_eq!((read.fingerprint, read.payload), ([0x11; 16], [0x22; 16]));
        assert_eq!((read.source_id.as_str(), read.target_id.as_str()), ("ada", "t-1"));
        assert_eq!(decode_place(&bytes).unwrap(), (300, "t-1"));
    }

    #[test]
    fn nonsense_is_damage() {
        let mut bytes = Vec::new();
        encode(&mut bytes, &relation(), 300);
        for length in 0..35 {
            assert!(decode("ada", &bytes[..length]).is_err(), "length {length}");
        }
        for flags in [3, 8, 0xff] {
            bytes[0] = flags;
            assert!(decode("ada", &bytes).is_err(), "flags {flags}");
        }
    }
}
