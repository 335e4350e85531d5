//! The tables, and reading them inside one transaction.
//!
//! One record per resource under a sequence number that is never reused, so the order of the table is
//! the order of creation: a cursor is a number, and what is created during a walk comes at its end.
//! Memberships are edges in both directions and no part of a record.

use crate::error::StorageError;
use crate::redo::{Entry, Noted, Redo};
use crate::schema::Kind;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Bound;
use uuid::Uuid;

/// (kind, sequence) → record, JSON.
pub(crate) const RESOURCES: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("resources");
/// identifier → (kind, sequence).
pub(crate) const IDS: TableDefinition<u128, (u8, u64)> = TableDefinition::new("ids");
/// (index, folded value, sequence).
pub(crate) const INDEX: TableDefinition<(u8, &str, u64), ()> = TableDefinition::new("index");
/// (group, member) → (member's kind, member's identifier).
pub(crate) const MEMBERS: TableDefinition<(u64, u64), (u8, u128)> = TableDefinition::new("members");
/// (member, group) → group's identifier.
pub(crate) const MEMBERSHIPS: TableDefinition<(u64, u64), u128> = TableDefinition::new("memberships");
/// (kind, sequence / [`BLOCK`]) → how many there are: so that a page at any start index is found
/// without walking to it.
pub(crate) const BLOCKS: TableDefinition<(u8, u64), u32> = TableDefinition::new("blocks");
/// (kind, when in milliseconds, identifier) of what was deleted.
pub(crate) const DELETED: TableDefinition<(u8, u64, u128), ()> = TableDefinition::new("deleted");
/// What holds for the whole directory: `settings`, and the custom schemas as `schema:URN`, JSON.
pub(crate) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Counters.
pub(crate) const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");

/// The block that stands for all of a kind.
pub(crate) const ALL: u64 = u64::MAX;
/// Sequence numbers in a block.
pub(crate) const BLOCK: u64 = 1024;

/// A resource as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) created_ms: u64,
    pub(crate) modified_ms: u64,
    pub(crate) version: u64,
    /// Argon2id hash in PHC form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    pub(crate) content: Map<String, Value>,
}

/// A member of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) id: Uuid,
}

/// The tables within one transaction, for reading or for writing.
pub(crate) struct Tables<R, I, X, M, G, B, D> {
    pub(crate) resources: R,
    pub(crate) ids: I,
    pub(crate) index: X,
    pub(crate) members: M,
    pub(crate) memberships: G,
    pub(crate) blocks: B,
    pub(crate) deleted: D,
}

pub(crate) type ReadTables = Tables<
    ReadOnlyTable<(u8, u64), &'static [u8]>,
    ReadOnlyTable<u128, (u8, u64)>,
    ReadOnlyTable<(u8, &'static str, u64), ()>,
    ReadOnlyTable<(u64, u64), (u8, u128)>,
    ReadOnlyTable<(u64, u64), u128>,
    ReadOnlyTable<(u8, u64), u32>,
    ReadOnlyTable<(u8, u64, u128), ()>,
>;

pub(crate) type WriteTables<'t> = Tables<
    Noted<'t, (u8, u64), &'static [u8]>,
    Noted<'t, u128, (u8, u64)>,
    Noted<'t, (u8, &'static str, u64), ()>,
    Noted<'t, (u64, u64), (u8, u128)>,
    Noted<'t, (u64, u64), u128>,
    Noted<'t, (u8, u64), u32>,
    Noted<'t, (u8, u64, u128), ()>,
>;

impl ReadTables {
    pub(crate) fn open(transaction: &ReadTransaction) -> Result<Self, StorageError> {
        Ok(Self {
            resources: transaction.open_table(RESOURCES).map_err(StorageError::of)?,
            ids: transaction.open_table(IDS).map_err(StorageError::of)?,
            index: transaction.open_table(INDEX).map_err(StorageError::of)?,
            members: transaction.open_table(MEMBERS).map_err(StorageError::of)?,
            memberships: transaction.open_table(MEMBERSHIPS).map_err(StorageError::of)?,
            blocks: transaction.open_table(BLOCKS).map_err(StorageError::of)?,
            deleted: transaction.open_table(DELETED).map_err(StorageError::of)?,
        })
    }
}

/// Under which number a table stands in journals. None is ever given to another.
pub(crate) mod number {
    pub(crate) const RESOURCES: u8 = 1;
    pub(crate) const IDS: u8 = 2;
    pub(crate) const INDEX: u8 = 3;
    pub(crate) const MEMBERS: u8 = 4;
    pub(crate) const MEMBERSHIPS: u8 = 5;
    pub(crate) const BLOCKS: u8 = 6;
    pub(crate) const DELETED: u8 = 7;
    pub(crate) const COUNTERS: u8 = 8;
    pub(crate) const CHANGES: u8 = 9;
}

impl<'t> WriteTables<'t> {
    pub(crate) fn new(transaction: &'t WriteTransaction, redo: &'t Redo) -> Self {
        Self {
            resources: Noted::new(transaction, redo, (number::RESOURCES, RESOURCES)),
            ids: Noted::new(transaction, redo, (number::IDS, IDS)),
            index: Noted::new(transaction, redo, (number::INDEX, INDEX)),
            members: Noted::new(transaction, redo, (number::MEMBERS, MEMBERS)),
            memberships: Noted::new(transaction, redo, (number::MEMBERSHIPS, MEMBERSHIPS)),
            blocks: Noted::new(transaction, redo, (number::BLOCKS, BLOCKS)),
            deleted: Noted::new(transaction, redo, (number::DELETED, DELETED)),
        }
    }

    /// Makes those that are not there.
    pub(crate) fn make(&self) -> Result<(), StorageError> {
        self.resources.open().map_err(StorageError::of)?;
        self.ids.open().map_err(StorageError::of)?;
        self.index.open().map_err(StorageError::of)?;
        self.members.open().map_err(StorageError::of)?;
        self.memberships.open().map_err(StorageError::of)?;
        self.blocks.open().map_err(StorageError::of)?;
        self.deleted.open().map_err(StorageError::of)?;
        Ok(())
    }

    /// Does an entry of a journal again, if it is of one of these.
    pub(crate) fn again(&mut self, entry: &Entry<'_>) -> Result<bool, StorageError> {
        Ok(self.resources.again(entry)?
            || self.ids.again(entry)?
            || self.index.again(entry)?
            || self.members.again(entry)?
            || self.memberships.again(entry)?
            || self.blocks.again(entry)?
            || self.deleted.again(entry)?)
    }
}

/// Takes a sequence number and a record as it is stored.
pub(crate) type EachStored<'f> = dyn FnMut(u64, &[u8]) -> Result<Step, StorageError> + 'f;

/// What can be asked of a directory within one transaction.
pub(crate) trait Read {
    /// Where a resource of this kind is. None if the identifier is unknown or of another kind.
    fn locate(&self, kind: Kind, id: &str) -> Result<Option<u64>, StorageError>;
    /// Kind and place of a resource.
    fn locate_any(&self, id: &str) -> Result<Option<Member>, StorageError>;
    /// Shows a record as it is stored; whether there is one.
    fn bytes(
        &self,
        kind: Kind,
        sequence: u64,
        f: &mut dyn FnMut(&[u8]) -> Result<(), StorageError>,
    ) -> Result<bool, StorageError>;
    fn record(&self, kind: Kind, sequence: u64) -> Result<Option<Record>, StorageError> {
        let mut record = None;
        self.bytes(kind, sequence, &mut |bytes| {
            record = Some(parse(kind, sequence, bytes)?);
            Ok(())
        })?;
        Ok(record)
    }
    /// Resources under a key of an index, in sequence order.
    fn lookup(&self, index: u8, key: &str) -> Result<Vec<u64>, StorageError>;
    /// Calls `f` for the resources under a range of keys of an index, in the order of the keys, until it says stop.
    fn range(
        &self,
        index: u8,
        keys: (Bound<&str>, Bound<&str>),
        backwards: bool,
        f: &mut dyn FnMut(u64) -> Step,
    ) -> Result<(), StorageError>;
    fn members(&self, group: u64) -> Result<Vec<Member>, StorageError>;
    /// Whether a group has more members than this.
    fn has_more_members_than(&self, group: u64, most: usize) -> Result<bool, StorageError>;
    fn is_member(&self, group: u64, member: u64) -> Result<bool, StorageError>;
    /// The groups of a user or group, as (sequence, identifier).
    fn groups_of(&self, member: u64) -> Result<Vec<(u64, Uuid)>, StorageError>;
    /// Calls `f` for each record above `after`, as it is stored, in sequence order, until it says stop.
    fn scan_bytes(&self, kind: Kind, after: Option<u64>, f: &mut EachStored<'_>) -> Result<(), StorageError>;
    /// The same, read.
    fn scan(
        &self,
        kind: Kind,
        after: Option<u64>,
        f: &mut dyn FnMut(u64, Record) -> Result<Step, StorageError>,
    ) -> Result<(), StorageError> {
        self.scan_bytes(kind, after, &mut |sequence, bytes| f(sequence, parse(kind, sequence, bytes)?))
    }
    /// Calls `f` for the resources of a kind from an identifier on, in the order of identifiers, until it says stop.
    fn starting_at(
        &self,
        kind: Kind,
        first: u128,
        f: &mut dyn FnMut(Uuid, u64) -> Result<Step, StorageError>,
    ) -> Result<(), StorageError>;
    fn count(&self, kind: Kind) -> Result<u64, StorageError>;
    /// The sequence number after which the resource at this zero-based position comes.
    fn seek(&self, kind: Kind, position: u64) -> Result<Option<u64>, StorageError>;
}

/// Whether a scan goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    On,
    Stop,
}

impl<R, I, X, M, G, B, D> Read for Tables<R, I, X, M, G, B, D>
where
    R: ReadableTable<(u8, u64), &'static [u8]>,
    I: ReadableTable<u128, (u8, u64)>,
    X: ReadableTable<(u8, &'static str, u64), ()>,
    M: ReadableTable<(u64, u64), (u8, u128)>,
    G: ReadableTable<(u64, u64), u128>,
    B: ReadableTable<(u8, u64), u32>,
{
    fn locate(&self, kind: Kind, id: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.locate_any(id)?.filter(|m| m.kind == kind).map(|m| m.sequence))
    }

    fn locate_any(&self, id: &str) -> Result<Option<Member>, StorageError> {
        let Ok(id) = Uuid::try_parse(id) else { return Ok(None) };
        let found = self.ids.get(id.as_u128()).map_err(StorageError::of)?;
        Ok(found.map(|place| {
            let (kind, sequence) = place.value();
            Member { sequence, kind: Kind::from_number(kind), id }
        }))
    }

    fn bytes(
        &self,
        kind: Kind,
        sequence: u64,
        f: &mut dyn FnMut(&[u8]) -> Result<(), StorageError>,
    ) -> Result<bool, StorageError> {
        match self.resources.get((kind as u8, sequence)).map_err(StorageError::of)? {
            None => Ok(false),
            Some(bytes) => f(bytes.value()).map(|()| true),
        }
    }

    fn lookup(&self, index: u8, key: &str) -> Result<Vec<u64>, StorageError> {
        let range = (index, key, 0)..=(index, key, u64::MAX);
        self.index
            .range(range)
            .map_err(StorageError::of)?
            .map(|entry| entry.map(|(key, _)| key.value().2).map_err(StorageError::of))
            .collect()
    }

    fn range(
        &self,
        index: u8,
        (lower, upper): (Bound<&str>, Bound<&str>),
        backwards: bool,
        f: &mut dyn FnMut(u64) -> Step,
    ) -> Result<(), StorageError> {
        let lower = match lower {
            Bound::Included(key) => Bound::Included((index, key, 0)),
            Bound::Excluded(key) => Bound::Excluded((index, key, u64::MAX)),
            Bound::Unbounded => Bound::Included((index, "", 0)),
        };
        let upper = match upper {
            Bound::Included(key) => Bound::Included((index, key, u64::MAX)),
            Bound::Excluded(key) => Bound::Excluded((index, key, 0)),
            Bound::Unbounded => Bound::Excluded((index + 1, "", 0)),
        };
        let mut entries = self.index.range::<(u8, &str, u64)>((lower, upper)).map_err(StorageError::of)?;
        while let Some(entry) = if backwards { entries.next_back() } else { entries.next() } {
            if f(entry.map_err(StorageError::of)?.0.value().2) == Step::Stop {
                break;
            }
        }
        Ok(())
    }

    fn members(&self, group: u64) -> Result<Vec<Member>, StorageError> {
        self.members
            .range((group, 0)..=(group, u64::MAX))
            .map_err(StorageError::of)?
            .map(|entry| {
                let (key, value) = entry.map_err(StorageError::of)?;
                let (kind, id) = value.value();
                Ok(Member { sequence: key.value().1, kind: Kind::from_number(kind), id: Uuid::from_u128(id) })
            })
            .collect()
    }

    fn has_more_members_than(&self, group: u64, most: usize) -> Result<bool, StorageError> {
        let mut entries = self.members.range((group, 0)..=(group, u64::MAX)).map_err(StorageError::of)?;
        Ok(entries.nth(most).is_some())
    }

    fn is_member(&self, group: u64, member: u64) -> Result<bool, StorageError> {
        Ok(self.members.get((group, member)).map_err(StorageError::of)?.is_some())
    }

    fn groups_of(&self, member: u64) -> Result<Vec<(u64, Uuid)>, StorageError> {
        self.memberships
            .range((member, 0)..=(member, u64::MAX))
            .map_err(StorageError::of)?
            .map(|entry| {
                let (key, value) = entry.map_err(StorageError::of)?;
                Ok((key.value().1, Uuid::from_u128(value.value())))
            })
            .collect()
    }

    fn scan_bytes(&self, kind: Kind, after: Option<u64>, f: &mut EachStored<'_>) -> Result<(), StorageError> {
        // Sequence numbers start at 1.
        let first = after.unwrap_or(0).saturating_add(1);
        let range = (kind as u8, first)..=(kind as u8, u64::MAX);
        for entry in self.resources.range(range).map_err(StorageError::of)? {
            let (key, bytes) = entry.map_err(StorageError::of)?;
            let sequence = key.value().1;
            if f(sequence, bytes.value())? == Step::Stop {
                break;
            }
        }
        Ok(())
    }

    fn starting_at(
        &self,
        kind: Kind,
        first: u128,
        f: &mut dyn FnMut(Uuid, u64) -> Result<Step, StorageError>,
    ) -> Result<(), StorageError> {
        for entry in self.ids.range(first..).map_err(StorageError::of)? {
            let (id, place) = entry.map_err(StorageError::of)?;
            let (of, sequence) = place.value();
            if of == kind as u8 && f(Uuid::from_u128(id.value()), sequence)? == Step::Stop {
                break;
            }
        }
        Ok(())
    }

    fn count(&self, kind: Kind) -> Result<u64, StorageError> {
        Ok(self.blocks.get((kind as u8, ALL)).map_err(StorageError::of)?.map_or(0, |n| n.value().into()))
    }

    fn seek(&self, kind: Kind, position: u64) -> Result<Option<u64>, StorageError> {
        let mut skipped = 0;
        for entry in self.blocks.range((kind as u8, 0)..(kind as u8, ALL)).map_err(StorageError::of)? {
            let (key, count) = entry.map_err(StorageError::of)?;
            let count = u64::from(count.value());
            if skipped + count <= position {
                skipped += count;
                continue;
            }
            let start = key.value().1 * BLOCK;
            let mut before = start.saturating_sub(1);
            let range = (kind as u8, start)..=(kind as u8, u64::MAX);
            let mut entries = self.resources.range(range).map_err(StorageError::of)?;
            for _ in skipped..position {
                match entries.next() {
                    Some(entry) => before = entry.map_err(StorageError::of)?.0.value().1,
                    None => return Ok(None),
                }
            }
            return Ok(Some(before));
        }
        Ok(None)
    }
}

fn parse(kind: Kind, sequence: u64, bytes: &[u8]) -> Result<Record, StorageError> {
    serde_json::from_slice(bytes)
        .map_err(|e| StorageError::Damaged(format!("{} number {sequence}: {e}", kind.name())))
}
