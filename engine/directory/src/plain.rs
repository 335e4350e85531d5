//! Pages of users written as they are stored: the content is not taken apart and put together again, which
//! is what most of the time of a page goes into. For questions that need nothing else; see [`page`].

use crate::ScimError;
use crate::catalog::ResourceType;
use crate::error::StorageError;
use crate::filter::{self, Filter};
use crate::plan;
use crate::query::{LIST_URN, Query, Start, cursor, lost, start};
use crate::render::{Renderer, location, tag, time};
use crate::schema::Kind;
use crate::storage::{Read, Record, Step};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    id: Uuid,
    created_ms: u64,
    modified_ms: u64,
    version: u64,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// The answer that [`crate::query::list`] would give, as text. None if the question is for more than whole users
/// in the order of their creation, all of them or those that an index knows.
pub(crate) fn page<T: Read>(
    tables: &T,
    resource_type: &ResourceType,
    base: &str,
    query: &Query,
    parsed: Option<&Filter>,
) -> Result<Option<String>, ScimError> {
    let selects = !query.attributes.is_empty() || !query.excluded_attributes.is_empty();
    if resource_type.kind != Kind::User || selects || query.sort_by.is_some() || query.start_id.is_some() {
        return Ok(None);
    }
    let start = start(query)?;
    let count = query.count();
    let mut pen = Pen::new(tables, resource_type, base);
    let (total, next) = match (query.filter(), start) {
        (None, Start::Position(_) | Start::After(_)) => pen.all(start, count)?,
        (Some(text), Start::Position(skip)) => {
            let filter = match parsed {
                Some(filter) => Cow::Borrowed(filter),
                None => Cow::Owned(filter::parse(resource_type, text)?),
            };
            let found = plan::candidates(tables, Kind::User, &filter, usize::MAX)?;
            let Some(found) = found.filter(|found| found.exact) else { return Ok(None) };
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let take = usize::try_from(count).unwrap_or(usize::MAX);
            for sequence in found.sequences.iter().skip(skip).take(take) {
                pen.one(*sequence)?;
            }
            (found.sequences.len() as u64, None)
        }
        _ => return Ok(None),
    };
    pen.finish(total, start, next.map(|last| cursor(last, query))).map(Some)
}

/// One user, as text.
pub(crate) fn user<T: Read>(
    tables: &T,
    resource_type: &ResourceType,
    base: &str,
    sequence: u64,
    record: &Record,
) -> Result<String, StorageError> {
    let mut pen = Pen::new(tables, resource_type, base);
    let content = serde_json::to_string(&record.content).map_err(|e| damaged(sequence, &e))?;
    let Record { id, created_ms, modified_ms, version, .. } = *record;
    pen.put(sequence, &About { id, created_ms, modified_ms, version }, &content)?;
    String::from_utf8(pen.text).map_err(|e| damaged(sequence, &e))
}

fn damaged(sequence: u64, e: &dyn std::fmt::Display) -> StorageError {
    StorageError::Damaged(format!("{} number {sequence}: {e}", Kind::User.name()))
}

/// What a user has beside its content; times in milliseconds since 1970.
struct About {
    id: Uuid,
    created_ms: u64,
    modified_ms: u64,
    version: u64,
}

/// Writes users.
struct Pen<'r, T: Read> {
    renderer: Renderer<'r, T>,
    core: &'r str,
    /// Extensions, and how each stands in a content that has it.
    extensions: Vec<(&'r str, String)>,
    text: Vec<u8>,
    count: u64,
}

impl<'r, T: Read> Pen<'r, T> {
    fn new(tables: &'r T, resource_type: &'r ResourceType, base: &'r str) -> Self {
        let extensions = resource_type.extensions.iter().map(|e| (e.id.as_str(), format!("\"{}\":", e.id)));
        Self {
            renderer: Renderer::new(tables, resource_type, base),
            core: resource_type.core.id.as_str(),
            extensions: extensions.collect(),
            text: Vec::with_capacity(1024),
            count: 0,
        }
    }

    /// A page of all; how many there are, and the last of the page if more follow it.
    fn all(&mut self, start: Start, count: u64) -> Result<(u64, Option<u64>), ScimError> {
        let tables = self.renderer.tables;
        let after = match start {
            Start::Position(skip) => tables.seek(Kind::User, skip)?,
            Start::After(sequence) => Some(sequence),
            Start::Id(_) => None,
        };
        let (mut last, mut more) = (None, false);
        if let Some(after) = after {
            tables.scan_bytes(Kind::User, Some(after), &mut |sequence, bytes| {
                if self.count >= count {
                    more = true;
                    return Ok(Step::Stop);
                }
                last = Some(sequence);
                self.write(sequence, bytes)?;
                Ok(Step::On)
            })?;
        }
        Ok((tables.count(Kind::User)?, last.filter(|_| more)))
    }

    fn one(&mut self, sequence: u64) -> Result<(), StorageError> {
        let tables = self.renderer.tables;
        let found = tables.bytes(Kind::User, sequence, &mut |bytes| self.write(sequence, bytes))?;
        if found { Ok(()) } else { Err(lost(Kind::User, sequence)) }
    }

    fn write(&mut self, sequence: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|e| damaged(sequence, &e))?;
        let Stored { id, created_ms, modified_ms, version, content } = stored;
        self.put(sequence, &About { id, created_ms, modified_ms, version }, content.get())
    }

    fn put(&mut self, sequence: u64, about: &About, content: &str) -> Result<(), StorageError> {
        let damaged = |e: &dyn std::fmt::Display| damaged(sequence, e);
        let inner = content.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inner = inner.ok_or_else(|| damaged(&"its content is no object"))?;
        if self.count > 0 {
            self.text.push(b',');
        }
        self.count += 1;
        let text = &mut self.text;
        let mut put = |part: &str| text.extend_from_slice(part.as_bytes());
        put("{\"schemas\":[\"");
        put(self.core);
        put("\"");
        // Quotation marks inside of texts are escaped, so this finds names of members alone.
        for (id, _) in self.extensions.iter().filter(|(_, key)| inner.contains(key.as_str())) {
            put(",\"");
            put(id);
            put("\"");
        }
        put("],\"id\":\"");
        put(about.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        put("\"");
        if !inner.is_empty() {
            put(",");
            put(inner);
        }
        let groups = self.renderer.groups(sequence)?;
        if !groups.is_empty() {
            self.text.extend_from_slice(b",\"groups\":");
            serde_json::to_writer(&mut self.text, &groups).map_err(|e| damaged(&e))?;
        }
        let created = time(about.created_ms);
        let modified =
            if about.modified_ms == about.created_ms { created.clone() } else { time(about.modified_ms) };
        let location = serde_json::to_string(&location(self.renderer.base, Kind::User, about.id))
            .map_err(|e| damaged(&e))?;
        let version = tag(about.version).replace('"', "\\\"");
        write!(
            self.text,
            ",\"meta\":{{\"resourceType\":\"User\",\"created\":\"{created}\",\"lastModified\":\"{modified}\",\
             \"location\":{location},\"version\":\"{version}\"}}}}"
        )
        .map_err(|e| damaged(&e))
    }

    fn finish(self, total: u64, start: Start, next: Option<String>) -> Result<String, ScimError> {
        let resources = String::from_utf8(self.text)
            .map_err(|e| StorageError::Damaged(format!("a user's text is not UTF-8: {e}")))?;
        let place = match (start, next) {
            (Start::Position(skip), _) => format!(",\"startIndex\":{}", skip + 1),
            (_, Some(next)) => format!(",\"nextCursor\":\"{next}\""),
            (_, None) => String::new(),
        };
        Ok(format!(
            "{{\"schemas\":[\"{LIST_URN}\"],\"totalResults\":{total},\"itemsPerPage\":{}{place},\"Resources\":[{resources}]}}",
            self.count
        ))
    }
}
