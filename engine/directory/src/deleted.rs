//! What was deleted, for those who read the directory by its changes.
//!
//! RFC 7644 has no word for it: a client that asks for what was modified never hears of what is gone. Each
//! deletion leaves the identifier and the time, for a while, and `GET /Users/.deleted?since=…` tells them. Ordinary
//! clients never see any of it; `ServiceProviderConfig` names the address in a `Link` header.

use crate::error::StorageError;
use crate::schema::Kind;
use crate::storage::{META, Read, ReadTables};
use crate::write::Writer;
use crate::{Call, Directory, Reply, ScimError};
use gangway_model::ports::Clock;
use jiff::Timestamp;
use redb::{ReadableTable, WriteTransaction};
use serde_json::{Value, json};
use std::ops::Bound;
use uuid::Uuid;

const URN: &str = "urn:gangway:params:scim:api:messages:1.0:DeletedResponse";
/// The relation of the address in the `Link` header (RFC 8288).
const RELATION: &str = "urn:gangway:scim:rel:deleted";
/// Deletions are told of for so long.
const KEPT_MS: u64 = 60 * 24 * 60 * 60 * 1000;
/// Deletions in one answer if the client does not say, and at most.
const MOST: u64 = 1000;
/// Each deletion makes room by this many that are too old.
const SWEPT: usize = 2;
/// Since when deletions are kept at all, in a file that is older than that.
const KEPT_SINCE: &str = "deletions-kept-since";

/// What a client asks for.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) since: Option<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) count: Option<i64>,
}

/// Notes since when deletions are kept, in a file that has resources from before.
pub(crate) fn begin(
    transaction: &WriteTransaction,
    is_new: bool,
    clock: &dyn Clock,
) -> Result<(), StorageError> {
    let mut meta = transaction.open_table(META).map_err(StorageError::of)?;
    if meta.get(KEPT_SINCE).map_err(StorageError::of)?.is_none() {
        let since = if is_new { 0 } else { clock.now_ms() };
        meta.insert(KEPT_SINCE, since.to_string().as_bytes()).map_err(StorageError::of)?;
    }
    Ok(())
}

impl Writer<'_> {
    /// Remembers that a resource is gone.
    pub(crate) fn remember_deletion(&mut self, kind: Kind, id: Uuid, at_ms: u64) -> Result<(), StorageError> {
        if kind == Kind::Blocked {
            return Ok(());
        }
        let too_old = (kind as u8, at_ms.saturating_sub(KEPT_MS), 0);
        let table = &mut self.tables.deleted;
        let old: Vec<_> = table
            .range((kind as u8, 0, 0)..too_old)
            .map_err(StorageError::of)?
            .take(SWEPT)
            .map(|entry| entry.map(|(key, _)| key.value()).map_err(StorageError::of))
            .collect::<Result<_, _>>()?;
        for key in old {
            table.remove(key)?;
        }
        table.insert((kind as u8, at_ms, id.as_u128()), ())
    }
}

impl Directory {
    /// Identifiers of what was deleted since a time.
    pub(crate) fn deleted(&self, kind: Kind, asked: &Asked) -> Result<Value, ScimError> {
        let Some(since) = asked.since.as_deref() else {
            return Err(ScimError::value("\"since\" is missing: the time after which deletions are told of"));
        };
        let since = since.parse::<Timestamp>().ok().and_then(|t| u64::try_from(t.as_millisecond()).ok());
        let since = since.ok_or_else(|| {
            ScimError::value("\"since\" must be a time such as 2026-01-31T12:00:00Z".to_owned())
        })?;
        let kept_since = self.kept_since()?.max(self.clock.now_ms().saturating_sub(KEPT_MS));
        if since < kept_since {
            return Err(ScimError::new(
                410,
                None,
                format!(
                    "deletions are known since {}: read everything once, and ask again from that moment on",
                    time(kept_since)
                ),
            ));
        }
        let first = match asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            None => Bound::Included((kind as u8, since, 0)),
            Some(cursor) => {
                let (at, id) = place(cursor).ok_or_else(|| {
                    ScimError::new(
                        400,
                        Some("invalidCursor"),
                        "the cursor is none of this list: leave it out",
                    )
                })?;
                Bound::Excluded((kind as u8, at.max(since), id))
            }
        };
        let count = asked.count.map_or(MOST, |count| u64::try_from(count).unwrap_or(0)).min(MOST);
        page(self.read()?.as_ref(), kind, first, count)
    }

    fn kept_since(&self) -> Result<u64, StorageError> {
        let transaction = self.committer.begin_read()?;
        let meta = transaction.open_table(META).map_err(StorageError::of)?;
        let stored = meta.get(KEPT_SINCE).map_err(StorageError::of)?;
        let known = stored.and_then(|bytes| std::str::from_utf8(bytes.value()).ok()?.parse().ok());
        // Without it nothing is certain.
        Ok(known.unwrap_or_else(|| self.clock.now_ms()))
    }
}

type Key = (u8, u64, u128);

fn page(tables: &ReadTables, kind: Kind, first: Bound<Key>, count: u64) -> Result<Value, ScimError> {
    let last = Bound::Included((kind as u8, u64::MAX, u128::MAX));
    let (mut found, mut end, mut more) = (Vec::new(), None, false);
    for entry in tables.deleted.range::<Key>((first, last)).map_err(StorageError::of)? {
        if found.len() as u64 >= count {
            more = true;
            break;
        }
        let (_, at, id) = entry.map_err(StorageError::of)?.0.value();
        end = Some((at, id));
        let uuid = Uuid::from_u128(id).to_string();
        // Somebody may have restored it.
        if tables.locate(kind, &uuid)?.is_none() {
            found.push(json!({ "id": uuid, "deleted": time(at) }));
        }
    }
    let next = end.filter(|_| more).map(|(at, id)| format!("{at:x}.{id:x}"));
    let mut answer = json!({ "schemas": [URN], "itemsPerPage": found.len(), "Resources": found });
    if let (Some(next), Some(answer)) = (next, answer.as_object_mut()) {
        answer.insert("nextCursor".to_owned(), Value::String(next));
    }
    Ok(answer)
}

fn place(cursor: &str) -> Option<(u64, u128)> {
    let (at, id) = cursor.split_once('.')?;
    Some((u64::from_str_radix(at, 16).ok()?, u128::from_str_radix(id, 16).ok()?))
}

fn time(ms: u64) -> String {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default().to_string()
}

/// Says where deletions are told of, to those who look for it.
pub(crate) fn offered(call: &Call<'_>, reply: Reply) -> Reply {
    let links = [Kind::User, Kind::Group]
        .map(|kind| format!("<{}/{}/.deleted>; rel=\"{RELATION}\"", call.base, kind.endpoint()));
    Reply { link: Some(links.join(", ")), ..reply }
}
