//! A look at what the transformations make of a few rows: no system is asked, nothing is kept.

use crate::attribute;
use crate::difference::step;
use crate::error::{StartError, ValidateError};
use crate::execute::linked_targets;
use crate::resolver::StoreResolver;
use crate::run::needs;
use crate::runner::Runner;
use crate::transform::{apply, request};
use gangway_model::ports::{JobContext, Transformation};
use gangway_model::{
    Answer, AnswerOutcome, EntityType, PluginError, Role, System, SystemId, TenantId, TransformOperation,
};
use gangway_store::TenantStore;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::sync::Arc;

/// Rows of a file that are used; what comes after them is not looked at.
const ROWS: usize = 10;

/// Comma-separated files whose first row names attributes: `userName`, `emails[0].value`.
#[derive(Clone, Debug, Default)]
pub struct Sheets {
    /// One user a row.
    pub users: Option<String>,
    /// One group a row.
    pub groups: Option<String>,
}

/// One row as the source would deliver it.
struct Row {
    /// The header is row 1.
    number: usize,
    json: String,
}

impl Runner {
    /// What each target would get of the rows: files by name, for the caller alone.
    pub async fn validate(
        &self,
        tenant: &TenantId,
        source: &SystemId,
        sheets: Sheets,
    ) -> Result<Vec<(String, Vec<u8>)>, ValidateError> {
        let wanted = source.clone();
        let (system, systems) = self
            .store(tenant, move |store| Ok((store.system(&wanted)?, store.systems()?)))
            .await
            .map_err(StartError::Store)?;
        let unknown = || StartError::UnknownSystem { tenant: tenant.clone(), system: source.clone() };
        let source = system.ok_or_else(unknown)?;
        if source.role != Role::Source {
            return Err(StartError::NotASource(source.name).into());
        }
        if !source.enabled {
            return Err(StartError::Disabled(source.name).into());
        }
        let sheets: Vec<_> = [("user", sheets.users), ("group", sheets.groups)]
            .into_iter()
            .filter_map(|(name, text)| Some((EntityType::new(name), text?)))
            .map(|(entity_type, text)| Ok((rows(&entity_type, &text)?, entity_type)))
            .collect::<Result<_, ValidateError>>()?;
        if sheets.is_empty() {
            return Err(ValidateError::File("there is neither a file of users nor one of groups".to_owned()));
        }
        let targets = linked_targets(systems, &source.id);
        if targets.is_empty() {
            let why = format!("no enabled target system lists {:?} among its sources", source.name);
            return Err(ValidateError::File(why));
        }
        let store = self.open_store(tenant).await.map_err(StartError::Store)?;
        self.transform(tenant, store, &source, &targets, sheets).await
    }

    async fn transform(
        &self,
        tenant: &TenantId,
        store: Arc<dyn TenantStore>,
        source: &System,
        targets: &[System],
        sheets: Vec<(Vec<Row>, EntityType)>,
    ) -> Result<Vec<(String, Vec<u8>)>, ValidateError> {
        let (systems, job) = self.systems(tenant);
        let context = JobContext { job, cancelled: Arc::default() };
        let read = systems.read_transformation(source, &context).await.map_err(ValidateError::Plugin)?;
        let mut writes = Vec::new();
        for target in targets {
            let resolver = StoreResolver::new(store.clone(), source.id.clone(), target.id.clone());
            let write = systems.write_transformation(target, &context, Arc::new(resolver)).await;
            writes.push((target, write));
        }
        let mut files = Vec::new();
        let mut trace = String::new();
        for (rows, entity_type) in &sheets {
            let common = read_rows(read.as_ref(), source, entity_type, rows, &mut trace).await?;
            for (target, write) in &writes {
                let subject = format!("target {:?}", target.name);
                let write = match write {
                    Ok(write) => write.as_ref(),
                    Err(error) => {
                        let _ =
                            writeln!(trace, "{subject}: its write transformation cannot be used: {error}");
                        continue;
                    }
                };
                if needs(write, entity_type).is_none_or(|needs| needs.ignored) {
                    let _ =
                        writeln!(trace, "{subject}: its write transformation ignores the type {entity_type}");
                    continue;
                }
                let requests: Vec<_> = common
                    .iter()
                    .map(|(_, json)| request(entity_type, TransformOperation::Create, json))
                    .collect();
                let answers = apply(write, &requests).await.map_err(ValidateError::Plugin)?;
                let mut made = Vec::new();
                for ((row, _), answer) in common.iter().zip(answers) {
                    match answer.outcome {
                        AnswerOutcome::Transformed => made.push(flat(&answer.json)),
                        _ => note(&mut trace, entity_type, *row, &subject, &answer),
                    }
                }
                let name = format!("{entity_type}_{}.csv", file_name(&target.name));
                files.push((name, table(&made)?));
            }
        }
        if !trace.is_empty() {
            files.push(("trace.log".to_owned(), trace.into_bytes()));
        }
        Ok(files)
    }
}

/// What the read transformation makes of the rows, by their numbers.
async fn read_rows(
    read: &dyn Transformation,
    source: &System,
    entity_type: &EntityType,
    rows: &[Row],
    trace: &mut String,
) -> Result<Vec<(usize, String)>, ValidateError> {
    let requests: Vec<_> =
        rows.iter().map(|row| request(entity_type, TransformOperation::Read, &row.json)).collect();
    let answers = apply(read, &requests).await.map_err(ValidateError::Plugin)?;
    let subject = format!("source {:?}", source.name);
    let mut common = Vec::new();
    for (row, answer) in rows.iter().zip(answers) {
        match answer.outcome {
            AnswerOutcome::Transformed => common.push((row.number, answer.json)),
            _ => note(trace, entity_type, row.number, &subject, &answer),
        }
    }
    Ok(common)
}

fn note(trace: &mut String, entity_type: &EntityType, row: usize, subject: &str, answer: &Answer) {
    let what = if answer.outcome == AnswerOutcome::Failed { "failed" } else { "skipped" };
    let place = if answer.mapping.is_empty() { String::new() } else { format!(" ({})", answer.mapping) };
    let _ = writeln!(trace, "{entity_type}s row {row}, {subject}: {what}: {}{place}", answer.reason);
}

/// The first rows of a file as JSON.
fn rows(entity_type: &EntityType, text: &str) -> Result<Vec<Row>, ValidateError> {
    let wrong = |what: String| ValidateError::File(format!("the file of {entity_type}s: {what}"));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut header: Option<csv::StringRecord> = None;
    let mut rows = Vec::new();
    for (number, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| wrong(format!("row {number} cannot be read: {error}")))?;
        let Some(header) = &header else {
            header = Some(record);
            continue;
        };
        if rows.len() >= ROWS {
            break;
        }
        if record.len() != header.len() {
            return Err(wrong(format!(
                "row {number} has {} fields, and the header has {}; empty ones count",
                record.len(),
                header.len()
            )));
        }
        let mut entity = Value::Object(Map::new());
        for (attribute, field) in header.iter().zip(&record).filter(|(_, field)| !field.is_empty()) {
            if !attribute::put(&mut entity, attribute, field) {
                return Err(wrong(format!(
                    "row {number}: {attribute:?} is no path of an attribute, or two columns name the same; write it like emails[0].value"
                )));
            }
        }
        rows.push(Row { number, json: entity.to_string() });
    }
    if header.is_none_or(|header| header.iter().all(str::is_empty)) {
        return Err(wrong("its first row must name the attributes".to_owned()));
    }
    Ok(rows)
}

/// The scalars of an entity with their paths.
fn flat(json: &str) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    walk("", &serde_json::from_str(json).unwrap_or_default(), &mut cells);
    cells
}

fn walk(path: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(&step(path, key), value, cells)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(&format!("{path}[{index}]"), item, cells));
        }
        Value::String(text) => cells.push((path.to_owned(), text.clone())),
        other => cells.push((path.to_owned(), other.to_string())),
    }
}

/// Rows under a header of all their paths.
fn table(rows: &[Vec<(String, String)>]) -> Result<Vec<u8>, ValidateError> {
    let mut header: Vec<&str> = Vec::new();
    for (path, _) in rows.iter().flatten() {
        if !header.contains(&path.as_str()) {
            header.push(path);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: String| {
        ValidateError::Plugin(PluginError::new(
            gangway_model::code::INTERNAL,
            format!("the table was not written: {error}"),
        ))
    };
    if !header.is_empty() {
        writer.write_record(&header).map_err(|error| failed(error.to_string()))?;
    }
    for row in rows {
        let cell =
            |name: &&str| row.iter().find(|(path, _)| path == name).map_or("", |(_, text)| text.as_str());
        writer.write_record(header.iter().map(cell)).map_err(|error| failed(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| failed(error.to_string()))
}

/// A system's name as part of a file's.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
