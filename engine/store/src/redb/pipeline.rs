//! The commit of a step of a job, and the reads before it.

use super::fault::Fault;
use super::file::Write;
use super::owners::{self, OwnerKey};
use super::pairs::{self, Pair};
use super::pending::{Draft, Pending};
use super::relations::{self, Row, lost};
use super::tables::{ABSENCES, INTENTS, META, NEXT_ORDINAL, RELATIONS, SOURCES, number, numbered, past};
use super::tenant::Tenant;
use super::{absences, events, images, intents, jobs, members, plans, seen};
use crate::seal::Sealer;
use crate::{Commit, NewRelation, SeenSet, StoreError};
use ::redb::{Range, ReadableTable, WriteTransaction};
use gangway_model::{JobId, Relation, RelationKey};
use std::collections::BTreeMap;
use std::ops::Bound;

impl Tenant {
    pub(super) fn read_relations(
        &self,
        key: &RelationKey,
        source_ids: &[&str],
    ) -> Result<Vec<Option<Relation>>, StoreError> {
        self.read_indexed(|txn, pending| {
            let Some(pair) = pairs::find(txn, key)? else { return Ok(vec![None; source_ids.len()]) };
            let (sources, rows) = (txn.open_table(SOURCES)?, txn.open_table(RELATIONS)?);
            let mut key = Vec::new();
            let mut relations = Vec::with_capacity(source_ids.len());
            // A source is mostly read in the order in which its relations were made: each row then
            // stands right behind the one before, and the index is not needed to find it.
            let (mut last, mut behind) = (None, None);
            for source_id in source_ids {
                if let Some(rows) = behind.as_mut()
                    && let Some(relation) = next_if(rows, pair.id, source_id)?
                {
                    last = Some(relation.ordinal);
                    relations.push(Some(relation));
                    continue;
                }
                behind = None;
                numbered(&mut key, pair.id, source_id);
                let ordinal = match pending.source(&key) {
                    Some(ordinal) => Some(ordinal),
                    None => sources.get(key.as_slice())?.map(|ordinal| ordinal.value()),
                };
                if let Some(ordinal) = ordinal {
                    if last.is_some_and(|last: u64| last.checked_add(1) == Some(ordinal)) {
                        behind = Some(rows.range((Bound::Excluded(ordinal), Bound::Unbounded))?);
                    }
                    last = Some(ordinal);
                }
                relations.push(ordinal.map(|ordinal| read(&rows, ordinal)).transpose()?);
            }
            Ok(relations)
        })
    }

    pub(super) fn read_owners(
        &self,
        key: &RelationKey,
        target_ids: &[&str],
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.read_indexed(|txn, pending| match pairs::find_space(txn, key)? {
            None => Ok(vec![None; target_ids.len()]),
            Some(space) => owners::lookup(txn, pending, space, target_ids),
        })
    }

    pub(super) fn read_scan(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError> {
        self.read_indexed(|txn, pending| {
            let Some(pair) = pairs::find(txn, key)? else { return Ok(Vec::new()) };
            let rows = txn.open_table(RELATIONS)?;
            let ordinals = scan(&txn.open_table(SOURCES)?, pending, pair.id, after, limit)?;
            ordinals.into_iter().map(|(_, ordinal)| read(&rows, ordinal)).collect()
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
        if batch.run.is_none()
            && !(batch.seen.is_empty() && batch.events.is_empty() && batch.images.is_empty())
        {
            return Err(StoreError::Failed(
                "a commit with seen marks, log lines or before-images does not say of which run they are"
                    .to_owned(),
            ));
        }
        if batch.relations.is_empty() && batch.unwanted.is_empty() && batch.removed.is_empty() {
            return self.file.write(|write| apply_rest(write, &self.sealer, batch, BTreeMap::new()));
        }
        self.write_indexed(|write, pending| {
            let mut draft = Draft::new(write.txn, pending)?;
            // What is removed goes first, so that the same entity may leave and come in one step.
            for (key, source_ids) in batch.removed.iter().filter(|(_, ids)| !ids.is_empty()) {
                remove(write.txn, &mut draft, key, source_ids)?;
            }
            let mut marks: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            for (key, list) in batch.relations.iter().filter(|(_, list)| !list.is_empty()) {
                let (pair, ordinals) = put(write.txn, &mut draft, key, list)?;
                marks.entry(pair).or_default().extend(ordinals);
            }
            for (key, list) in batch.unwanted.iter().filter(|(_, list)| !list.is_empty()) {
                put(write.txn, &mut draft, key, list)?;
            }
            apply_rest(write, &self.sealer, batch, marks)?;
            Ok(((), draft.finish(self.waiting_relations)?))
        })
    }
}

/// Everything but relations; `marks` are those of relations that were written.
fn apply_rest(
    write: &Write<'_>,
    sealer: &Sealer,
    batch: &Commit,
    mut marks: BTreeMap<u32, Vec<u64>>,
) -> Result<(), Fault> {
    plans::append(write, sealer, batch)?;
    if let Some(job) = &batch.job {
        jobs::put(write.txn, job)?;
    }
    for (key, source_ids) in batch.settled.iter().filter(|(_, ids)| !ids.is_empty()) {
        let pair = pairs::intern(write.txn, key)?;
        let mut table = write.txn.open_table(INTENTS)?;
        intents::settle(&mut table, pair.id, sorted(source_ids, String::as_str).into_iter())?;
    }
    for (key, list) in batch.intents.iter().filter(|(_, list)| !list.is_empty()) {
        let pair = pairs::intern(write.txn, key)?;
        let records = intents::records(sealer, key, list)?;
        intents::open(&mut write.txn.open_table(INTENTS)?, pair.id, &records)?;
    }
    for (key, list) in batch.absences.iter().filter(|(_, list)| !list.is_empty()) {
        absences::put(write.txn, pairs::intern(write.txn, key)?.id, list)?;
    }
    for read in &batch.reads {
        absences::put_read(write.txn, read)?;
    }
    for (key, list) in batch.members.iter().filter(|(_, list)| !list.is_empty()) {
        members::put(write.txn, key, list)?;
    }
    let Some(run) = &batch.run else { return Ok(()) };
    images::append(write.txn, sealer, run, &batch.images)?;
    for (key, ordinals) in batch.seen.iter().filter(|(_, ordinals)| !ordinals.is_empty()) {
        marks.entry(pairs::intern(write.txn, key)?.id).or_default().extend_from_slice(ordinals);
    }
    for (pair, ordinals) in marks {
        seen::mark(write.txn, run, pair, write.sequence, ordinals)?;
    }
    events::append(write.txn, sealer, run, &batch.events)
}

/// In the order of the keys: neighbours share their page.
pub(super) fn sorted<T>(items: &[T], id: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_by(|a, b| id(a).cmp(id(b)));
    sorted
}

/// The relation of an ordinal that an index led to.
fn read(rows: &impl ReadableTable<u64, &'static [u8]>, ordinal: u64) -> Result<Relation, Fault> {
    let value = rows.get(ordinal)?.ok_or_else(|| lost(ordinal))?;
    Ok(Row::decode(value.value())?.relation(ordinal))
}

/// The next row, if it is the relation of this source entity.
fn next_if(
    rows: &mut Range<'_, u64, &'static [u8]>,
    pair: u32,
    source_id: &str,
) -> Result<Option<Relation>, Fault> {
    let Some(entry) = rows.next() else { return Ok(None) };
    let (ordinal, value) = entry?;
    let row = Row::decode(value.value())?;
    let found = row.pair == pair && row.source_id == source_id;
    Ok(found.then(|| row.relation(ordinal.value())))
}

/// Keys and ordinals of a pair in the order of the source identifiers.
pub(super) fn scan(
    sources: &impl ReadableTable<&'static [u8], u64>,
    pending: &Pending,
    pair: u32,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, u64)>, Fault> {
    let mut from = Vec::new();
    numbered(&mut from, pair, after.unwrap_or_default());
    if after.is_some() {
        // The next possible identifier.
        from.push(0);
    }
    let end = past(&pair.to_be_bytes());
    let mut waiting = pending.sources_from(&from).take_while(|(key, _)| *key < end.as_slice()).peekable();
    let mut stored = sources.range(from.as_slice()..end.as_slice())?;
    let mut next = stored.next().transpose()?;
    let mut found = Vec::new();
    while found.len() < limit {
        let waiting_first = match (&next, waiting.peek()) {
            (None, None) => break,
            (Some((key, _)), Some((waiting, _))) => *waiting < key.value(),
            (None, Some(_)) => true,
            (Some(_), None) => false,
        };
        if waiting_first {
            found.extend(waiting.next().map(|(key, ordinal)| (key.to_vec(), ordinal)));
        } else if let Some((key, ordinal)) = next.take() {
            found.push((key.value().to_vec(), ordinal.value()));
            next = stored.next().transpose()?;
        }
    }
    Ok(found)
}

fn keys<'s>(pair: u32, source_ids: impl Iterator<Item = &'s str>) -> Vec<Vec<u8>> {
    let with_number = |source_id: &str| {
        let mut key = Vec::with_capacity(source_id.len() + 4);
        numbered(&mut key, pair, source_id);
        key
    };
    source_ids.map(with_number).collect()
}

fn remove(
    txn: &WriteTransaction,
    draft: &mut Draft<'_>,
    relation_key: &RelationKey,
    source_ids: &[String],
) -> Result<(), Fault> {
    let mut pair = pairs::intern(txn, relation_key)?;
    let keys = keys(pair.id, sorted(source_ids, String::as_str).into_iter().map(String::as_str));
    members::forget(txn, &keys)?;
    let ordinals = draft.find(&keys)?;
    let mut gone: Vec<(Vec<u8>, u64)> =
        keys.into_iter().zip(ordinals).filter_map(|(key, ordinal)| Some((key, ordinal?))).collect();
    gone.dedup();
    absences::remove(txn, gone.iter().map(|(key, _)| key))?;
    pair.count = pair.count.saturating_sub(gone.len() as u64);
    remove_rows(txn, draft, pair, gone)?;
    pairs::set_count(txn, relation_key, pair)
}

/// Removes relations with their index entries.
pub(super) fn remove_rows(
    txn: &WriteTransaction,
    draft: &mut Draft<'_>,
    pair: Pair,
    gone: Vec<(Vec<u8>, u64)>,
) -> Result<(), Fault> {
    let mut ordinals: Vec<u64> = gone.iter().map(|(_, ordinal)| *ordinal).collect();
    ordinals.sort_unstable();
    let mut owners = Vec::with_capacity(ordinals.len());
    {
        let mut rows = txn.open_table(RELATIONS)?;
        for ordinal in ordinals {
            let value = rows.remove(ordinal)?.ok_or_else(|| lost(ordinal))?;
            let row = Row::decode(value.value())?;
            owners.push((owners::key(pair.space, row.target_id, ordinal), ordinal, false));
        }
    }
    draft.change_owners(owners)?;
    draft.remove_sources(gone)
}

/// Writes relations of one pair; says which pair, and which ordinals they have.
fn put(
    txn: &WriteTransaction,
    draft: &mut Draft<'_>,
    relation_key: &RelationKey,
    list: &[NewRelation],
) -> Result<(u32, Vec<u64>), Fault> {
    let mut pair = pairs::intern(txn, relation_key)?;
    let keys = keys(pair.id, list.iter().map(|relation| relation.source_id.as_str()));
    let known = draft.find(&keys)?;

    // The last one counts if an entity is in the list twice.
    let first = next_ordinal(txn)?;
    let mut new: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut appended: Vec<&NewRelation> = Vec::new();
    let mut rewritten: BTreeMap<u64, &NewRelation> = BTreeMap::new();
    for ((relation, key), known) in list.iter().zip(&keys).zip(known) {
        if let Some(ordinal) = known {
            rewritten.insert(ordinal, relation);
            continue;
        }
        let place = *new.entry(key).or_insert(appended.len());
        match appended.get_mut(place) {
            Some(earlier) => *earlier = relation,
            None => appended.push(relation),
        }
    }

    let mut ordinals: Vec<u64> = rewritten.keys().copied().collect();
    let mut owners: Vec<(OwnerKey, u64, bool)> = Vec::new();
    let mut table = txn.open_table(RELATIONS)?;
    let mut value = Vec::new();
    for (ordinal, relation) in rewritten {
        relations::encode(&mut value, pair.id, relation);
        let old = table.insert(ordinal, value.as_slice())?.ok_or_else(|| lost(ordinal))?;
        let row = Row::decode(old.value())?;
        if row.target_id != relation.target_id {
            owners.push((owners::key(pair.space, row.target_id, ordinal), ordinal, false));
            owners.push((owners::key(pair.space, &relation.target_id, ordinal), ordinal, true));
        }
    }
    if !appended.is_empty() {
        let mut end = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
        for (ordinal, relation) in (first..).zip(&appended) {
            relations::encode(&mut value, pair.id, relation);
            end.insert_before(ordinal, value.as_slice())?;
            owners.push((owners::key(pair.space, &relation.target_id, ordinal), ordinal, true));
            ordinals.push(ordinal);
        }
        end.close()?;
    }
    drop(table);
    for (key, place) in new {
        draft.add_source(key.to_vec(), first + place as u64);
    }
    draft.change_owners(owners)?;
    if !appended.is_empty() {
        let count = appended.len() as u64;
        txn.open_table(META)?.insert(NEXT_ORDINAL, (first + count).to_le_bytes().as_slice())?;
        pair.count += count;
        pairs::set_count(txn, relation_key, pair)?;
    }
    Ok((pair.id, ordinals))
}

fn next_ordinal(txn: &WriteTransaction) -> Result<u64, Fault> {
    let meta = txn.open_table(META)?;
    let next = number(meta.get(NEXT_ORDINAL)?.as_ref().map(|v| v.value()), NEXT_ORDINAL)?;
    Ok(next)
}

/// For a system that goes: everything of a pair.
pub(super) fn remove_pair(
    txn: &WriteTransaction,
    pending: &Pending,
    draft: &mut Draft<'_>,
    pair: Pair,
) -> Result<(), Fault> {
    /// Relations at a time.
    const CHUNK: usize = 4_096;
    let mut after: Option<String> = None;
    loop {
        let gone = scan(&txn.open_table(SOURCES)?, pending, pair.id, after.as_deref(), CHUNK)?;
        let Some((last, _)) = gone.last() else { break };
        let last = last.get(4..).unwrap_or_default();
        after = Some(String::from_utf8_lossy(last).into_owned());
        remove_rows(txn, draft, pair, gone)?;
    }
    members::clear(txn, pair.id)?;
    let from = pair.id.to_be_bytes();
    for table in [INTENTS, ABSENCES] {
        txn.open_table(table)?.retain_in(from.as_slice()..past(&from).as_slice(), |_, _| false)?;
    }
    Ok(())
}
