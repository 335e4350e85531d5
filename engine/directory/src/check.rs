//! Whether a directory's tables agree with one another: for operators, and after every crash of a test.

use crate::error::StorageError;
use crate::index;
use crate::schema::Kind;
use crate::storage::{ALL, BLOCK, Read, ReadTables, Step};
use redb::{ReadableTable, ReadableTableMetadata};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many contradictions are told one by one.
const MOST_TOLD: usize = 100;

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Deleted users that can be restored.
    pub blocked: u64,
    /// Memberships.
    pub memberships: u64,
    /// Index entries.
    pub index_entries: u64,
    /// What contradicts what; the first hundred.
    pub problems: Vec<String>,
    /// How many contradictions there are.
    pub problem_count: u64,
}

impl Report {
    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < MOST_TOLD {
            self.problems.push(text);
        }
    }
}

/// Reads everything once: each record with its identifier and its index entries, each edge from both ends, the counts.
pub(crate) fn check(tables: &ReadTables) -> Result<Report, StorageError> {
    let mut report = Report::default();
    let (mut expected_entries, mut ids) = (0_u64, 0_u64);
    for kind in [Kind::User, Kind::Group, Kind::Blocked] {
        let mut blocks: BTreeMap<u64, u32> = BTreeMap::new();
        let mut count = 0_u64;
        tables.scan(kind, None, &mut |sequence, record| {
            count += 1;
            *blocks.entry(sequence / BLOCK).or_default() += 1;
            let name = kind.name();
            let placed = tables.locate_any(&record.id.to_string())?;
            if !placed.is_some_and(|p| p.kind == kind && p.sequence == sequence) {
                report.problem(format!("{name} {}: its identifier leads elsewhere", record.id));
            }
            for (index, key) in index::entries(kind, &record) {
                expected_entries += 1;
                if tables
                    .index
                    .get((index.number, key.as_str(), sequence))
                    .map_err(StorageError::of)?
                    .is_none()
                {
                    report.problem(format!("{name} {}: missing from the index {}", record.id, index.name()));
                }
            }
            Ok(Step::On)
        })?;
        ids += count;
        match kind {
            Kind::User => report.users = count,
            Kind::Group => report.groups = count,
            Kind::Blocked => report.blocked = count,
        }
        if tables.count(kind)? != count {
            report.problem(format!("{count} of {}, counted as {}", kind.endpoint(), tables.count(kind)?));
        }
        let stored = tables.blocks.range((kind as u8, 0)..(kind as u8, ALL)).map_err(StorageError::of)?;
        for entry in stored {
            let (key, stored) = entry.map_err(StorageError::of)?;
            let block = key.value().1;
            if blocks.remove(&block) != Some(stored.value()) {
                report.problem(format!("block {block} of {} is counted wrongly", kind.endpoint()));
            }
        }
        if !blocks.is_empty() {
            report.problem(format!("{} blocks of {} are not counted", blocks.len(), kind.endpoint()));
        }
    }
    report.index_entries = tables.index.len().map_err(StorageError::of)?;
    if report.index_entries != expected_entries {
        let there = report.index_entries;
        report.problem(format!("{there} index entries where the records make {expected_entries}"));
    }
    if tables.ids.len().map_err(StorageError::of)? != ids {
        report.problem("there are identifiers that lead to nothing".to_owned());
    }
    edges(tables, &mut report)?;
    Ok(report)
}

fn edges(tables: &ReadTables, report: &mut Report) -> Result<(), StorageError> {
    for entry in tables.members.iter().map_err(StorageError::of)? {
        let (key, member) = entry.map_err(StorageError::of)?;
        let ((group, sequence), (kind, id)) = (key.value(), member.value());
        report.memberships += 1;
        let back = tables.memberships.get((sequence, group)).map_err(StorageError::of)?.map(|v| v.value());
        let group_id = tables.record(Kind::Group, group)?.map(|r| r.id.as_u128());
        if back.is_none() || back != group_id {
            report.problem(format!("group number {group} has a member that does not know of it"));
        }
        let there = tables.record(Kind::from_number(kind), sequence)?.map(|r| r.id.as_u128());
        if there != Some(id) {
            report.problem(format!("group number {group} has a member that is not there"));
        }
    }
    if tables.memberships.len().map_err(StorageError::of)? != report.memberships {
        report.problem("there are memberships in groups that do not know of them".to_owned());
    }
    Ok(())
}
