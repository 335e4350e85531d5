//! Groups with more members than the service takes in one request.
//!
//! Up to a threshold a group is sent whole. Above it only the differences go out, in PATCH requests of at
//! most as many members. What the group holds is what the engine wrote last, or, where it does not know
//! that, what the service says.

use crate::client::{self, Client, path_of};
use crate::payload::{self, MemberPatch};
use crate::settings::Resource;
use crate::writing;
use gangway_sdk::http::Response;
use gangway_sdk::system::Properties;
use gangway_sdk::{Error, Kind, Member, MemberChanges, Operation, Outcome, Result, error::code, log, system};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Services with limits of their own: prefix, threshold if none is set, highest threshold, removals in one
/// PATCH.
const KNOWN: [(&str, usize, usize, usize); 13] = [
    ("ias", 20_000, 20_000, 50),
    ("idds", 20_000, 200_000, 50),
    ("s4hana.cloud", 20_000, 20_000, 50),
    ("ibp", 20_000, 20_000, 50),
    ("sac", 20_000, 200_000, 98),
    ("cc", 20_000, 200_000, 98),
    ("xsuaa", 20_000, 200_000, 50),
    ("sf", 20_000, 200_000, 50),
    ("concur", 1_000, 1_000, 1_000),
    ("c4c", 1_000, 1_000, 50),
    ("cflp", 5_000, 5_000, 50),
    ("ariba.applications", 50, 50, 50),
    ("scim", 20_000, 200_000, 50),
];

/// How many members go into one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// A group with more members is changed by differences, in batches of at most so many.
    pub threshold: usize,
    /// Members removed in one PATCH.
    pub removals: usize,
    /// Members that are groups themselves are left as they are.
    pub users_only: bool,
    /// Members that the engine does not name are left as they are, in groups of any size.
    pub keeps_others: bool,
}

impl Rules {
    /// From the properties. A threshold out of its range counts as not set.
    pub fn read(properties: &Properties) -> Result<Self> {
        const THRESHOLD: &str = ".patch.group.members.above.threshold";
        let nested = properties.prefixed(".patch.group.members.of.nested.groups");
        let given = properties.prefixed(THRESHOLD);
        let name = given.or(nested).map(|(name, _)| name).unwrap_or_default();
        let prefix = |name: &str| {
            KNOWN
                .into_iter()
                .find(|(prefix, ..)| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
        };
        let (_, default, most, removals) = prefix(name).unwrap_or(("scim", 20_000, 200_000, 50));
        let threshold = match given.map(|(name, value)| (name, value, value.parse())) {
            None => default,
            Some((_, _, Ok(number))) if (1..=most).contains(&number) => number,
            Some((name, value, _)) => {
                log::warn(format_args!(
                    "the property `{name}` is {value:?}, not a number from 1 to {most}: {default} is used"
                ));
                default
            }
        };
        let users_only = nested.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        let keeps_others = !properties.flag("ips.overwrite.existedbefore.assignments", true)?;
        Ok(Self { threshold, removals, users_only, keeps_others })
    }
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(default, borrow)]
    members: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

fn member(raw: &RawValue) -> Result<Member> {
    let entry: Entry<'_> = serde_json::from_str(raw.get())
        .map_err(|error| Error::invalid(format!("A member of the group has no `value`: {error}.")))?;
    let group = entry.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("group"));
    Ok(Member { value: entry.value.into_owned(), group })
}

/// Whether the operation writes a group that is too large for one request, or must not be sent whole because of
/// members that others gave it.
pub fn is_large(rules: Rules, operation: &Operation) -> bool {
    if rules.keeps_others && operation.entity_type == "group" && operation.kind() == Kind::Replace {
        return true;
    }
    if operation.entity_type != "group" || !matches!(operation.kind(), Kind::Create | Kind::Replace) {
        return false;
    }
    // Each member is at least this long.
    const SHORTEST: usize = r#"{"value":""}"#.len();
    operation.json.len() / SHORTEST > rules.threshold
        && serde_json::from_str::<Listed<'_>>(&operation.json)
            .is_ok_and(|listed| listed.members.is_some_and(|members| members.len() > rules.threshold))
}

/// Writes a large group.
pub fn write(client: &Client, operation: &Operation) -> Outcome {
    let done = match operation.kind() {
        Kind::Create => create(client, operation),
        _ => replace(client, operation),
    };
    done.map_err(|error| writing::about(operation, error)).into()
}

/// The group with as many members as go into one request, then the others. If they fail, the engine does not
/// know what became of the group, and looks.
fn create(client: &Client, operation: &Operation) -> Result<Outcome> {
    let rules = client.settings().members;
    let listed: Listed<'_> = serde_json::from_str(&operation.json)?;
    let members = listed.members.unwrap_or_default();
    let (first, rest) = members.split_at_checked(rules.threshold).unwrap_or_default();
    let json = payload::with_list(&operation.json, "members", first)?;
    let made = writing::write(client, &[Operation { json, members: None, ..operation.clone() }]);
    let made = made.into_iter().next().unwrap_or_else(|| Outcome::failed(Error::internal("no answer")));
    let Some(id) = made.id.clone().filter(|_| made.error.is_none()) else { return Ok(made) };
    let path = group_path(&id)?;
    for batch in rest.chunks(rules.threshold) {
        send(client, &path, &payload::members(None, MemberPatch::Add(batch))?).map_err(|error| {
            Error::unavailable(format!(
                "The group was created, and not all of its members were added: {error}"
            ))
        })?;
    }
    Ok(made)
}

fn replace(client: &Client, operation: &Operation) -> Result<Outcome> {
    let id = operation.require_id()?;
    let path = group_path(id)?;
    if client.settings().members.keeps_others {
        let nothing = MemberChanges { added: Vec::new(), removed: Vec::new() };
        apply(client, operation, &path, operation.members.as_ref().unwrap_or(&nothing))?;
        return Ok(Outcome::done(id));
    }
    if let Some(changes) = &operation.members {
        match apply(client, operation, &path, changes) {
            // The service holds something else than what was written last.
            Err(error) if error.is(code::INVALID) || error.is(code::CONFLICT) => {
                log::info(format_args!(
                    "the members of a group are compared with those in the system: {error}"
                ));
            }
            Err(error) => return Err(error),
            Ok(()) => return Ok(Outcome::done(id)),
        }
    }
    let changes = changes_by_reading(client, operation, &path)?;
    apply(client, operation, &path, &changes)?;
    Ok(Outcome::done(id))
}

/// How the content's members differ from those in the system.
fn changes_by_reading(client: &Client, operation: &Operation, path: &str) -> Result<MemberChanges> {
    let response = client.get(path).query("attributes", "members").send()?;
    let held = of_response(&accepted(operation, response)?)?;
    let wanted: Listed<'_> = serde_json::from_str(&operation.json)?;
    let wanted = wanted.members.unwrap_or_default().into_iter().map(member).collect::<Result<Vec<_>>>()?;
    let known: HashSet<&str> = held.iter().map(|member| member.value.as_str()).collect();
    let keep: HashSet<&str> = wanted.iter().map(|member| member.value.as_str()).collect();
    Ok(MemberChanges {
        added: wanted.iter().filter(|member| !known.contains(member.value.as_str())).cloned().collect(),
        removed: held.iter().filter(|member| !keep.contains(member.value.as_str())).cloned().collect(),
    })
}

fn of_response(response: &Response) -> Result<Vec<Member>> {
    let listed: Listed<'_> = client::borrowed(response)?;
    listed.members.unwrap_or_default().into_iter().map(member).collect()
}

/// Sends the differences: with the first of them the group's other attributes.
fn apply(client: &Client, operation: &Operation, path: &str, changes: &MemberChanges) -> Result<()> {
    let rules = client.settings().members;
    let listed: Listed<'_> = serde_json::from_str(&operation.json)?;
    let mut texts = HashMap::new();
    for raw in listed.members.unwrap_or_default() {
        texts.insert(member(raw)?.value, raw);
    }
    let touched = |member: &&Member| !(rules.users_only && member.group);
    let added: Vec<&RawValue> =
        changes.added.iter().filter(touched).filter_map(|member| texts.get(&member.value).copied()).collect();
    let removed: Vec<&str> = changes.removed.iter().filter(touched).map(|m| m.value.as_str()).collect();
    let adding = added.chunks(rules.threshold).map(MemberPatch::Add);
    let patches: Vec<_> = adding.chain(removed.chunks(rules.removals).map(MemberPatch::Remove)).collect();
    let bodies = if patches.is_empty() {
        vec![payload::members(Some(&operation.json), MemberPatch::Add(&[]))?]
    } else {
        let body = |(place, patch)| payload::members((place == 0).then_some(operation.json.as_str()), patch);
        patches.into_iter().enumerate().map(body).collect::<Result<_>>()?
    };
    for body in bodies {
        system::check_cancelled()?;
        let response = client.change("PATCH", path, Some(body)).send()?;
        accepted(operation, response)?;
    }
    Ok(())
}

fn send(client: &Client, path: &str, body: &str) -> Result<()> {
    client::accept(client.change("PATCH", path, Some(body.to_owned())).send()?).map(drop)
}

fn accepted(operation: &Operation, response: Response) -> Result<Response> {
    if response.status == 404 {
        return Err(Error::no_entity(&operation.entity_type, operation.id.as_deref().unwrap_or_default()));
    }
    client::accept(response)
}

fn group_path(id: &str) -> Result<String> {
    Ok(path_of(Resource::of("group")?, id))
}
