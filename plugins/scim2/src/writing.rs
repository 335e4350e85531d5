//! Writes, each in a request of its own.

use crate::client::{self, Client, path_of};
use crate::payload;
use crate::settings::Resource;
use gangway_sdk::http::{self, Request, Response};
use gangway_sdk::{Entity, Error, Kind, Operation, Outcome, Result};
use percent_encoding::percent_decode_str;

/// What one operation asks of the service.
pub struct Call {
    /// The HTTP method.
    pub method: &'static str,
    /// Below the base URL.
    pub path: String,
    /// The body, but for a delete.
    pub body: Option<String>,
}

/// The call that carries out an operation.
pub fn call(client: &Client, operation: &Operation) -> Result<Call> {
    let resource = Resource::of(&operation.entity_type)?;
    let json = operation.json.as_str();
    let existing = |method, body| Ok(Call { method, path: path_of(resource, operation.require_id()?), body });
    let call = match operation.kind() {
        Kind::Create => {
            let body = payload::create(json, resource.name)?;
            Ok(Call { method: "POST", path: resource.endpoint.to_owned(), body: Some(body) })
        }
        Kind::Replace if client.settings().patch => existing("PATCH", Some(payload::patch(json)?)),
        Kind::Replace => {
            let body = payload::replace(json, resource.name, operation.require_id()?)?;
            existing("PUT", Some(body))
        }
        Kind::Patch => existing("PATCH", Some(json.to_owned())),
        Kind::Delete => existing("DELETE", None),
        Kind::Unknown => Err(operation.unsupported()),
    };
    call.map_err(|error| about(operation, error))
}

/// Carries out operations side by side.
pub fn write(client: &Client, operations: &[Operation]) -> Vec<Outcome> {
    let (calls, requests) = requests(client, operations);
    let mut answers = http::send_many(&requests).into_iter();
    let results: Vec<Result<Written>> = operations
        .iter()
        .zip(calls)
        .map(|(operation, call)| {
            call?;
            written(operation, answers.next().unwrap_or_else(|| Err(unanswered())))
        })
        .collect();
    complete(client, operations, results)
}

/// The calls, and the requests of those that can be made.
fn requests(client: &Client, operations: &[Operation]) -> (Vec<Result<()>>, Vec<Request>) {
    let mut requests = Vec::with_capacity(operations.len());
    let calls = operations
        .iter()
        .map(|operation| {
            let Call { method, path, body } = call(client, operation)?;
            requests.push(if method == "POST" {
                client.send_body(method, &path, body.unwrap_or_default())
            } else {
                // Giving every attribute its value twice does no harm; a patch of another shape might.
                let twice = operation.kind() != Kind::Patch;
                client.change(method, &path, body).idempotent(twice)
            });
            Ok(())
        })
        .collect();
    (calls, requests)
}

/// How far the answer to a write tells what became of it.
pub enum Written {
    /// It tells everything.
    Done(Outcome),
    /// The entity was created; its identifier has to be looked up.
    Created {
        /// The identifier as the location has it, if there is one.
        id: Option<String>,
    },
}

fn written(operation: &Operation, answer: Result<Response>) -> Result<Written> {
    let response = answer.map_err(|error| about(operation, error))?;
    let kind = operation.kind();
    if kind != Kind::Create && response.status == 404 {
        let id = operation.id.as_deref().unwrap_or_default();
        return Err(Error::no_entity(&operation.entity_type, id).with_detail("url", &response.url));
    }
    let response = client::accept(response).map_err(|error| about(operation, error))?;
    let location = response.header("location").map(str::to_owned);
    let etag = response.header("etag").map(str::to_owned);
    let mut entity = None;
    if !response.body.iter().all(u8::is_ascii_whitespace) {
        // A page of a login or a proxy in between may well come with 200.
        response.json::<serde::de::IgnoredAny>().map_err(|error| about(operation, error))?;
        entity = client::entity_of(&response).ok();
    }
    Ok(conclude(operation, entity, location.as_deref(), etag))
}

/// The outcome of a write that the service accepted.
pub fn conclude(
    operation: &Operation,
    entity: Option<Entity>,
    location: Option<&str>,
    etag: Option<String>,
) -> Written {
    let version = entity.as_ref().and_then(|entity| entity.version.clone()).or(etag);
    match (operation.kind(), entity) {
        (Kind::Create, Some(entity)) => Written::Done(Outcome::done(entity.id).with_version(version)),
        (Kind::Create, None) => Written::Created { id: location.and_then(id_in) },
        (Kind::Delete, _) => Written::Done(Outcome::done(operation.id.clone().unwrap_or_default())),
        _ => Written::Done(Outcome::done(operation.id.clone().unwrap_or_default()).with_version(version)),
    }
}

/// The identifier at the end of a location.
pub fn id_in(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
    percent_decode_str(last).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Looks up what the answers to creates left open, and answers in the order of the operations.
pub fn complete(client: &Client, operations: &[Operation], results: Vec<Result<Written>>) -> Vec<Outcome> {
    let mut lookups = Vec::new();
    for (operation, result) in operations.iter().zip(&results) {
        if let (Ok(Written::Created { id: Some(id) }), Ok(resource)) =
            (result, Resource::of(&operation.entity_type))
        {
            lookups.push(client.get(&path_of(resource, id)));
        }
    }
    let mut answers = http::send_many(&lookups).into_iter();
    operations
        .iter()
        .zip(results)
        .map(|(operation, result)| match result {
            Ok(Written::Done(outcome)) => outcome,
            Err(error) => Outcome::failed(error),
            Ok(Written::Created { id: None }) => Outcome::failed(unknown_id(operation)),
            Ok(Written::Created { id: Some(_) }) => answers
                .next()
                .unwrap_or_else(|| Err(unanswered()))
                .and_then(client::accept)
                .and_then(|response| client::entity_of(&response))
                .map(|entity| Outcome::done(entity.id).with_version(entity.version))
                .map_err(|error| unknown_id(operation).with_detail("cause", error))
                .into(),
        })
        .collect()
}

/// The entity is there, but nobody knows under which identifier: the engine has to look for it.
fn unknown_id(operation: &Operation) -> Error {
    about(
        operation,
        Error::unavailable(
            "The system created the entity but its answer holds neither the entity nor a location that leads to it, \
             so its identifier is not known.",
        ),
    )
}

fn unanswered() -> Error {
    Error::unavailable("The system did not answer this operation; whether it was carried out is not known.")
}

/// Adds which entity the error speaks of.
pub fn about(operation: &Operation, error: Error) -> Error {
    if error.detail("entityType").is_some() {
        return error;
    }
    let error = error.with_detail("entityType", &operation.entity_type);
    match operation.id.as_deref() {
        Some(id) => error.with_detail("id", id),
        None => error,
    }
}
