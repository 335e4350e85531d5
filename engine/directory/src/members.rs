//! Members of groups: edges between resources of the directory, and a few that are elsewhere.

use crate::ScimError;
use crate::error::StorageError;
use crate::patch::MemberEdit;
use crate::storage::{Member, Read};
use crate::write::Writer;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

const MEMBERS: &str = "members";
/// Members that are no resources here stand in the group's record.
const MOST_OUTSIDE: usize = 1000;

/// What becomes of a group's members.
#[derive(Debug, Default)]
pub(crate) struct MemberChanges {
    pub(crate) added: Vec<Member>,
    pub(crate) removed: Vec<Member>,
    /// All that are elsewhere, by their `value`.
    outside: Vec<String>,
}

impl MemberChanges {
    /// Whether no edge changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// Puts the members that are elsewhere into a group's content.
    pub(crate) fn store_outside(&self, content: &mut Map<String, Value>) {
        if self.outside.is_empty() {
            content.shift_remove(MEMBERS);
        } else {
            let values = self.outside.iter().map(|id| Value::Object(outside_value(id))).collect();
            content.insert(MEMBERS.to_owned(), Value::Array(values));
        }
    }
}

fn outside_of(content: &Map<String, Value>) -> Vec<String> {
    let values = content.get(MEMBERS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|v| v.get("value")).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn outside_value(id: &str) -> Map<String, Value> {
    Map::from_iter([("value".to_owned(), Value::String(id.to_owned()))])
}

/// Identifiers of the directory are UUIDs: what is none can only be somebody who is elsewhere. A UUID that
/// is unknown is a mistake, or comes too early.
fn is_foreign(id: &str) -> Result<bool, ScimError> {
    if id.trim().is_empty() {
        return Err(ScimError::value("the \"value\" of a member is empty: give the member's id"));
    }
    Ok(Uuid::try_parse(id).is_err())
}

impl Writer<'_> {
    /// Turns identifiers into places; an unknown one is an error that names it.
    pub(crate) fn find_members(
        &self,
        ids: &[String],
        group: Option<u64>,
    ) -> Result<MemberChanges, ScimError> {
        let (mut members, mut outside) = (BTreeMap::new(), Vec::new());
        for id in ids {
            if is_foreign(id)? {
                if !outside.contains(id) {
                    outside.push(id.clone());
                }
                continue;
            }
            let member = self.tables.locate_any(id)?.ok_or_else(|| {
                ScimError::value(format!("member {id:?} does not exist: create it first or leave it out"))
            })?;
            if Some(member.sequence) == group {
                return Err(ScimError::value(format!("group {id:?} cannot be its own member")));
            }
            members.insert(member.sequence, member);
        }
        Ok(MemberChanges { added: members.into_values().collect(), removed: Vec::new(), outside })
    }

    /// Which members come and which go, all edits taken together.
    pub(crate) fn member_changes(
        &self,
        group: u64,
        content: &Map<String, Value>,
        edits: &[MemberEdit],
    ) -> Result<MemberChanges, ScimError> {
        let mut outside = outside_of(content);
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
                    let found = self.find_members(ids, Some(group))?;
                    outside.retain(|id| !found.outside.contains(id));
                    outside.extend(found.outside);
                    for member in found.added {
                        wanted.insert(member.sequence, (true, member));
                    }
                }
                // Who is no member is as gone as the client wants.
                MemberEdit::Remove(ids) => {
                    outside.retain(|id| !ids.contains(id));
                    for id in ids {
                        if let Some(member) = self.tables.locate_any(id)? {
                            wanted.insert(member.sequence, (false, member));
                        }
                    }
                }
                MemberEdit::RemoveMatching(filter) => {
                    all(&mut wanted)?;
                    outside.retain(|id| !filter.matches(&outside_value(id)));
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
                    outside.clear();
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
        if outside.len() > MOST_OUTSIDE {
            return Err(ScimError::value(format!(
                "a group has at most {MOST_OUTSIDE} members that are not in the directory"
            )));
        }
        Ok(MemberChanges { added, removed, outside })
    }

    pub(crate) fn link(&mut self, group: u64, group_id: Uuid, member: &Member) -> Result<(), StorageError> {
        self.tables.members.insert((group, member.sequence), (member.kind as u8, member.id.as_u128()))?;
        self.tables.memberships.insert((member.sequence, group), group_id.as_u128())?;
        Ok(())
    }

    pub(crate) fn unlink(&mut self, group: u64, member: u64) -> Result<(), StorageError> {
        self.tables.members.remove((group, member))?;
        self.tables.memberships.remove((member, group))?;
        Ok(())
    }
}
