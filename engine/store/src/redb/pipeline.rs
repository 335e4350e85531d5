//! The commit of a step of a job, and the reads before it.

use super::fault::Fault;
use super::file::Write;
use super::owners::{Holder, Owners};
use super::pairs::{self, Pair};
use super::tables::{INTENTS, META, NEXT_ORDINAL, OWNERS, RELATIONS, number, numbered};
use super::tenant::Tenant;
use super::{events, intents, jobs, owners, relations, seen};
use crate::{Commit, NewRelation, SeenSet, StoreError};
use ::redb::ReadableTable;
use gangway_model::{Intent, JobId, Relation, RelationKey};
use std::collections::BTreeMap;

impl Tenant {
    pub(super) fn read_relations(
        &self,
        key: &RelationKey,
        source_ids: &[&str],
    ) -> Result<Vec<Option<Relation>>, StoreError> {
        self.file.read(|txn| match pairs::find(txn, key)? {
            None => Ok(vec![None; source_ids.len()]),
            Some(pair) => relations::lookup(&txn.open_table(RELATIONS)?, pair.id, source_ids),
        })
    }

    pub(super) fn read_intents(
        &self,
        key: &RelationKey,
        source_ids: &[&str],
    ) -> Result<Vec<Option<Intent>>, StoreError> {
        self.file.read(|txn| match pairs::find(txn, key)? {
            None => Ok(vec![None; source_ids.len()]),
            Some(pair) => intents::lookup(&txn.open_table(INTENTS)?, pair.id, source_ids),
        })
    }

    pub(super) fn read_owners(
        &self,
        key: &RelationKey,
        target_ids: &[&str],
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.file.read(|txn| match pairs::find_space(txn, key)? {
            None => Ok(vec![None; target_ids.len()]),
            Some(space) => owners::lookup(&txn.open_table(OWNERS)?, space, target_ids),
        })
    }

    pub(super) fn read_scan(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError> {
        self.file.read(|txn| match pairs::find(txn, key)? {
            None => Ok(Vec::new()),
            Some(pair) => relations::scan(&txn.open_table(RELATIONS)?, pair.id, after, limit),
        })
    }

    pub(super) fn read_count(&self, key: &RelationKey) -> Result<u64, StoreError> {
        self.file.read(|txn| Ok(pairs::find(txn, key)?.map_or(0, |pair| pair.count)))
    }

    pub(super) fn read_seen(&self, run: &JobId, key: &RelationKey) -> Result<SeenSet, StoreError> {
        self.file.read(|txn| match pairs::find(txn, key)? {
            None => Ok(SeenSet::default()),
            Some(pair) => seen::collect(txn, run, pair.id),
        })
    }

    pub(super) fn write_commit(&self, batch: &Commit) -> Result<(), StoreError> {
        self.file.write(|write| apply(write, batch))
    }
}

/// What is removed goes first, so that the same entity may leave and come in one step.
fn apply(write: &Write<'_>, batch: &Commit) -> Result<(), Fault> {
    if batch.run.is_none() && !(batch.seen.is_empty() && batch.events.is_empty()) {
        return Err(StoreError::Failed(
            "a commit with seen marks or log lines does not say of which run they are".to_owned(),
        )
        .into());
    }
    if let Some(job) = &batch.job {
        jobs::put(write.txn, job)?;
    }
    settle(write, batch)?;
    remove(write, batch)?;
    open_intents(write, batch)?;
    let mut marks = put_relations(write, batch)?;
    if let Some(run) = &batch.run {
        for (key, ordinals) in batch.seen.iter().filter(|(_, ordinals)| !ordinals.is_empty()) {
            marks.entry(pairs::intern(write.txn, key)?.id).or_default().extend_from_slice(ordinals);
        }
        for (pair, ordinals) in marks {
            seen::mark(write.txn, run, pair, write.sequence, ordinals)?;
        }
        events::append(write.txn, run, &batch.events)?;
    }
    Ok(())
}

/// The pairs of those parts of the batch that hold something.
fn interned<'b, T>(
    write: &Write<'_>,
    parts: &'b [(RelationKey, Vec<T>)],
) -> Result<Vec<(&'b RelationKey, Pair, &'b [T])>, Fault> {
    let mut found: Vec<(&RelationKey, Pair, &[T])> = Vec::with_capacity(parts.len());
    for (key, items) in parts.iter().filter(|(_, items)| !items.is_empty()) {
        found.push((key, pairs::intern(write.txn, key)?, items));
    }
    Ok(found)
}

/// In the order of the keys: neighbours share their page.
fn sorted<'b, T>(items: &'b [T], id: impl Fn(&T) -> &str) -> Vec<&'b T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_by(|a, b| id(a).cmp(id(b)));
    sorted
}

fn settle(write: &Write<'_>, batch: &Commit) -> Result<(), Fault> {
    for (_, pair, ids) in interned(write, &batch.settled)? {
        let mut table = write.txn.open_table(INTENTS)?;
        intents::settle(&mut table, pair.id, sorted(ids, String::as_str).into_iter())?;
    }
    Ok(())
}

fn open_intents(write: &Write<'_>, batch: &Commit) -> Result<(), Fault> {
    for (_, pair, list) in interned(write, &batch.intents)? {
        let mut table = write.txn.open_table(INTENTS)?;
        intents::open(&mut table, pair.id, sorted(list, |intent| &intent.source_id).into_iter())?;
    }
    Ok(())
}

fn remove(write: &Write<'_>, batch: &Commit) -> Result<(), Fault> {
    for (relation_key, _, ids) in interned(write, &batch.removed)? {
        // Read again: the same key may stand in the batch twice.
        let mut pair = pairs::intern(write.txn, relation_key)?;
        let mut gone = Vec::with_capacity(ids.len());
        {
            let mut table = write.txn.open_table(RELATIONS)?;
            let mut key = Vec::new();
            for id in sorted(ids, String::as_str) {
                numbered(&mut key, pair.id, id);
                if let Some(old) = table.remove(key.as_slice())? {
                    let (_, target_id) = relations::decode_place(old.value())?;
                    gone.push((target_id.to_owned(), id));
                }
            }
        }
        gone.sort_unstable();
        let mut owners = Owners::new(write.txn.open_table(OWNERS)?);
        for (target_id, source_id) in &gone {
            owners.remove(pair.space, target_id, Holder { pair: pair.id, source_id })?;
        }
        pair.count = pair.count.saturating_sub(gone.len() as u64);
        pairs::set_count(write.txn, relation_key, pair)?;
    }
    Ok(())
}

/// Writes relations and says which ordinals they have, by pair.
fn put_relations(write: &Write<'_>, batch: &Commit) -> Result<BTreeMap<u32, Vec<u64>>, Fault> {
    let mut marks: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let parts = interned(write, &batch.relations)?;
    if parts.is_empty() {
        return Ok(marks);
    }
    let first = {
        let meta = write.txn.open_table(META)?;
        let next = number(meta.get(NEXT_ORDINAL)?.as_ref().map(|v| v.value()), NEXT_ORDINAL)?;
        next
    };
    let mut next = first;
    for (relation_key, _, list) in parts {
        let mut pair = pairs::intern(write.txn, relation_key)?;
        let before = next;
        let ordinals = put_of_pair(write, pair, list, &mut next)?;
        marks.entry(pair.id).or_default().extend(ordinals);
        if next != before {
            pair.count += next - before;
            pairs::set_count(write.txn, relation_key, pair)?;
        }
    }
    if next != first {
        write.txn.open_table(META)?.insert(NEXT_ORDINAL, next.to_le_bytes().as_slice())?;
    }
    Ok(marks)
}

fn put_of_pair(
    write: &Write<'_>,
    pair: Pair,
    list: &[NewRelation],
    next: &mut u64,
) -> Result<Vec<u64>, Fault> {
    let mut ordinals = Vec::with_capacity(list.len());
    let mut held = Vec::with_capacity(list.len());
    let mut released = Vec::new();
    {
        let mut table = write.txn.open_table(RELATIONS)?;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for relation in sorted(list, |relation| &relation.source_id) {
            numbered(&mut key, pair.id, &relation.source_id);
            // Written as a new one first: on the first run it is, and a look before each write
            // would cost as much as the write.
            relations::encode(&mut value, relation, *next);
            let old = match table.insert(key.as_slice(), value.as_slice())? {
                None => None,
                Some(old) => {
                    let (ordinal, target_id) = relations::decode_place(old.value())?;
                    let moved = target_id != relation.target_id;
                    Some((ordinal, moved.then(|| target_id.to_owned())))
                }
            };
            match old {
                None => {
                    ordinals.push(*next);
                    *next += 1;
                    held.push((relation.target_id.as_str(), relation.source_id.as_str()));
                }
                Some((ordinal, moved_from)) => {
                    relations::encode(&mut value, relation, ordinal);
                    table.insert(key.as_slice(), value.as_slice())?;
                    ordinals.push(ordinal);
                    if let Some(target_id) = moved_from {
                        released.push((target_id, relation.source_id.as_str()));
                        held.push((relation.target_id.as_str(), relation.source_id.as_str()));
                    }
                }
            }
        }
    }
    if !(held.is_empty() && released.is_empty()) {
        let mut owners = Owners::new(write.txn.open_table(OWNERS)?);
        released.sort_unstable();
        for (target_id, source_id) in &released {
            owners.remove(pair.space, target_id, Holder { pair: pair.id, source_id })?;
        }
        held.sort_unstable();
        for (target_id, source_id) in held {
            owners.add(pair.space, target_id, Holder { pair: pair.id, source_id })?;
        }
    }
    Ok(ordinals)
}
