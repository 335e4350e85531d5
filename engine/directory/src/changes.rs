//! Changed groups of applications that are provisioned at once: noted in the transaction that changes the group, and
//! kept until whoever provisions them says that it is under way. So a crash in between loses none.

use crate::error::StorageError;
use crate::schema::{Kind, SAP_GROUP_URN};
use crate::storage::Record;
use crate::write::Writer;
use crate::{Directory, ScimError};
use redb::{ReadableTable, TableDefinition};
use serde_json::{Map, Value};
use uuid::Uuid;

/// (group, application) → number of the last change.
pub(crate) const CHANGES: TableDefinition<(u128, &str), u64> = TableDefinition::new("group-changes");
/// The counter of changes.
const NUMBER: &str = "group-change";

/// A group of an application that was made, changed or removed since it was provisioned last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupChange {
    /// The group.
    pub group: Uuid,
    /// The application that it belongs to, or belonged to before the change.
    pub application: String,
    number: u64,
}

/// The application of a group.
fn application(content: &Map<String, Value>) -> Option<&str> {
    content.get(SAP_GROUP_URN)?.get("applicationId")?.as_str()
}

impl Writer<'_> {
    /// Notes that a group with this record changes, if its application asks for that.
    pub(crate) fn note_change(&mut self, kind: Kind, record: &Record) -> Result<(), StorageError> {
        if kind != Kind::Group || self.settings.central_store.is_empty() {
            return Ok(());
        }
        let Some(application) = application(&record.content) else { return Ok(()) };
        if !self.settings.central_store.iter().any(|listed| listed == application) {
            return Ok(());
        }
        let next = self.counters.get(NUMBER).map_err(StorageError::of)?.map_or(0, |v| v.value()) + 1;
        self.counters.insert(NUMBER, next)?;
        self.changes.insert((record.id.as_u128(), application), next)
    }
}

impl Directory {
    /// Has somebody told after changes that may be of such groups. Only the first who asks is told.
    pub fn on_group_changes(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.committer.on_change(Box::new(tell));
    }

    /// Changes that are not settled, the oldest first.
    pub fn group_changes(&self, most: usize) -> Result<Vec<GroupChange>, StorageError> {
        let transaction = self.committer.begin_read()?;
        let table = transaction.open_table(CHANGES).map_err(StorageError::of)?;
        let mut changes = Vec::new();
        for entry in table.iter().map_err(StorageError::of)? {
            let (key, number) = entry.map_err(StorageError::of)?;
            let (group, application) = key.value();
            let application = application.to_owned();
            changes.push(GroupChange { group: Uuid::from_u128(group), application, number: number.value() });
        }
        changes.sort_unstable_by_key(|change| change.number);
        changes.truncate(most);
        Ok(changes)
    }

    /// Forgets changes, but not what has changed again since they were read.
    pub fn settle_group_changes(&self, changes: Vec<GroupChange>) -> Result<(), ScimError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.committer.write(move |writer| {
            for change in changes {
                let key = (change.group.as_u128(), change.application.as_str());
                let last = writer.changes.get(key).map_err(StorageError::of)?.map(|number| number.value());
                if last == Some(change.number) {
                    writer.changes.remove(key)?;
                }
            }
            Ok(())
        })
    }
}
