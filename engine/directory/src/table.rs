//! Users and groups as CSV tables: a column is an attribute path, a row a resource.
//!
//! A column that is there and empty deletes the attribute; one that is not there leaves it. A row with an `id`
//! changes that resource; otherwise users are found by `userName` and groups by `displayName`, or made.

use crate::index::INDEXES;
use crate::path::Path;
use crate::schema::{DataType, Kind, SAP_USER_URN};
use crate::storage::{Read, Record, Step};
use crate::write::{Draft, Writer};
use crate::{Directory, ScimError, catalog::ResourceType};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::Write;

/// Most rows of one file.
const MOST_ROWS: usize = 25_000;
/// Rows that become durable together.
const AT_ONCE: usize = 200;
/// Values of a multi-valued attribute in an export.
const VALUES: usize = 3;
/// Custom attributes in an export.
const CUSTOM: usize = 10;

/// What became of a row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum RowOutcome {
    /// Made.
    Created,
    /// Changed, or found as it should be.
    Updated,
    /// Refused.
    Failed {
        /// Why.
        detail: String,
    },
}

/// A row of a file, for its report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// Counted from 1; the names of the columns stand in line 1.
    pub line: u64,
    /// The resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: RowOutcome,
}

/// A column: an attribute, or one place of a multi-valued one.
struct Column {
    path: Path,
    place: Option<usize>,
}

impl Column {
    fn read(resource_type: &ResourceType, name: &str) -> Result<Self, ScimError> {
        let name = name.trim().trim_start_matches('\u{feff}');
        let (plain, place) = match (name.find('['), name.find(']')) {
            (Some(open), Some(close)) if open < close => {
                let place = name.get(open + 1..close).and_then(|n| n.parse().ok()).filter(|n| *n < 100);
                let place =
                    place.ok_or_else(|| ScimError::value(format!("column {name:?}: no such place")))?;
                let before = name.get(..open).unwrap_or_default();
                (format!("{before}{}", name.get(close + 1..).unwrap_or_default()), Some(place))
            }
            _ => (name.to_owned(), None),
        };
        let path = Path::resolve(resource_type, &plain)
            .map_err(|e| ScimError::value(format!("column {name:?}: {e}")))?;
        if place.is_some() && !path.attribute.multi_valued {
            return Err(ScimError::value(format!("column {name:?}: the attribute has one value only")));
        }
        Ok(Self { path, place })
    }

    /// Puts a cell into a resource.
    fn set(&self, resource: &mut Map<String, Value>, cell: &str) {
        let holder = match &self.path.extension {
            None => resource,
            Some(urn) => match resource.entry(urn).or_insert_with(|| json!({})) {
                Value::Object(map) => map,
                _ => return,
            },
        };
        let (attribute, leaf) = (&self.path.attribute, self.path.leaf());
        let value = (!cell.is_empty()).then(|| typed(leaf.kind, cell));
        let wrap = |value: Value| match attribute.kind {
            DataType::Complex => json!({ leaf.name.as_str(): value }),
            _ => value,
        };
        match (attribute.multi_valued, self.place) {
            (true, Some(place)) => {
                let Value::Array(values) = holder.entry(&attribute.name).or_insert_with(|| json!([])) else {
                    return;
                };
                while values.len() <= place && value.is_some() {
                    values.push(json!({}));
                }
                if let Some(Value::Object(map)) = values.get_mut(place) {
                    match value {
                        Some(value) => map.insert(leaf.name.clone(), value),
                        None => map.shift_remove(&leaf.name),
                    };
                }
            }
            (true, None) => {
                let values = cell.split(';').map(str::trim).filter(|c| !c.is_empty());
                let values: Vec<_> = values.map(|c| wrap(typed(leaf.kind, c))).collect();
                holder.insert(attribute.name.clone(), Value::Array(values));
            }
            (false, _) if attribute.kind == DataType::Complex => {
                if let Value::Object(map) = holder.entry(&attribute.name).or_insert_with(|| json!({})) {
                    match value {
                        Some(value) => map.insert(leaf.name.clone(), value),
                        None => map.shift_remove(&leaf.name),
                    };
                }
            }
            (false, _) => {
                match value {
                    Some(value) => holder.insert(attribute.name.clone(), value),
                    None => holder.shift_remove(&attribute.name),
                };
            }
        }
    }
}

fn typed(kind: DataType, cell: &str) -> Value {
    match kind {
        DataType::Integer | DataType::Decimal => {
            serde_json::from_str(cell).ok().filter(Value::is_number).unwrap_or_else(|| json!(cell))
        }
        _ => json!(cell),
    }
}

/// A value of a multi-valued attribute in which nothing is left.
fn drop_empty(resource: &mut Map<String, Value>) {
    for value in resource.values_mut() {
        match value {
            Value::Array(values) => values.retain(|v| !v.as_object().is_some_and(Map::is_empty)),
            Value::Object(map) => drop_empty(map),
            _ => {}
        }
    }
}

impl Directory {
    /// Takes a file in; a report for each of its rows. The error is one of the file as a whole.
    pub fn import(&self, kind: Kind, text: &[u8]) -> Result<Vec<Row>, ScimError> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text);
        let unreadable = |e: csv::Error| ScimError::syntax(format!("the file is no CSV in UTF-8: {e}"));
        let names: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
        let state = self.committer.state();
        let resource_type = state.catalog.of(kind);
        let columns =
            names.iter().map(|name| Column::read(resource_type, name)).collect::<Result<Vec<_>, _>>()?;
        let required: &[&str] = match kind {
            Kind::Group => &["displayName"],
            _ => &["userName", "emails[0].value", "name.familyName"],
        };
        for name in required {
            if !names.iter().any(|n| n.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(name)) {
                return Err(ScimError::value(format!("the file has no column {name:?}")));
            }
        }
        let columns = std::sync::Arc::new(columns);
        let (mut rows, mut waiting, mut count) = (Vec::new(), Vec::new(), 0);
        for record in reader.records() {
            let record = record.map_err(unreadable)?;
            count += 1;
            if count > MOST_ROWS {
                let detail = format!("the file has more than {MOST_ROWS} rows: send it in parts");
                return Err(ScimError::new(413, Some("tooMany"), detail));
            }
            let line = record.position().map_or(0, csv::Position::line);
            waiting.push((line, record, self.fresh()));
            if waiting.len() >= AT_ONCE {
                rows.extend(self.import_rows(kind, &columns, std::mem::take(&mut waiting))?);
            }
        }
        rows.extend(self.import_rows(kind, &columns, waiting)?);
        Ok(rows)
    }

    fn import_rows(
        &self,
        kind: Kind,
        columns: &std::sync::Arc<Vec<Column>>,
        rows: Vec<(u64, csv::StringRecord, crate::Fresh)>,
    ) -> Result<Vec<Row>, ScimError> {
        let (columns, now_ms) = (columns.clone(), self.clock.now_ms());
        self.committer.write(move |writer| {
            let mut report = Vec::with_capacity(rows.len());
            for (line, record, fresh) in &rows {
                let row = match writer.import_row(kind, &columns, record, *fresh, now_ms) {
                    Ok((id, outcome)) => Row { line: *line, id: Some(id), outcome },
                    Err(error) if error.status >= 500 => return Err(error),
                    Err(error) => {
                        Row { line: *line, id: None, outcome: RowOutcome::Failed { detail: error.detail } }
                    }
                };
                report.push(row);
            }
            Ok(report)
        })
    }

    /// Writes all users or groups as a table, up to three values of an attribute and ten custom attributes.
    pub fn export(&self, kind: Kind, out: &mut dyn Write) -> Result<(), ScimError> {
        let failed = |e: String| ScimError::new(500, None, format!("the table cannot be written: {e}"));
        let state = self.committer.state();
        let resource_type = state.catalog.of(kind);
        let names = export_columns(resource_type, state.catalog.custom());
        let columns =
            names.iter().map(|name| Column::read(resource_type, name)).collect::<Result<Vec<_>, _>>()?;
        let mut table = csv::Writer::from_writer(out);
        table.write_record(&names).map_err(|e| failed(e.to_string()))?;
        let tables = self.read()?;
        let mut broken = None;
        tables.scan(kind, None, &mut |sequence, record| {
            let members = if kind == Kind::Group { tables.members(sequence)? } else { Vec::new() };
            let cells = columns.iter().map(|column| match column.path.attribute.name.as_str() {
                "id" => record.id.to_string(),
                "members" => {
                    let ids: Vec<_> = members.iter().map(|m| m.id.to_string()).collect();
                    ids.join(";")
                }
                _ => cell(column, &record),
            });
            if let Err(error) = table.write_record(cells) {
                broken = Some(error.to_string());
                return Ok(Step::Stop);
            }
            Ok(Step::On)
        })?;
        let flushed = table.flush().map_err(|e| e.to_string());
        broken.map_or(flushed, Err).map_err(failed)
    }
}

fn export_columns(resource_type: &ResourceType, custom: &[crate::schema::Schema]) -> Vec<String> {
    let mut names: Vec<String> = match resource_type.kind {
        Kind::Group => ["id", "displayName", "externalId", "members"].map(str::to_owned).to_vec(),
        _ => {
            let mut names =
                ["id", "userName", "externalId", "name.givenName", "name.familyName", "displayName"]
                    .map(str::to_owned)
                    .to_vec();
            names.extend(["title", "userType", "locale", "active"].map(str::to_owned));
            for attribute in ["emails", "phoneNumbers"] {
                names.extend((0..VALUES).map(|n| format!("{attribute}[{n}].value")));
            }
            names.extend(["userUuid", "userId", "status"].map(|n| format!("{SAP_USER_URN}:{n}")));
            names
        }
    };
    let attributes = custom.iter().flat_map(|schema| {
        let simple = schema.attributes.iter().filter(|a| a.kind != DataType::Complex);
        simple.map(|a| format!("{}:{}", schema.id, a.name))
    });
    names.extend(attributes.take(CUSTOM));
    names
}

fn cell(column: &Column, record: &Record) -> String {
    let mut value = column.path.value(&record.content);
    if let Some(place) = column.place {
        value = value.and_then(|v| v.get(place));
    }
    if column.path.attribute.kind == DataType::Complex {
        value = value.and_then(|v| v.get(&column.path.leaf().name));
    }
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

impl Writer<'_> {
    fn import_row(
        &mut self,
        kind: Kind,
        columns: &[Column],
        row: &csv::StringRecord,
        fresh: crate::Fresh,
        now_ms: u64,
    ) -> Result<(String, RowOutcome), ScimError> {
        let of = |name: &str| {
            columns
                .iter()
                .zip(row)
                .find(|(c, _)| c.path.extension.is_none() && c.path.attribute.name == name)
                .map(|(_, cell)| cell.trim())
                .filter(|cell| !cell.is_empty())
        };
        let (name, index) = if kind == Kind::Group { ("displayName", 6) } else { ("userName", 1) };
        let known = match of("id") {
            Some(id) => {
                Some(self.tables.locate(kind, id)?.ok_or_else(|| ScimError::not_found(kind.name(), id))?)
            }
            None => match of(name) {
                Some(value) => self.find_by(index, value)?,
                None => return Err(ScimError::value(format!("{name:?} is empty"))),
            },
        };
        let old = known.map(|sequence| self.tables.record(kind, sequence)).transpose()?.flatten();
        let mut resource = old.as_ref().map(|r| r.content.clone()).unwrap_or_default();
        let mut members = Vec::new();
        for (column, cell) in columns.iter().zip(row) {
            match column.path.attribute.name.as_str() {
                "id" => {}
                "password" => return Err(ScimError::value("\"password\" cannot be imported")),
                "members" if kind == Kind::Group => members = self.named_members(cell)?,
                _ => column.set(&mut resource, cell.trim()),
            }
        }
        drop_empty(&mut resource);
        let schema = json!([self.catalog.of(kind).core.id.clone()]);
        resource.insert("schemas".to_owned(), schema);
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        let Some(old) = old else {
            if kind == Kind::Group {
                resource.insert("members".to_owned(), Value::Array(members));
            }
            let draft = Draft::read(self.catalog.of(kind), &Value::Object(resource))?;
            let id = self.create(kind, draft, fresh, now_ms)?.record.id;
            return Ok((id.to_string(), RowOutcome::Created));
        };
        let id = old.id.to_string();
        if kind == Kind::Group {
            // Members are added and never taken out.
            let mut operations = vec![json!({ "op": "add", "path": "members", "value": members })];
            for (column, cell) in columns.iter().zip(row) {
                let name = column.path.attribute.name.as_str();
                if !matches!(name, "id" | "members") {
                    let path = column.path.text();
                    operations.push(match cell.trim() {
                        "" => json!({ "op": "remove", "path": path }),
                        cell => json!({ "op": "replace", "path": path, "value": cell }),
                    });
                }
            }
            self.patch(kind, &id, &json!({ "Operations": operations }), None, now_ms)?;
        } else {
            let draft = Draft::read(self.catalog.of(kind), &Value::Object(resource));
            self.replace(kind, &id, draft, None, now_ms)?;
        }
        Ok((id, RowOutcome::Updated))
    }

    /// The identifiers of the users that a cell names by `userUuid`, e-mail address, `userName` or id.
    fn named_members(&self, cell: &str) -> Result<Vec<String>, ScimError> {
        let mut ids = Vec::new();
        for name in cell.split(';').map(str::trim).filter(|n| !n.is_empty()) {
            let mut found = None;
            for index in [5, 4, 1] {
                found = found.or(self.find_by(index, name)?);
            }
            let id = match found {
                Some(sequence) => self.tables.record(Kind::User, sequence)?.map(|r| r.id.to_string()),
                None => self.tables.locate_any(name)?.map(|m| m.id.to_string()),
            };
            ids.push(id.ok_or_else(|| {
                ScimError::value(format!(
                    "member {name:?} has no such userUuid, e-mail address, userName or id"
                ))
            })?);
        }
        Ok(ids)
    }

    /// Who has a value in an index.
    fn find_by(&self, index: u8, value: &str) -> Result<Option<u64>, ScimError> {
        let Some(index) = INDEXES.iter().find(|i| i.number == index) else { return Ok(None) };
        Ok(self.tables.lookup(index.number, &index.key(value))?.into_iter().next())
    }
}
