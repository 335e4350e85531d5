//! Changing resources inside one write transaction.
//!
//! Every function checks everything before it writes anything: a refused request leaves the shared
//! transaction as it was, so many requests can be committed together.

use crate::ScimError;
use crate::content;
use crate::error::StorageError;
use crate::index::{self, Index};
use crate::patch::{self, MemberEdit, Patch};
use crate::schema::{Catalog, Kind, ResourceType};
use crate::storage::{BLOCK, Member, Read, Record, WriteTables};
use redb::{ReadableTable, Table};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A write transaction with all that a change needs.
pub(crate) struct Writer<'t> {
    pub(crate) tables: WriteTables<'t>,
    pub(crate) counters: Table<'t, &'static str, u64>,
    pub(crate) catalog: &'t Catalog,
}

/// What a change made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) sequence: u64,
}

/// A resource before and after.
struct Change {
    kind: Kind,
    sequence: u64,
    old: Record,
    content: Map<String, Value>,
    added: Vec<Member>,
    removed: Vec<Member>,
}

impl Writer<'_> {
    pub(crate) fn create(
        &mut self,
        kind: Kind,
        body: &Value,
        id: Uuid,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let catalog = self.catalog;
        let resource_type = catalog.of(kind);
        let (content, members) = read_body(resource_type, body)?;
        content::check(resource_type, &content)?;
        let record = Record { id, created_ms: now_ms, modified_ms: now_ms, version: 1, content };
        let entries = index::entries(kind, &record);
        self.check_unique(kind, &entries, None)?;
        let members = self.find_members(&members, None)?;

        let sequence = self.next_sequence()?;
        self.put_record(kind, sequence, &record)?;
        self.tables.ids.insert(id.as_u128(), (kind as u8, sequence)).map_err(StorageError::of)?;
        for (index, value) in &entries {
            self.tables
                .index
                .insert((index.number, value.as_str(), sequence), ())
                .map_err(StorageError::of)?;
        }
        for member in &members {
            self.link(sequence, id, member)?;
        }
        self.count_block(kind, sequence, true)?;
        Ok(Written { kind, sequence })
    }

    pub(crate) fn replace(
        &mut self,
        kind: Kind,
        id: &str,
        body: &Value,
        if_match: Option<&str>,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let catalog = self.catalog;
        let resource_type = catalog.of(kind);
        let (sequence, old) = self.current(kind, id, if_match)?;
        let (content, members) = read_body(resource_type, body)?;
        content::check(resource_type, &content)?;
        let edits = [MemberEdit::Clear, MemberEdit::Add(members)];
        let (added, removed) =
            if kind == Kind::Group { self.member_changes(sequence, &edits)? } else { Default::default() };
        self.update(Change { kind, sequence, old, content, added, removed }, now_ms)
    }

    pub(crate) fn patch(
        &mut self,
        kind: Kind,
        id: &str,
        body: &Value,
        if_match: Option<&str>,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let catalog = self.catalog;
        let resource_type = catalog.of(kind);
        let (sequence, old) = self.current(kind, id, if_match)?;
        let patch = Patch::apply(resource_type, old.content.clone(), body)?;
        let content = without_password(patch.content);
        content::check(resource_type, &content)?;
        let (added, removed) = self.member_changes(sequence, &patch.members)?;
        self.update(Change { kind, sequence, old, content, added, removed }, now_ms)
    }

    pub(crate) fn delete(
        &mut self,
        kind: Kind,
        id: &str,
        if_match: Option<&str>,
        now_ms: u64,
    ) -> Result<(), ScimError> {
        let (sequence, record) = self.current(kind, id, if_match)?;
        for (index, value) in index::entries(kind, &record) {
            self.tables.index.remove((index.number, value.as_str(), sequence)).map_err(StorageError::of)?;
        }
        for (group, _) in self.tables.groups_of(sequence)? {
            self.unlink(group, sequence)?;
            if let Some(mut record) = self.tables.record(Kind::Group, group)? {
                touch(&mut record, now_ms);
                self.put_record(Kind::Group, group, &record)?;
            }
        }
        if kind == Kind::Group {
            for member in self.tables.members(sequence)? {
                self.unlink(sequence, member.sequence)?;
            }
        }
        self.tables.ids.remove(record.id.as_u128()).map_err(StorageError::of)?;
        self.tables.resources.remove((kind as u8, sequence)).map_err(StorageError::of)?;
        self.count_block(kind, sequence, false)?;
        Ok(())
    }

    /// The record a request speaks of, if it is the version the client has seen.
    fn current(&self, kind: Kind, id: &str, if_match: Option<&str>) -> Result<(u64, Record), ScimError> {
        let missing = || ScimError::not_found(kind.name(), id);
        let sequence = self.tables.locate(kind, id)?.ok_or_else(missing)?;
        let record = self.tables.record(kind, sequence)?.ok_or_else(missing)?;
        if let Some(wanted) = if_match
            && !crate::render::tag_matches(wanted, record.version)
        {
            return Err(ScimError::new(
                412,
                None,
                format!(
                    "{} {id:?} is at version {}, not at {wanted}: read it again and repeat the change",
                    kind.name(),
                    crate::render::tag(record.version)
                ),
            ));
        }
        Ok((sequence, record))
    }

    fn update(&mut self, change: Change, now_ms: u64) -> Result<Written, ScimError> {
        let Change { kind, sequence, old, content, added, removed } = change;
        let written = Written { kind, sequence };
        if content == old.content && added.is_empty() && removed.is_empty() {
            return Ok(written);
        }
        let before = index::entries(kind, &old);
        let mut new = Record { content, ..old };
        touch(&mut new, now_ms);
        let after = index::entries(kind, &new);
        let same = |a: &(&Index, String), b: &(&Index, String)| a.0.number == b.0.number && a.1 == b.1;
        let gained: Vec<_> = after.iter().filter(|a| !before.iter().any(|b| same(a, b))).cloned().collect();
        self.check_unique(kind, &gained, Some(sequence))?;

        for (index, value) in before.iter().filter(|b| !after.iter().any(|a| same(a, b))) {
            self.tables.index.remove((index.number, value.as_str(), sequence)).map_err(StorageError::of)?;
        }
        for (index, value) in &gained {
            self.tables
                .index
                .insert((index.number, value.as_str(), sequence), ())
                .map_err(StorageError::of)?;
        }
        for member in &removed {
            self.unlink(sequence, member.sequence)?;
        }
        for member in &added {
            self.link(sequence, new.id, member)?;
        }
        self.put_record(kind, sequence, &new)?;
        Ok(written)
    }

    fn check_unique(
        &self,
        kind: Kind,
        entries: &[(&'static Index, String)],
        own: Option<u64>,
    ) -> Result<(), ScimError> {
        for (index, value) in entries.iter().filter(|(index, _)| index.unique) {
            for other in self.tables.lookup(index.number, value)? {
                if Some(other) == own {
                    continue;
                }
                let holder = self.tables.record(kind, other)?;
                return Err(ScimError::new(
                    409,
                    Some("uniqueness"),
                    format!(
                        "{} {value:?} is taken by {} {}: choose another or change that one",
                        index.name(),
                        kind.name(),
                        holder.map_or_else(String::new, |r| r.id.to_string())
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Turns identifiers into places; an unknown one is an error that names it.
    fn find_members(&self, ids: &[String], group: Option<u64>) -> Result<Vec<Member>, ScimError> {
        let mut members = BTreeMap::new();
        for id in ids {
            let member = self.tables.locate_any(id)?.ok_or_else(|| {
                ScimError::value(format!("member {id:?} does not exist: create it first or leave it out"))
            })?;
            if Some(member.sequence) == group {
                return Err(ScimError::value(format!("group {id:?} cannot be its own member")));
            }
            members.insert(member.sequence, member);
        }
        Ok(members.into_values().collect())
    }

    /// Which members come and which go, all edits taken together.
    fn member_changes(
        &self,
        group: u64,
        edits: &[MemberEdit],
    ) -> Result<(Vec<Member>, Vec<Member>), ScimError> {
        let mut wanted: HashMap<u64, (bool, Member)> = HashMap::new();
        let all = |wanted: &mut HashMap<u64, (bool, Member)>| -> Result<(), ScimError> {
            for member in self.tables.members(group)? {
                wanted.entry(member.sequence).or_insert((true, member));
            }
            Ok(())
        };
        for edit in edits {
            match edit {
                MemberEdit::Add(ids) => {
                    for member in self.find_members(ids, Some(group))? {
                        wanted.insert(member.sequence, (true, member));
                    }
                }
                // Who is no member is as gone as the client wants.
                MemberEdit::Remove(ids) => {
                    for id in ids {
                        if let Some(member) = self.tables.locate_any(id)? {
                            wanted.insert(member.sequence, (false, member));
                        }
                    }
                }
                MemberEdit::RemoveMatching(filter) => {
                    all(&mut wanted)?;
                    for (is_wanted, member) in wanted.values_mut() {
                        let mut value = Map::new();
                        value.insert("value".to_owned(), Value::String(member.id.to_string()));
                        value.insert("type".to_owned(), Value::String(member.kind.name().to_owned()));
                        if filter.matches(&value) {
                            *is_wanted = false;
                        }
                    }
                }
                MemberEdit::Clear => {
                    all(&mut wanted)?;
                    wanted.values_mut().for_each(|w| w.0 = false);
                }
            }
        }
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (sequence, (is_wanted, member)) in wanted {
            match (is_wanted, self.tables.is_member(group, sequence)?) {
                (true, false) => added.push(member),
                (false, true) => removed.push(member),
                _ => {}
            }
        }
        Ok((added, removed))
    }

    fn link(&mut self, group: u64, group_id: Uuid, member: &Member) -> Result<(), StorageError> {
        self.tables
            .members
            .insert((group, member.sequence), (member.kind as u8, member.id.as_u128()))
            .map_err(StorageError::of)?;
        self.tables
            .memberships
            .insert((member.sequence, group), group_id.as_u128())
            .map_err(StorageError::of)?;
        Ok(())
    }

    fn unlink(&mut self, group: u64, member: u64) -> Result<(), StorageError> {
        self.tables.members.remove((group, member)).map_err(StorageError::of)?;
        self.tables.memberships.remove((member, group)).map_err(StorageError::of)?;
        Ok(())
    }

    fn put_record(&mut self, kind: Kind, sequence: u64, record: &Record) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(record).map_err(|e| StorageError::Failed(e.to_string()))?;
        self.tables.resources.insert((kind as u8, sequence), bytes.as_slice()).map_err(StorageError::of)?;
        Ok(())
    }

    fn next_sequence(&mut self) -> Result<u64, StorageError> {
        let next = self.counters.get("sequence").map_err(StorageError::of)?.map_or(0, |v| v.value()) + 1;
        self.counters.insert("sequence", next).map_err(StorageError::of)?;
        Ok(next)
    }

    fn count_block(&mut self, kind: Kind, sequence: u64, more: bool) -> Result<(), StorageError> {
        let key = (kind as u8, sequence / BLOCK);
        let now = self.tables.blocks.get(key).map_err(StorageError::of)?.map_or(0, |v| v.value());
        let then = if more { now + 1 } else { now.saturating_sub(1) };
        if then == 0 {
            self.tables.blocks.remove(key).map_err(StorageError::of)?;
        } else {
            self.tables.blocks.insert(key, then).map_err(StorageError::of)?;
        }
        Ok(())
    }
}

/// Content and members of a whole resource.
fn read_body(
    resource_type: &ResourceType,
    body: &Value,
) -> Result<(Map<String, Value>, Vec<String>), ScimError> {
    let mut content = content::read(resource_type, body)?;
    let members = match (resource_type.kind, content.shift_remove("members")) {
        (Kind::Group, Some(members)) => patch::member_ids(&members)?,
        _ => Vec::new(),
    };
    Ok((without_password(content), members))
}

/// Passwords are not kept at all as long as nobody can sign in with them.
fn without_password(mut content: Map<String, Value>) -> Map<String, Value> {
    content.shift_remove("password");
    content
}

fn touch(record: &mut Record, now_ms: u64) {
    record.version += 1;
    record.modified_ms = now_ms.max(record.modified_ms);
}
