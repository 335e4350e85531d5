//! Changing resources inside one write transaction.
//!
//! Every function checks everything before it writes anything: a refused request leaves the shared
//! transaction as it was, so many requests can be committed together.

use crate::ScimError;
use crate::catalog::{Catalog, ResourceType};
use crate::changes::CHANGES;
use crate::commit::State;
use crate::content;
use crate::counting::Counts;
use crate::error::StorageError;
use crate::index::{self, Index};
use crate::members::MemberChanges;
use crate::patch::{self, MemberEdit, Patch};
use crate::redo::{Noted, Redo};
use crate::schema::Kind;
use crate::settings::Settings;
use crate::storage::{COUNTERS, Read, Record, WriteTables, number};
use crate::{identity, rules};
use redb::WriteTransaction;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// A write transaction with all that a change needs.
pub(crate) struct Writer<'t> {
    pub(crate) tables: WriteTables<'t>,
    pub(crate) counters: Noted<'t, &'static str, u64>,
    /// Changed groups of applications that are provisioned at once.
    pub(crate) changes: Noted<'t, (u128, &'static str), u64>,
    pub(crate) catalog: &'t Catalog,
    pub(crate) settings: &'t Settings,
    pub(crate) state: &'t Arc<State>,
    counts: Counts,
}

/// What a change made.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) sequence: u64,
    pub(crate) record: Record,
}

/// What a new resource is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    pub(crate) id: Uuid,
    /// For a user who brings none.
    pub(crate) user_uuid: Uuid,
}

/// A whole resource as a client gives it, checked as far as that needs nothing stored.
pub(crate) struct Draft {
    content: Map<String, Value>,
    password: Option<String>,
    members: Vec<String>,
}

impl Draft {
    pub(crate) fn read(resource_type: &ResourceType, body: &Value) -> Result<Self, ScimError> {
        let mut content = content::read(resource_type, body)?;
        let members = match (resource_type.kind, content.shift_remove("members")) {
            (Kind::Group, Some(members)) => patch::member_ids(&members)?,
            _ => Vec::new(),
        };
        let password = take_password(&mut content);
        content::check(resource_type, &content)?;
        Ok(Self { content, password, members })
    }

    /// The same under other schemas than those it was read by.
    fn again(self, resource_type: &ResourceType) -> Result<Self, ScimError> {
        let mut body = self.content;
        body.insert("schemas".to_owned(), json!([resource_type.core.id]));
        let content = Self::read(resource_type, &Value::Object(body))?.content;
        Ok(Self { content, ..self })
    }
}

/// A resource before and after.
struct Change {
    kind: Kind,
    sequence: u64,
    old: Record,
    content: Map<String, Value>,
    password: Option<String>,
    members: MemberChanges,
}

impl<'t> Writer<'t> {
    pub(crate) fn new(transaction: &'t WriteTransaction, state: &'t Arc<State>, redo: &'t Redo) -> Self {
        Self {
            tables: WriteTables::new(transaction, redo),
            counters: Noted::new(transaction, redo, (number::COUNTERS, COUNTERS)),
            changes: Noted::new(transaction, redo, (number::CHANGES, CHANGES)),
            catalog: &state.catalog,
            settings: &state.settings,
            state,
            counts: Counts::default(),
        }
    }
}

impl Writer<'_> {
    /// What is left to do when all changes are carried out.
    pub(crate) fn finish(&mut self) -> Result<(), StorageError> {
        std::mem::take(&mut self.counts).store(&mut self.counters, &mut self.tables.blocks)
    }

    /// A draft that was made under this state. It may be another one now.
    pub(crate) fn current_draft(
        &self,
        kind: Kind,
        draft: Draft,
        state: &Arc<State>,
    ) -> Result<Draft, ScimError> {
        if Arc::ptr_eq(self.state, state) { Ok(draft) } else { draft.again(self.catalog.of(kind)) }
    }

    pub(crate) fn create(
        &mut self,
        kind: Kind,
        draft: Draft,
        fresh: Fresh,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let Draft { mut content, password, members } = draft;
        if kind == Kind::User
            && let Some(blocked) = self.blocked(&content)?
        {
            return self.restore(blocked, content, password, now_ms);
        }
        let sequence = self.next_sequence()?;
        let sure = match kind {
            Kind::Group => {
                rules::complete_group(&mut content);
                Vec::new()
            }
            _ => self.identify(&mut content, sequence, fresh.user_uuid)?,
        };
        let mut record =
            Record { id: fresh.id, created_ms: now_ms, modified_ms: now_ms, version: 1, password, content };
        let entries = index::entries(kind, &record);
        self.check_unique(kind, &entries, &sure, None)?;
        let members = self.find_members(&members, None)?;
        members.store_outside(&mut record.content);
        rules::check_group(self.settings, None, &record.content, &members.added, &[])?;

        self.insert_with(kind, sequence, &record, &entries)?;
        for member in &members.added {
            self.link(sequence, fresh.id, member)?;
        }
        Ok(Written { kind, sequence, record })
    }

    /// A record with its identifier and its index entries.
    pub(crate) fn insert(&mut self, kind: Kind, sequence: u64, record: &Record) -> Result<(), StorageError> {
        self.insert_with(kind, sequence, record, &index::entries(kind, record))
    }

    fn insert_with(
        &mut self,
        kind: Kind,
        sequence: u64,
        record: &Record,
        entries: &[(&'static Index, String)],
    ) -> Result<(), StorageError> {
        self.put_record(kind, sequence, record)?;
        self.tables.ids.insert(record.id.as_u128(), (kind as u8, sequence))?;
        for (index, key) in entries {
            self.tables.index.insert((index.number, key.as_str(), sequence), ())?;
        }
        self.counts.count(&self.tables.blocks, kind, sequence, true)
    }

    /// The opposite of [`Self::insert`]; memberships go, too.
    pub(crate) fn remove(
        &mut self,
        kind: Kind,
        sequence: u64,
        record: &Record,
        now_ms: u64,
    ) -> Result<(), StorageError> {
        for (index, key) in index::entries(kind, record) {
            self.tables.index.remove((index.number, key.as_str(), sequence))?;
        }
        for (group, _) in self.tables.groups_of(sequence)? {
            self.unlink(group, sequence)?;
            if let Some(record) = self.tables.record(Kind::Group, group)? {
                self.rewrite(Kind::Group, group, &record, record.clone(), now_ms)?;
            }
        }
        if kind == Kind::Group {
            for member in self.tables.members(sequence)? {
                self.unlink(sequence, member.sequence)?;
            }
        }
        self.note_change(kind, record)?;
        self.tables.ids.remove(record.id.as_u128())?;
        self.remember_deletion(kind, record.id, now_ms.max(record.modified_ms))?;
        self.tables.resources.remove((kind as u8, sequence))?;
        self.counts.count(&self.tables.blocks, kind, sequence, false)
    }

    pub(crate) fn replace(
        &mut self,
        kind: Kind,
        id: &str,
        draft: Result<Draft, ScimError>,
        if_match: Option<&str>,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let (sequence, old) = self.current(kind, id, if_match)?;
        let Draft { mut content, password, members } = draft?;
        match kind {
            Kind::Group => {
                rules::keep_fixed(self.settings, &old.content, &mut content);
                rules::complete_group(&mut content);
            }
            _ => identity::keep(&old.content, &mut content),
        }
        let edits = [MemberEdit::Clear, MemberEdit::Add(members)];
        let members = if kind == Kind::Group {
            self.member_changes(sequence, &old.content, &edits)?
        } else {
            MemberChanges::default()
        };
        let password = password.or_else(|| old.password.clone());
        self.update(Change { kind, sequence, old, content, password, members }, now_ms)
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
        let mut content = old.content.clone();
        if let Some(password) = &old.password {
            content.insert(PASSWORD.to_owned(), Value::String(password.clone()));
        }
        rules::before_patch(&mut content, body);
        let mut patch = Patch::apply(resource_type, content, body)?;
        let password = take_password(&mut patch.content);
        content::check(resource_type, &patch.content)?;
        if kind == Kind::Group {
            rules::complete_group(&mut patch.content);
        }
        let members = self.member_changes(sequence, &old.content, &patch.members)?;
        self.update(Change { kind, sequence, old, content: patch.content, password, members }, now_ms)
    }

    pub(crate) fn delete(
        &mut self,
        kind: Kind,
        id: &str,
        if_match: Option<&str>,
        now_ms: u64,
    ) -> Result<(), ScimError> {
        let (sequence, record) = self.current(kind, id, if_match)?;
        if kind == Kind::Group {
            rules::check_delete(self.settings, &record.content)?;
        }
        self.remove(kind, sequence, &record, now_ms)?;
        if kind == Kind::User && self.settings.soft_delete {
            let mut record = record;
            touch(&mut record, now_ms);
            self.insert(Kind::Blocked, sequence, &record)?;
        }
        Ok(())
    }

    /// The record a request speaks of, if it is the version the client has seen.
    pub(crate) fn current(
        &self,
        kind: Kind,
        id: &str,
        if_match: Option<&str>,
    ) -> Result<(u64, Record), ScimError> {
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
        let Change { kind, sequence, old, mut content, password, members } = change;
        if kind == Kind::Group {
            members.store_outside(&mut content);
            rules::check_group(
                self.settings,
                Some(&old.content),
                &content,
                &members.added,
                &members.removed,
            )?;
        }
        if content == old.content && password == old.password && members.is_empty() {
            return Ok(Written { kind, sequence, record: old });
        }
        content::check_immutable(self.catalog.of(kind), &old.content, &content)?;
        let new = Record { content, password, ..old.clone() };
        let gained = self.gained(kind, &old, &new);
        self.check_unique(kind, &gained, &[], Some(sequence))?;

        for member in &members.removed {
            self.unlink(sequence, member.sequence)?;
        }
        for member in &members.added {
            self.link(sequence, new.id, member)?;
        }
        let record = self.rewrite(kind, sequence, &old, new, now_ms)?;
        Ok(Written { kind, sequence, record })
    }

    fn gained(&self, kind: Kind, old: &Record, new: &Record) -> Vec<(&'static Index, String)> {
        let before = index::entries(kind, old);
        let mut after = index::entries(kind, new);
        after.retain(|a| !before.iter().any(|b| same(a, b)));
        after
    }

    /// Writes the next version of a record with the index entries that come and go.
    pub(crate) fn rewrite(
        &mut self,
        kind: Kind,
        sequence: u64,
        old: &Record,
        mut new: Record,
        now_ms: u64,
    ) -> Result<Record, StorageError> {
        touch(&mut new, now_ms);
        // One that leaves its application concerns that, too.
        self.note_change(kind, old)?;
        let (before, after) = (index::entries(kind, old), index::entries(kind, &new));
        for (index, key) in before.iter().filter(|b| !after.iter().any(|a| same(a, b))) {
            self.tables.index.remove((index.number, key.as_str(), sequence))?;
        }
        for (index, key) in after.iter().filter(|a| !before.iter().any(|b| same(a, b))) {
            self.tables.index.insert((index.number, key.as_str(), sequence), ())?;
        }
        self.put_record(kind, sequence, &new)?;
        Ok(new)
    }

    fn put_record(&mut self, kind: Kind, sequence: u64, record: &Record) -> Result<(), StorageError> {
        self.note_change(kind, record)?;
        let bytes = serde_json::to_vec(record).map_err(|e| StorageError::Failed(e.to_string()))?;
        self.tables.resources.insert((kind as u8, sequence), bytes.as_slice())?;
        Ok(())
    }

    fn next_sequence(&mut self) -> Result<u64, StorageError> {
        self.counts.next_sequence(&self.counters)
    }
}

fn same(a: &(&Index, String), b: &(&Index, String)) -> bool {
    a.0.number == b.0.number && a.1 == b.1
}

const PASSWORD: &str = "password";

/// Passwords are no part of the content, so that no view shows them.
fn take_password(content: &mut Map<String, Value>) -> Option<String> {
    match content.shift_remove(PASSWORD) {
        Some(Value::String(hash)) if hash.starts_with("$argon2id$") => Some(hash),
        _ => None,
    }
}

/// A body that speaks of another resource than its address is a mistake.
pub(crate) fn named_in_body(body: &Value, id: &str) -> Result<(), ScimError> {
    match patch::field(body, "id").and_then(Value::as_str) {
        Some(named) if Uuid::try_parse(named).ok() != Uuid::try_parse(id).ok() => {
            Err(ScimError::value(format!("\"id\" is {named:?} in the body and {id} in the address")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn touch(record: &mut Record, now_ms: u64) {
    record.version += 1;
    record.modified_ms = now_ms.max(record.modified_ms);
}
