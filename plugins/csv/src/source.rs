//! The files as a source.

use crate::duplicates::Duplicates;
use crate::header::Header;
use crate::record::Record;
use crate::rows::{Place, Row, Rows, find_file};
use crate::settings::{Settings, file_name, id_property};
use gangway_sdk::files::FileInfo;
use gangway_sdk::{AttributeValue, Entity, Error, Page, Problem, Result, paging};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The most JSON that a page holds, unless a single row is larger.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// A place in a file that must still be the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    offset: u64,
    row: u64,
    size: u64,
    modified: u64,
}

/// A file being read. It is kept between the pages, so that going on costs nothing.
pub(crate) struct Reading {
    entity_type: String,
    info: FileInfo,
    rows: Rows,
    header: Header,
    first: Place,
    duplicates: Duplicates,
}

impl Reading {
    fn open(info: FileInfo, entity_type: &str, settings: &Settings) -> Result<Self> {
        let (rows, header) = Rows::open(&info, entity_type, settings)?;
        let first = rows.place();
        let duplicates = Duplicates::new(first, info.size);
        Ok(Reading { entity_type: entity_type.to_owned(), info, rows, header, first, duplicates })
    }

    fn is_of(&self, entity_type: &str, info: &FileInfo) -> bool {
        self.entity_type == entity_type
            && self.info.size == info.size
            && self.info.modified_ms == info.modified_ms
    }

    fn survey(&mut self) -> Result<()> {
        self.duplicates = Duplicates::survey(&mut self.rows, &self.header, self.first, self.info.size)?;
        Ok(())
    }

    /// Goes to where a page starts.
    fn go(&mut self, cursor: Option<Cursor>) -> Result<()> {
        let place = cursor.map_or(self.first, |cursor| Place { offset: cursor.offset, row: cursor.row });
        if !self.duplicates.follows(place) {
            if cursor.is_none() {
                // A new read of the same file.
                self.duplicates = Duplicates::new(self.first, self.info.size);
            } else {
                self.survey()?;
            }
        }
        if self.rows.place() != place {
            self.rows.seek(place);
        }
        Ok(())
    }

    fn page(&mut self, limit: usize) -> Result<Page> {
        let mut entities = Vec::with_capacity(limit.min(1000));
        let mut problems = Vec::new();
        let mut bytes = 0;
        let mut ended = false;
        while entities.len() + problems.len() < limit && bytes < PAGE_BYTES {
            let number = self.rows.place_row();
            let row = match self.rows.next(Some(&self.header))? {
                None => {
                    ended = true;
                    break;
                }
                Some(row) => row,
            };
            let record = match row {
                Row::Blank => continue,
                Row::Bad { id, error } => {
                    problems.push(Problem { id, error });
                    continue;
                }
                Row::Good(record) => record,
            };
            let id = record.value(self.header.id);
            if id.trim().is_empty() {
                problems.push(Problem::new(self.no_identifier(number)));
                continue;
            }
            if self.duplicates.is_suspicious(&id) {
                // The reader's buffer is needed for the survey; the row is read again after it.
                let place = Place { offset: self.rows.last_offset(), row: number };
                self.survey()?;
                self.rows.seek(place);
                continue;
            }
            if let Some(earlier) = self.duplicates.earlier(&id, number) {
                let id = id.into_owned();
                problems.push(Problem::new(self.occurs_twice(&id, number, earlier)));
                continue;
            }
            let entity = Entity::new(id, self.header.json(&record));
            bytes += entity.json.len();
            entities.push(entity);
        }
        self.duplicates.reached(self.rows.place());
        // The last full page need not be followed by an empty one.
        let next = if ended || self.rows.is_at_end()? { None } else { Some(paging::encode(&self.cursor())?) };
        Ok(Page::new(entities, next).with_problems(problems))
    }

    fn cursor(&self) -> Cursor {
        let place = self.rows.place();
        Cursor { offset: place.offset, row: place.row, size: self.info.size, modified: self.info.modified_ms }
    }

    fn no_identifier(&self, row: u64) -> Error {
        let error = Error::invalid(format!(
            "Row {row} of the file `{}` has no identifier: the column `{}` is empty. Fill it, or set the property `{}` to another column.",
            self.info.name,
            self.header.name(self.header.id),
            id_property(&self.entity_type)
        ));
        self.at_identifier(error, row)
    }

    fn occurs_twice(&self, id: &str, row: u64, earlier: u64) -> Error {
        let error = Error::invalid(format!(
            "Row {row} of the file `{}` has the identifier {id:?} in the column `{}`, which row {earlier} has already. Only row {earlier} is read; give each row an identifier of its own.",
            self.info.name,
            self.header.name(self.header.id),
        ));
        self.at_identifier(error, row).with_detail("id", id)
    }

    fn at_identifier(&self, error: Error, row: u64) -> Error {
        error
            .with_detail("file", &self.info.name)
            .with_detail("row", row)
            .with_detail("column", self.header.name(self.header.id))
    }
}

/// Reads a page; `kept` is the file that the page before came from.
pub(crate) fn read_page(
    kept: &mut Option<Reading>,
    settings: &Settings,
    entity_type: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page> {
    let info = find_file(&file_name(entity_type))?;
    let cursor: Option<Cursor> = paging::decode(cursor)?;
    if let Some(cursor) =
        cursor.filter(|cursor| cursor.size != info.size || cursor.modified != info.modified_ms)
    {
        return Err(Error::invalid(format!(
            "The file `{}` was changed while it was read, after row {}. Run the job again; put a new file in place as a whole, by renaming it.",
            info.name,
            cursor.row.saturating_sub(1)
        ))
        .with_detail("file", &info.name));
    }
    let reading = match kept {
        Some(reading) if reading.is_of(entity_type, &info) => reading,
        _ => kept.insert(Reading::open(info, entity_type, settings)?),
    };
    // After an error the reader may be anywhere, so it is not kept.
    let page = reading.go(cursor).and_then(|()| reading.page(limit.max(1) as usize));
    if page.is_err() {
        *kept = None;
    }
    page
}

/// Goes through a file until `visit` has seen enough.
fn scan(
    settings: &Settings,
    entity_type: &str,
    mut visit: impl FnMut(&Header, &str, &Record<'_>) -> bool,
) -> Result<Header> {
    let info = find_file(&file_name(entity_type))?;
    let (mut rows, header) = Rows::open(&info, entity_type, settings)?;
    while let Some(row) = rows.next(Some(&header))? {
        if let Row::Good(record) = row {
            let id = record.value(header.id);
            if !id.trim().is_empty() && !visit(&header, &id, &record) {
                break;
            }
        }
    }
    Ok(header)
}

/// Single entities: one pass over the file for all of them.
pub(crate) fn read_entities(settings: &Settings, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
    let mut found: HashMap<&str, Option<Entity>> = ids.iter().map(|id| (id.as_str(), None)).collect();
    let mut missing = found.len();
    let scanned = scan(settings, entity_type, |header, id, record| {
        if let Some(slot @ None) = found.get_mut(id) {
            *slot = Some(Entity::new(id, header.json(record)));
            missing -= 1;
        }
        missing > 0
    });
    ids.iter()
        .map(|id| match (&scanned, found.get(id.as_str())) {
            (Err(error), _) => Err(error.clone()),
            (Ok(_), Some(Some(entity))) => Ok(entity.clone()),
            (Ok(_), _) => Err(Error::no_entity(entity_type, id)),
        })
        .collect()
}

/// The entities whose columns have the given values.
pub(crate) fn find(
    settings: &Settings,
    entity_type: &str,
    attributes: &[AttributeValue],
    limit: u32,
) -> Result<Vec<Entity>> {
    let mut found = Vec::new();
    let mut unknown = None;
    let mut ids = std::collections::HashSet::new();
    scan(settings, entity_type, |header, id, record| {
        for wanted in attributes {
            let Some(column) = header.find(&wanted.attribute) else {
                unknown = Some(wanted.attribute.clone());
                return false;
            };
            let value = record.value(column);
            if value != wanted.value && !header.values(column, &value).any(|value| value == wanted.value) {
                return true;
            }
        }
        // A second row with the same identifier is no entity.
        if ids.insert(id.to_owned()) {
            found.push(Entity::new(id, header.json(record)));
        }
        found.len() < limit as usize
    })?;
    match unknown {
        None => Ok(found),
        Some(attribute) => Err(Error::invalid(format!(
            "The file `{}` has no column `{attribute}` to look for.",
            file_name(entity_type)
        ))
        .with_detail("attribute", attribute)),
    }
}
