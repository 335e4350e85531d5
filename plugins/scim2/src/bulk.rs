//! Writes in bulk requests (RFC 7644 section 3.7).

use crate::client::{self, Client};
use crate::payload;
use crate::settings::Resource;
use crate::writing::{self, Call, Written};
use gangway_sdk::http::{self, Request, Response};
use gangway_sdk::{Error, Kind, Operation, Outcome, Result, error::code};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The service's own limits, as its configuration states them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// `bulk.maxOperations`.
    pub operations: Option<usize>,
    /// `bulk.maxPayloadSize`, in bytes.
    pub bytes: Option<usize>,
}

impl Limits {
    /// From the service's configuration.
    pub fn of(config: &Value) -> Self {
        let number = |pointer: &str| {
            config
                .pointer(pointer)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| *n > 0)
        };
        Self { operations: number("/bulk/maxOperations"), bytes: number("/bulk/maxPayloadSize") }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkOperation {
    method: &'static str,
    bulk_id: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct BulkRequest<'a> {
    schemas: [&'static str; 1],
    #[serde(rename = "Operations")]
    operations: Vec<&'a BulkOperation>,
}

#[derive(Deserialize)]
struct BulkResponse {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Answer>,
}

/// The answer to one operation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    bulk_id: Option<String>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    response: Option<Box<RawValue>>,
}

/// Carries out operations in bulk requests of at most `count`.
pub fn write(client: &Client, operations: &[Operation], count: usize, limits: Limits) -> Vec<Outcome> {
    let mut results: Vec<Option<Result<Written>>> = Vec::new();
    results.resize_with(operations.len(), || None);
    let mut prepared = Vec::new();
    for (number, (operation, result)) in operations.iter().zip(&mut results).enumerate() {
        match prepare(client, number, operation) {
            Ok(call) => prepared.push((number, call)),
            Err(error) => *result = Some(Err(error)),
        }
    }
    let count = limits.operations.map_or(count, |most| count.min(most));
    let chunks = chunks(&prepared, count, limits.bytes);
    let requests: Result<Vec<Request>> = chunks.iter().map(|chunk| request(client, chunk)).collect();
    let answers = match requests {
        Ok(requests) => http::send_many(&requests),
        Err(error) => chunks.iter().map(|_| Err(error.clone())).collect(),
    };
    for (chunk, answer) in chunks.iter().zip(answers) {
        let mut answered = answer.and_then(|response| outcomes(&response, count));
        for (place, (number, call)) in chunk.iter().enumerate() {
            let (Some(operation), Some(result)) = (operations.get(*number), results.get_mut(*number)) else {
                continue;
            };
            *result = Some(match &mut answered {
                Ok(answered) => outcome(operation, take(answered, &call.bulk_id, place, chunk.len())),
                Err(error) => Err(writing::about(operation, error.clone())),
            });
        }
    }
    let results = results.into_iter().map(|result| result.unwrap_or_else(|| Err(unanswered()))).collect();
    writing::complete(client, operations, results)
}

fn prepare(client: &Client, number: usize, operation: &Operation) -> Result<BulkOperation> {
    let Call { method, path, body } = writing::call(client, operation)?;
    let data = body
        .map(RawValue::from_string)
        .transpose()
        .map_err(|e| writing::about(operation, Error::invalid(format!("The content is not JSON: {e}."))))?;
    Ok(BulkOperation { method, bulk_id: format!("op{number}"), path: format!("/{path}"), data })
}

type Prepared = (usize, BulkOperation);

/// Runs of operations that the service takes in one request.
fn chunks(prepared: &[Prepared], count: usize, bytes: Option<usize>) -> Vec<&[Prepared]> {
    /// About what an operation needs besides its path and content.
    const AROUND: usize = 100;
    let mut chunks = Vec::new();
    let (mut start, mut size) = (0, AROUND);
    for (place, (_, call)) in prepared.iter().enumerate() {
        let own = AROUND + call.path.len() + call.data.as_ref().map_or(0, |data| data.get().len());
        let full = place - start >= count || bytes.is_some_and(|most| size + own > most);
        if full && place > start {
            chunks.extend(prepared.get(start..place));
            (start, size) = (place, AROUND);
        }
        size += own;
    }
    chunks.extend(prepared.get(start..).filter(|rest| !rest.is_empty()));
    chunks
}

fn request(client: &Client, chunk: &[Prepared]) -> Result<Request> {
    let operations = chunk.iter().map(|(_, call)| call).collect();
    let body = payload::to_text(&BulkRequest { schemas: [payload::BULK_REQUEST], operations })?;
    Ok(client.send_body("POST", "Bulk", body))
}

fn outcomes(response: &Response, count: usize) -> Result<Vec<Option<Answer>>> {
    if response.status == 413 {
        let mut error = client::failure(response);
        error.message = format!(
            "The system takes no bulk request of this size. Lower the property `scim.bulk.operations.max.count`, \
             which is {count} now. {}",
            error.message
        );
        return Err(error);
    }
    if matches!(response.status, 404 | 405 | 501) {
        let mut error = client::failure(response);
        error.code = code::CONFIGURATION.to_owned();
        error.message = format!(
            "The system has no bulk operations. Set the property `scim.support.bulk.operation` to false. {}",
            error.message
        );
        return Err(error);
    }
    let response = client::accept(response.clone())?;
    let body: BulkResponse = response.json()?;
    Ok(body.operations.into_iter().map(Some).collect())
}

/// The answer to an operation: by its identifier, or, from a service that does not repeat it, by its place.
fn take(answered: &mut [Option<Answer>], bulk_id: &str, place: usize, asked: usize) -> Option<Answer> {
    let named = answered
        .iter_mut()
        .find(|answer| answer.as_ref().is_some_and(|a| a.bulk_id.as_deref() == Some(bulk_id)));
    if let Some(named) = named {
        return named.take();
    }
    if answered.len() != asked {
        return None;
    }
    let there = answered.get_mut(place)?;
    if there.as_ref().is_some_and(|answer| answer.bulk_id.is_none()) { there.take() } else { None }
}

fn outcome(operation: &Operation, answer: Option<Answer>) -> Result<Written> {
    let answer = answer.ok_or_else(|| writing::about(operation, unanswered()))?;
    let status = status(&answer.status).ok_or_else(|| {
        writing::about(
            operation,
            Error::protocol(format!(
                "The bulk answer holds no status for the operation, but {}.",
                answer.status
            )),
        )
    })?;
    let body = answer.response.as_ref().map(|raw| raw.get()).filter(|text| *text != "null");
    if operation.kind() != Kind::Create && status == 404 {
        return Err(Error::no_entity(&operation.entity_type, operation.id.as_deref().unwrap_or_default()));
    }
    let single = Response {
        status,
        headers: Vec::new(),
        body: body.unwrap_or_default().as_bytes().to_vec(),
        method: "POST".to_owned(),
        url: format!("Bulk, operation on {}", operation.entity_type),
    };
    client::accept(single).map_err(|error| writing::about(operation, error))?;
    let entity = body.and_then(|text| client::entity(text).ok());
    let location = answer.location.as_deref();
    // In a bulk answer the location is all there is to know the new identifier by.
    if let (Kind::Create, None, Some(id)) = (operation.kind(), &entity, location.and_then(writing::id_in)) {
        return Ok(Written::Done(Outcome::done(id).with_version(answer.version)));
    }
    Ok(writing::conclude(operation, entity, location, answer.version))
}

/// `"201"`, `201` or `{"code": "201"}`: all three are met.
fn status(value: &Value) -> Option<u16> {
    let plain = value.get("code").unwrap_or(value);
    plain.as_u64().and_then(|n| u16::try_from(n).ok()).or_else(|| plain.as_str()?.trim().parse().ok())
}

fn unanswered() -> Error {
    Error::unavailable("The bulk answer leaves this operation out; whether it was carried out is not known.")
}

/// Whether the settings and the resource types allow a bulk request at all.
pub fn is_of_use(operations: &[Operation]) -> bool {
    operations.iter().filter(|operation| Resource::of(&operation.entity_type).is_ok()).count() > 1
}
