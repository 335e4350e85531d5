//! Roles of users that are added to those they have, where a property says so
//! (`….user.roles.overwrite = false`). An update replaces them otherwise.

use crate::client::{self, Client, path_of};
use crate::payload;
use crate::settings::Resource;
use gangway_sdk::{Kind, Operation, Outcome, Result, http};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize, Default)]
struct Listed<'a> {
    #[serde(default, borrow)]
    roles: Option<Vec<&'a RawValue>>,
}

/// Whether an update would take roles away: a PUT without any does, a PATCH does not.
fn replaces_roles(client: &Client, operation: &Operation) -> bool {
    let settings = client.settings();
    !settings.roles_overwrite
        && operation.entity_type == "user"
        && operation.kind() == Kind::Replace
        && (!settings.patch || operation.json.contains("\"roles\""))
}

/// Whether one of the operations has to keep roles.
pub fn are_kept(client: &Client, operations: &[Operation]) -> bool {
    operations.iter().any(|operation| replaces_roles(client, operation))
}

/// Carries out operations; `each` does so with content that holds the roles that users have.
pub fn write(
    client: &Client,
    operations: &[Operation],
    each: impl FnOnce(&[Operation]) -> Result<Vec<Outcome>>,
) -> Result<Vec<Outcome>> {
    let resource = Resource::of("user")?;
    let concerned = |operation: &&Operation| replaces_roles(client, operation);
    let requests = operations
        .iter()
        .filter(concerned)
        .map(|o| Ok(client.get(&path_of(resource, o.require_id()?)).query("attributes", "roles")))
        .collect::<Result<Vec<_>>>()?;
    let mut answers = http::send_many(&requests).into_iter();
    let merged: Vec<Result<Operation>> = operations
        .iter()
        .map(|operation| {
            if !replaces_roles(client, operation) {
                return Ok(operation.clone());
            }
            let id = operation.require_id()?;
            let answer = answers.next().unwrap_or_else(|| Err(gangway_sdk::Error::internal("no answer")));
            let held = client::one_entity(resource, id, answer)?;
            Ok(Operation { json: with_roles(&operation.json, &held.json)?, ..operation.clone() })
        })
        .collect();
    let ready: Vec<Operation> =
        merged.iter().filter_map(|operation| operation.as_ref().ok().cloned()).collect();
    let mut written = if ready.is_empty() { Vec::new() } else { each(&ready)? }.into_iter();
    let unanswered =
        || Outcome::failed(gangway_sdk::Error::internal("An operation was left without an outcome."));
    let outcome = |merged: Result<Operation>| match merged {
        Ok(_) => written.next().unwrap_or_else(unanswered),
        Err(error) => Outcome::failed(error),
    };
    Ok(merged.into_iter().map(outcome).collect())
}

/// The content with the roles that the user holds behind its own.
fn with_roles(json: &str, held: &str) -> Result<String> {
    let given: Listed<'_> = serde_json::from_str(json)?;
    let held: Listed<'_> = serde_json::from_str(held)?;
    let mut roles = given.roles.unwrap_or_default();
    let known: Vec<Value> = roles.iter().map(|role| name(role)).collect();
    roles.extend(held.roles.unwrap_or_default().into_iter().filter(|role| !known.contains(&name(role))));
    if roles.is_empty() { Ok(json.to_owned()) } else { payload::with_list(json, "roles", &roles) }
}

/// What tells a role from others: its `value`, or the role itself where it is a text.
fn name(role: &RawValue) -> Value {
    let role: Value = serde_json::from_str(role.get()).unwrap_or_default();
    match role.get("value") {
        Some(value) => value.clone(),
        None => role,
    }
}
