//! What tells users apart: identifiers that are given to them, and what may be taken only once.

use crate::ScimError;
use crate::error::StorageError;
use crate::index::{INDEXES, Index, Role};
use crate::schema::{Kind, SAP_USER_URN};
use crate::storage::Read;
use crate::write::{Writer, Written, touch};
use serde_json::{Map, Value};
use uuid::Uuid;

const USER_UUID: &str = "userUuid";
const USER_ID: &str = "userId";

/// A replacement that does not speak of the identifiers keeps them.
pub(crate) fn keep(old: &Map<String, Value>, new: &mut Map<String, Value>) {
    for name in [USER_UUID, USER_ID] {
        if let Some(value) = sap(old, name) {
            let value = value.clone();
            if let Some(extension) = extension(new) {
                extension.entry(name).or_insert(value);
            }
        }
    }
}

fn sap<'c>(content: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    content.get(SAP_USER_URN).and_then(|e| e.get(name))
}

fn extension(content: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    content.entry(SAP_USER_URN).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

impl Writer<'_> {
    /// Gives a new user the identifiers that it does not bring. Which of them: nobody else has those.
    pub(crate) fn identify(
        &self,
        content: &mut Map<String, Value>,
        sequence: u64,
        uuid: Uuid,
    ) -> Result<Vec<&'static str>, ScimError> {
        let mut given = Vec::new();
        if sap(content, USER_UUID).is_none()
            && let Some(extension) = extension(content)
        {
            extension.insert(USER_UUID.to_owned(), Value::String(uuid.to_string()));
            given.push(USER_UUID);
        }
        if sap(content, USER_ID).is_none() {
            // Somebody may have brought the number that would be next.
            let mut number = sequence;
            let id = loop {
                let id = format!("P{number:06}");
                if !self.is_taken(&id)? {
                    break id;
                }
                number += 1_000_003;
            };
            if let Some(extension) = extension(content) {
                extension.insert(USER_ID.to_owned(), Value::String(id));
                given.push(USER_ID);
            }
        }
        Ok(given)
    }

    fn is_taken(&self, text: &str) -> Result<bool, StorageError> {
        for index in INDEXES.iter().filter(|i| i.kind == Kind::User && i.role == Role::Identifier) {
            if !self.tables.lookup(index.number, &index.key(text))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses values that another resource has, be it as another identifier. Of some it is sure that none has them.
    pub(crate) fn check_unique(
        &self,
        kind: Kind,
        entries: &[(&'static Index, String)],
        sure: &[&str],
        own: Option<u64>,
    ) -> Result<(), ScimError> {
        let identifies = |index: &Index| match index.role {
            Role::Identifier => true,
            Role::Email => self.settings.unique_emails,
            _ => false,
        };
        for (index, value) in entries.iter().filter(|(index, _)| !index.is_of(sure)) {
            if index.role == Role::Unique {
                self.refuse_holder(kind, (index, value), index, own)?;
            } else if identifies(index) {
                for other in INDEXES.iter().filter(|i| i.kind == kind && identifies(i)) {
                    self.refuse_holder(kind, (index, value), other, own)?;
                }
            }
        }
        Ok(())
    }

    fn refuse_holder(
        &self,
        kind: Kind,
        (index, value): (&Index, &str),
        other: &Index,
        own: Option<u64>,
    ) -> Result<(), ScimError> {
        let holders = self.tables.lookup(other.number, &other.key(value))?;
        let Some(holder) = holders.into_iter().find(|h| Some(*h) != own) else { return Ok(()) };
        let id = self.tables.record(kind, holder)?.map_or_else(String::new, |r| r.id.to_string());
        let (name, kind) = (index.name(), kind.name());
        let value = value.replace('\0', " / ");
        let as_what =
            if other.number == index.number { String::new() } else { format!(" as {}", other.name()) };
        Err(ScimError::new(
            409,
            Some("uniqueness"),
            format!("{name} {value:?} is taken by {kind} {id}{as_what}: choose another or change that one"),
        ))
    }

    /// The blocked user whom a new user's `userUuid` means.
    pub(crate) fn blocked(&self, content: &Map<String, Value>) -> Result<Option<u64>, StorageError> {
        let Some(uuid) = sap(content, USER_UUID).and_then(Value::as_str) else { return Ok(None) };
        let Some(index) = INDEXES.iter().find(|i| i.kind == Kind::Blocked) else { return Ok(None) };
        Ok(self.tables.lookup(index.number, &index.key(uuid))?.into_iter().next())
    }

    /// A blocked user comes back: as it was, inactive, with what is given now.
    pub(crate) fn restore(
        &mut self,
        sequence: u64,
        content: Map<String, Value>,
        password: Option<String>,
        now_ms: u64,
    ) -> Result<Written, ScimError> {
        let missing = || StorageError::Damaged(format!("blocked user number {sequence} is missing"));
        let old = self.tables.record(Kind::Blocked, sequence)?.ok_or_else(missing)?;
        let mut new = old.clone();
        new.content.insert("active".to_owned(), Value::Bool(false));
        for (name, value) in content {
            match (new.content.get_mut(&name), value) {
                (Some(Value::Object(kept)), Value::Object(given)) => kept.extend(given),
                (_, value) => {
                    new.content.insert(name, value);
                }
            }
        }
        new.password = password.or(new.password);
        touch(&mut new, now_ms);
        self.check_unique(Kind::User, &crate::index::entries(Kind::User, &new), &[], None)?;
        self.remove(Kind::Blocked, sequence, &old, now_ms)?;
        self.insert(Kind::User, sequence, &new)?;
        Ok(Written { kind: Kind::User, sequence, record: new })
    }
}
