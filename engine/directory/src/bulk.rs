//! Bulk (RFC 7644 section 3.7): many changes in one request and one transaction. A failed operation
//! does not undo the others; `failOnErrors` says how many may fail before the rest is left alone.

use crate::ScimError;
use crate::patch::field;
use crate::render::{location, tag};
use crate::schema::Kind;
use crate::write::{Draft, Fresh, Writer, named_in_body};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use uuid::Uuid;

const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// Most operations of one request.
pub(crate) const MAX_OPERATIONS: usize = 1000;

/// A request whose shape is right.
pub(crate) struct Bulk {
    operations: Vec<Value>,
    fail_on_errors: Option<u64>,
}

impl Bulk {
    pub(crate) fn read(body: &Value) -> Result<Self, ScimError> {
        let named = field(body, "schemas")
            .and_then(Value::as_array)
            .is_some_and(|s| s.iter().any(|s| s.as_str() == Some(REQUEST_URN)));
        if !named {
            return Err(ScimError::value(format!("\"schemas\" must contain {REQUEST_URN:?}")));
        }
        let operations = field(body, "Operations")
            .and_then(Value::as_array)
            .ok_or_else(|| ScimError::syntax("\"Operations\" must be an array"))?;
        if operations.len() > MAX_OPERATIONS {
            return Err(ScimError::new(
                413,
                Some("tooMany"),
                format!(
                    "{} operations; at most {MAX_OPERATIONS} are taken: send several requests",
                    operations.len()
                ),
            ));
        }
        let fail_on_errors = field(body, "failOnErrors").and_then(Value::as_u64);
        Ok(Self { operations: operations.clone(), fail_on_errors })
    }

    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    /// Carries the operations out. An operation that refers to one further down waits for it.
    pub(crate) fn run(
        &self,
        writer: &mut Writer<'_>,
        ids: &[Fresh],
        now_ms: u64,
        base: &str,
    ) -> Result<Value, ScimError> {
        let mut known: HashMap<String, Uuid> = HashMap::new();
        let mut answers: Vec<Option<Value>> = vec![None; self.operations.len()];
        let mut failures = 0;
        let mut waiting: Vec<usize> = (0..self.operations.len()).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for index in std::mem::take(&mut waiting) {
                if self.fail_on_errors.is_some_and(|most| most > 0 && failures >= most) {
                    continue;
                }
                let (Some(operation), Some(fresh)) = (self.operations.get(index), ids.get(index)) else {
                    continue;
                };
                match resolve(operation, &known) {
                    Err(_) => later.push(index),
                    Ok(resolved) => {
                        let answer = one(writer, &resolved, *fresh, now_ms, base, &mut known)?;
                        failures += u64::from(answer.failed);
                        if let Some(slot) = answers.get_mut(index) {
                            *slot = Some(answer.value);
                        }
                    }
                }
            }
            if later.len() == before {
                // Nothing moved: the references form a circle or lead nowhere.
                for index in later {
                    let (Some(operation), Some(slot)) = (self.operations.get(index), answers.get_mut(index))
                    else {
                        continue;
                    };
                    let name = resolve(operation, &known).err().unwrap_or_default();
                    let error = ScimError::new(
                        409,
                        None,
                        format!("bulkId {name:?} is of no operation that succeeds before this one"),
                    );
                    *slot = Some(failed(operation, &error));
                }
                break;
            }
            waiting = later;
        }
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        Ok(json!({ "schemas": [RESPONSE_URN], "Operations": answers }))
    }
}

struct Answer {
    value: Value,
    failed: bool,
}

fn one(
    writer: &mut Writer<'_>,
    operation: &Value,
    fresh: Fresh,
    now_ms: u64,
    base: &str,
    known: &mut HashMap<String, Uuid>,
) -> Result<Answer, ScimError> {
    match carry_out(writer, operation, fresh, now_ms, base, known) {
        Ok(value) => Ok(Answer { value, failed: false }),
        // The storage itself failed: the whole request does.
        Err(error) if error.status >= 500 => Err(error),
        Err(error) => Ok(Answer { value: failed(operation, &error), failed: true }),
    }
}

fn carry_out(
    writer: &mut Writer<'_>,
    operation: &Value,
    fresh: Fresh,
    now_ms: u64,
    base: &str,
    known: &mut HashMap<String, Uuid>,
) -> Result<Value, ScimError> {
    let text = |name: &str| field(operation, name).and_then(Value::as_str);
    let method = text("method").map(str::to_ascii_uppercase).unwrap_or_default();
    let path = text("path").ok_or_else(|| ScimError::syntax("the operation has no \"path\""))?;
    let mut parts = path.trim_matches('/').split('/');
    let kind = parts
        .next()
        .and_then(Kind::from_endpoint)
        .ok_or_else(|| ScimError::path(format!("path {path:?} must start with /Users or /Groups")))?;
    let target = parts.next();
    let null = Value::Null;
    let data = field(operation, "data").unwrap_or(&null);
    let version = text("version");
    let (id, made, status) = match (method.as_str(), target) {
        ("POST", None) => {
            let draft = Draft::read(writer.catalog.of(kind), data)?;
            let record = writer.create(kind, draft, fresh, now_ms)?.record;
            if let Some(bulk_id) = text("bulkId") {
                known.insert(bulk_id.to_owned(), record.id);
            }
            (record.id, Some(record.version), "201")
        }
        ("PUT", Some(target)) => {
            let draft = named_in_body(data, target).and_then(|()| Draft::read(writer.catalog.of(kind), data));
            let record = writer.replace(kind, target, draft, version, now_ms)?.record;
            (record.id, Some(record.version), "200")
        }
        ("PATCH", Some(target)) => {
            let record = writer.patch(kind, target, data, version, now_ms)?.record;
            (record.id, Some(record.version), "200")
        }
        ("DELETE", Some(target)) => {
            writer.delete(kind, target, version, now_ms)?;
            (parsed(target)?, None, "204")
        }
        ("POST", Some(_)) => return Err(ScimError::path("POST goes to /Users or /Groups, without an id")),
        ("PUT" | "PATCH" | "DELETE", None) => {
            return Err(ScimError::path(format!("{method} needs an id in its path")));
        }
        _ => return Err(ScimError::syntax("\"method\" must be POST, PUT, PATCH or DELETE")),
    };
    let mut answer = head(operation);
    answer.insert("location".to_owned(), Value::String(location(base, kind, id)));
    if let Some(version) = made {
        answer.insert("version".to_owned(), Value::String(tag(version)));
    }
    answer.insert("status".to_owned(), Value::String(status.to_owned()));
    Ok(Value::Object(answer))
}

fn parsed(id: &str) -> Result<Uuid, ScimError> {
    Uuid::try_parse(id).map_err(|_| ScimError::not_found("resource", id))
}

fn head(operation: &Value) -> Map<String, Value> {
    let mut answer = Map::new();
    for name in ["method", "bulkId"] {
        if let Some(value) = field(operation, name) {
            answer.insert(name.to_owned(), value.clone());
        }
    }
    answer
}

fn failed(operation: &Value, error: &ScimError) -> Value {
    let mut answer = head(operation);
    if let (Some(path), Some("PUT" | "PATCH" | "DELETE")) =
        (field(operation, "path"), field(operation, "method").and_then(Value::as_str))
    {
        answer.insert("location".to_owned(), path.clone());
    }
    answer.insert("status".to_owned(), Value::String(error.status.to_string()));
    answer.insert("response".to_owned(), error.body());
    Value::Object(answer)
}

/// The operation with `bulkId:…` replaced by identifiers. The error is the first one unknown.
fn resolve(operation: &Value, known: &HashMap<String, Uuid>) -> Result<Value, String> {
    match operation {
        Value::String(text) => match text.split_once("bulkId:") {
            Some((before, name)) if before.is_empty() || before.ends_with('/') => known
                .get(name)
                .map(|id| Value::String(format!("{before}{id}")))
                .ok_or_else(|| name.to_owned()),
            _ => Ok(operation.clone()),
        },
        Value::Array(values) => values.iter().map(|v| resolve(v, known)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| resolve(v, known).map(|v| (k.clone(), v)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}
