//! Schemas of the tenant's own: at most 20 with 20 attributes each, made and deleted, never changed.

use crate::ScimError;
use crate::catalog::Catalog;
use crate::commit::State;
use crate::error::StorageError;
use crate::patch::field;
use crate::redo::Redo;
use crate::schema::{Attribute, DataType, Kind, SCHEMA_URN, Schema, Uniqueness};
use crate::storage::{META, Read, Step};
use crate::write::Writer;
use redb::{ReadableTable, WriteTransaction};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

const PREFIX: &str = "urn:sap:cloud:scim:schemas:extension:custom:2.0:";
const KEY: &str = "schema:";
const MOST: usize = 20;
/// Records that are rewritten between two looks at where to go on.
const AT_ONCE: usize = 1000;

/// The tenant's schemas as they are stored.
pub(crate) fn stored(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<Schema>, StorageError> {
    let mut schemas = Vec::new();
    for entry in meta.range(KEY.."schema;").map_err(StorageError::of)? {
        let (key, bytes) = entry.map_err(StorageError::of)?;
        let schema = serde_json::from_slice(bytes.value())
            .map_err(|e| StorageError::Damaged(format!("{}: {e}", key.value())))?;
        schemas.push(schema);
    }
    Ok(schemas)
}

/// Reads and checks a schema that is to be made.
pub(crate) fn read(body: &Value) -> Result<Schema, ScimError> {
    let mut body = body.clone();
    let claims = field(&body, "schemas")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|s| s.as_str() == Some(SCHEMA_URN)));
    if !claims {
        return Err(ScimError::value(format!("\"schemas\" must contain {SCHEMA_URN:?}")));
    }
    if let Some(map) = body.as_object_mut() {
        map.shift_remove("schemas");
        map.shift_remove("meta");
    }
    let schema: Schema = serde_json::from_value(body)
        .map_err(|e| ScimError::value(format!("the body is no schema of RFC 7643 section 7: {e}")))?;
    let name = schema.id.strip_prefix(PREFIX).unwrap_or_default();
    if !is_name(name) {
        return Err(ScimError::value(format!("\"id\" must be {PREFIX:?} and a name of letters and digits")));
    }
    attributes(&schema.attributes, &schema.id, false)?;
    Ok(schema)
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    name.len() <= 60
        && characters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn attributes(all: &[Arc<Attribute>], of: &str, sub: bool) -> Result<(), ScimError> {
    let wrong = |what: String| Err(ScimError::value(format!("schema {of:?}: {what}")));
    if all.is_empty() || all.len() > MOST {
        return wrong(format!("{} attributes; 1 to {MOST} are possible", all.len()));
    }
    let mut names = HashSet::new();
    for attribute in all {
        let name = &attribute.name;
        if !is_name(name) || !names.insert(name.to_ascii_lowercase()) {
            return wrong(format!("attribute {name:?} must have a name of letters and digits of its own"));
        }
        let complex = attribute.kind == DataType::Complex;
        if attribute.multi_valued && !complex {
            return wrong(format!("attribute {name:?} can be multi-valued only if it is complex"));
        }
        if attribute.kind == DataType::Binary || (sub && complex) {
            return wrong(format!("attribute {name:?} cannot be of this type"));
        }
        if attribute.uniqueness != Uniqueness::None {
            return wrong(format!("attribute {name:?} cannot be unique"));
        }
        if complex {
            attributes(&attribute.sub_attributes, &format!("{of}:{name}"), true)?;
        }
    }
    Ok(())
}

/// Stores a schema.
pub(crate) fn create(
    transaction: &WriteTransaction,
    state: &State,
    schema: Schema,
) -> Result<State, ScimError> {
    let custom = state.catalog.custom();
    if custom.iter().any(|s| s.id.eq_ignore_ascii_case(&schema.id)) {
        return Err(ScimError::new(
            409,
            Some("uniqueness"),
            format!("schema {:?} exists and cannot be changed: delete it first, with its values", schema.id),
        ));
    }
    if custom.len() >= MOST {
        return Err(ScimError::value(format!("there are {MOST} custom schemas already: delete one first")));
    }
    let bytes = serde_json::to_vec(&schema).map_err(|e| StorageError::Failed(e.to_string()))?;
    let mut meta = transaction.open_table(META).map_err(StorageError::of)?;
    meta.insert(format!("{KEY}{}", schema.id).as_str(), bytes.as_slice()).map_err(StorageError::of)?;
    with(state, custom.iter().cloned().chain([schema]).collect())
}

/// Deletes a schema with all values of its attributes.
pub(crate) fn delete(
    transaction: &WriteTransaction,
    state: &Arc<State>,
    id: &str,
    now_ms: u64,
) -> Result<State, ScimError> {
    let custom = state.catalog.custom();
    let Some(schema) = custom.iter().find(|s| s.id.eq_ignore_ascii_case(id)) else {
        return Err(ScimError::mutability(format!("schema {id:?} is built in")));
    };
    let redo = Redo::default();
    let mut writer = Writer::new(transaction, state, &redo);
    for kind in [Kind::User, Kind::Group, Kind::Blocked] {
        let mut after = None;
        loop {
            let mut found = Vec::new();
            let mut last = None;
            writer.tables.scan(kind, after, &mut |sequence, record| {
                last = Some(sequence);
                if record.content.contains_key(&schema.id) {
                    found.push((sequence, record));
                }
                Ok(if found.len() >= AT_ONCE { Step::Stop } else { Step::On })
            })?;
            for (sequence, record) in found {
                let mut new = record.clone();
                new.content.shift_remove(&schema.id);
                writer.rewrite(kind, sequence, &record, new, now_ms)?;
            }
            if last.is_none() {
                break;
            }
            after = last;
        }
    }
    let mut meta = transaction.open_table(META).map_err(StorageError::of)?;
    meta.remove(format!("{KEY}{}", schema.id).as_str()).map_err(StorageError::of)?;
    with(state, custom.iter().filter(|s| s.id != schema.id).cloned().collect())
}

fn with(state: &State, custom: Vec<Schema>) -> Result<State, ScimError> {
    let catalog = Catalog::new(custom)
        .map_err(|e| ScimError::new(500, None, format!("the built-in schemas cannot be read: {e}")))?;
    Ok(State { catalog, settings: state.settings.clone() })
}
