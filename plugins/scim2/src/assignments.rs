//! Users that are added to groups and removed from them together with their own write.
//!
//! The engine puts what a transformation assigns into the content, under a name of its own. It never reaches the
//! service: the user is written without it, and the groups get PATCH requests. Whether the groups are there is asked
//! before the first write, so that a user whose group is missing is not made in vain.

use crate::client::{self, Client, path_of};
use crate::payload::{self, MemberPatch};
use crate::settings::Resource;
use crate::writing::about;
use gangway_sdk::{Error, Kind, Operation, Outcome, Result, error::code, http, system};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Where the engine puts assignments.
const ASSIGNMENTS: &str = "urn:gangway:assignments";

/// Identifiers of groups.
#[derive(Clone, Debug, Default, Deserialize)]
struct Assignments {
    #[serde(default)]
    add: BTreeSet<String>,
    #[serde(default)]
    remove: BTreeSet<String>,
}

/// One user under way.
struct User {
    /// Without the assignments.
    operation: Operation,
    groups: Assignments,
    outcome: Option<Outcome>,
}

/// Whether one of the operations assigns groups.
pub fn are_in(operations: &[Operation]) -> bool {
    operations.iter().any(|operation| operation.entity_type == "user" && operation.json.contains(ASSIGNMENTS))
}

/// Carries out operations and what they assign. `each` carries out those that are left.
pub fn write(
    client: &Client,
    operations: &[Operation],
    each: impl FnOnce(&[Operation]) -> Result<Vec<Outcome>>,
) -> Result<Vec<Outcome>> {
    let mut users = operations.iter().map(split).collect::<Result<Vec<_>>>()?;
    refuse_missing(client, &mut users)?;
    // Who is to go leaves the groups while the service still knows the user.
    change(client, &mut users, |user| user.operation.kind() == Kind::Delete)?;
    let is_left = |user: &User| user.outcome.is_none() && !user.changes_groups_only();
    let left: Vec<Operation> = users.iter().filter(|u| is_left(u)).map(|u| u.operation.clone()).collect();
    let mut written = if left.is_empty() { Vec::new() } else { each(&left)? }.into_iter();
    for user in &mut users {
        if is_left(user) {
            user.outcome = written.next();
        }
    }
    change(client, &mut users, |user| user.operation.kind() != Kind::Delete)?;
    let unanswered = || Outcome::failed(Error::internal("An operation was left without an outcome."));
    Ok(users.into_iter().map(|user| user.outcome.unwrap_or_else(unanswered)).collect())
}

fn split(operation: &Operation) -> Result<User> {
    if operation.entity_type != "user" || operation.json.is_empty() {
        return Ok(User { operation: operation.clone(), groups: Assignments::default(), outcome: None });
    }
    let (mut json, groups) = payload::take(&operation.json, ASSIGNMENTS)?;
    if json.is_empty() && matches!(operation.kind(), Kind::Create | Kind::Replace) {
        json.push_str("{}");
    }
    let groups = groups.map(|raw| serde_json::from_str(raw.get())).transpose()?.unwrap_or_default();
    Ok(User { operation: Operation { json, ..operation.clone() }, groups, outcome: None })
}

impl User {
    /// The user stays as it is.
    fn changes_groups_only(&self) -> bool {
        self.operation.kind() == Kind::Patch && self.operation.json.is_empty()
    }

    /// The identifier, once there is nothing in the way of changing its groups.
    fn id(&self) -> Option<&str> {
        match &self.outcome {
            None => self.operation.id.as_deref(),
            Some(outcome) if outcome.error.is_none() => outcome.id.as_deref(),
            Some(_) => None,
        }
    }
}

/// Fails who is to be written and whose groups are not there.
fn refuse_missing(client: &Client, users: &mut [User]) -> Result<()> {
    let writes = |user: &&User| user.operation.kind() != Kind::Delete;
    let named = |user: &User| user.groups.add.iter().chain(&user.groups.remove).cloned().collect::<Vec<_>>();
    let ids: BTreeSet<String> = users.iter().filter(writes).flat_map(named).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let resource = Resource::of("group")?;
    let requests: Vec<_> =
        ids.iter().map(|id| client.get(&path_of(resource, id)).query("attributes", "displayName")).collect();
    let answers = http::send_many(&requests);
    let wrong: BTreeMap<&String, Error> = ids
        .iter()
        .zip(answers)
        .filter_map(|(id, answer)| Some((id, client::one_entity(resource, id, answer).err()?)))
        .collect();
    for user in users.iter_mut().filter(|user| user.operation.kind() != Kind::Delete) {
        let Some((id, error)) = named(user).iter().find_map(|id| wrong.get_key_value(id)) else { continue };
        let error = if error.is(code::NOT_FOUND) { missing(id) } else { error.clone() };
        user.outcome = Some(Outcome::failed(about(&user.operation, error)));
    }
    Ok(())
}

fn missing(id: &str) -> Error {
    Error::invalid(format!(
        "The user is assigned to the group {id:?}, which the system does not have. Correct the identifier in \
         assignGroup or unassignGroup of the write transformation; nothing was written."
    ))
    .with_detail("group", id)
}

/// Changes the groups of some of the users.
fn change(client: &Client, users: &mut [User], which: impl Fn(&User) -> bool) -> Result<()> {
    let rules = client.settings().members;
    let mut groups: BTreeMap<(String, bool), Vec<usize>> = BTreeMap::new();
    for (at, user) in users.iter().enumerate().filter(|(_, user)| which(user) && user.id().is_some()) {
        let adds = user.groups.add.iter().map(|id| (id.clone(), true));
        let removes = user.groups.remove.iter().map(|id| (id.clone(), false));
        for key in adds.chain(removes) {
            groups.entry(key).or_default().push(at);
        }
    }
    for ((group, adds), members) in groups {
        for batch in members.chunks(if adds { rules.threshold } else { rules.removals }) {
            system::check_cancelled()?;
            let ids: Vec<String> =
                batch.iter().filter_map(|at| Some(users.get(*at)?.id()?.to_owned())).collect();
            let done = if adds { add(client, &group, &ids) } else { remove(client, &group, &ids) };
            let Err(error) = done else { continue };
            for at in batch {
                if let Some(user) = users.get_mut(*at) {
                    user.fail(&group, adds, &error);
                }
            }
        }
    }
    for user in users.iter_mut().filter(|user| which(user) && user.changes_groups_only()) {
        let id = user.operation.id.clone().unwrap_or_default();
        user.outcome.get_or_insert_with(|| Outcome::done(id));
    }
    Ok(())
}

impl User {
    fn fail(&mut self, group: &str, adds: bool, error: &Error) {
        let gone = error.is(code::NOT_FOUND);
        if gone && self.operation.kind() == Kind::Delete {
            return;
        }
        let verb = if adds { "added to" } else { "removed from" };
        let error = match self.operation.kind() {
            // The user is there, and the engine has to know.
            Kind::Create => {
                Error::protocol(format!("The user was created and not {verb} the group {group:?}: {error}"))
            }
            _ => Error {
                message: format!("Not {verb} the group {group:?}: {}", error.message),
                ..error.clone()
            },
        };
        self.outcome = Some(Outcome::failed(about(&self.operation, error.with_detail("group", group))));
    }
}

fn add(client: &Client, group: &str, ids: &[String]) -> Result<()> {
    let members = ids
        .iter()
        .map(|id| RawValue::from_string(serde_json::json!({ "value": id }).to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let members: Vec<&RawValue> = members.iter().map(AsRef::as_ref).collect();
    send(client, group, MemberPatch::Add(&members))
}

/// Some services refuse to remove who is no member; then everybody goes out alone.
fn remove(client: &Client, group: &str, ids: &[String]) -> Result<()> {
    let of = |ids: &[String]| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        send(client, group, MemberPatch::Remove(&ids))
    };
    match of(ids) {
        Err(error) if error.is(code::INVALID) => ids.chunks(1).try_for_each(|one| match of(one) {
            Err(error) if error.detail("scimType") == Some("noTarget") => Ok(()),
            done => done,
        }),
        done => done,
    }
}

fn send(client: &Client, group: &str, patch: MemberPatch<'_>) -> Result<()> {
    let body = payload::members(None, patch)?;
    let response = client.change("PATCH", &path_of(Resource::of("group")?, group), Some(body)).send()?;
    if response.status == 404 {
        return Err(Error::no_entity("group", group));
    }
    client::accept(response).map(drop)
}
