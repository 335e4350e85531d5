//! The system's entities: the people there were at first, and what was written since.

use crate::people::People;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{AttributeValue, Entity, Error, Kind, Operation, Page, Result, paging, state};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What was written: the JSON of an entity, or that it was deleted.
pub(crate) enum Store {
    Memory(BTreeMap<String, Option<String>>),
    State,
}

/// Where the state keeps the keys of all that was written.
const KEYS: &str = "written";

impl Store {
    pub(crate) fn new(properties: &Properties) -> Result<Self> {
        match properties.get_or("chaos.store", "memory") {
            "memory" => Ok(Store::Memory(BTreeMap::new())),
            "state" => Ok(Store::State),
            other => Err(wrong("chaos.store", other, "`memory` or `state`")),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Option<String>>> {
        match self {
            Store::Memory(written) => Ok(written.get(key).cloned()),
            Store::State => state::get_json(key),
        }
    }

    fn set(&mut self, key: &str, json: Option<String>) -> Result<()> {
        match self {
            Store::Memory(written) => {
                written.insert(key.to_owned(), json);
                Ok(())
            }
            Store::State => {
                state::set_json(key, &json)?;
                let mut keys = self.keys()?;
                if keys.insert(key.to_owned()) { state::set_json(KEYS, &keys) } else { Ok(()) }
            }
        }
    }

    fn keys(&self) -> Result<BTreeSet<String>> {
        match self {
            Store::Memory(written) => Ok(written.keys().cloned().collect()),
            Store::State => Ok(state::get_json(KEYS)?.unwrap_or_default()),
        }
    }
}

fn key(entity_type: &str, id: &str) -> String {
    format!("{entity_type}/{id}")
}

/// The JSON of an entity.
pub(crate) fn get(people: &People, store: &Store, entity_type: &str, id: &str) -> Result<Option<String>> {
    Ok(match store.get(&key(entity_type, id))? {
        Some(written) => written,
        None => people.place(entity_type, id).map(|place| people.json(entity_type, place)),
    })
}

/// The identifiers of a type that were written and were not there at first, in order.
fn added(people: &People, store: &Store, entity_type: &str) -> Result<Vec<String>> {
    let prefix = key(entity_type, "");
    let ids = store.keys()?.into_iter().filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned));
    Ok(ids.filter(|id| people.place(entity_type, id).is_none()).collect())
}

/// A place between the people of the beginning, or behind the last added entity read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cursor {
    place: u64,
    after: Option<String>,
}

/// A page: first the people of the beginning, then the added ones.
pub(crate) fn page(
    people: &People,
    store: &Store,
    entity_type: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page> {
    let mut at = paging::decode(cursor)?.unwrap_or(Cursor { place: 0, after: None });
    let added = added(people, store, entity_type)?;
    let mut entities = Vec::new();
    while at.place < people.count(entity_type) && entities.len() < limit as usize {
        let id = people.id(entity_type, at.place);
        entities.extend(get(people, store, entity_type, &id)?.map(|json| Entity::new(id, json)));
        at.place += 1;
    }
    let mut rest = added.iter().filter(|id| at.after.as_ref().is_none_or(|after| *id > after)).peekable();
    let mut last = None;
    while entities.len() < limit as usize
        && let Some(id) = rest.next()
    {
        entities.extend(get(people, store, entity_type, id)?.map(|json| Entity::new(id, json)));
        last = Some(id.clone());
    }
    let more = at.place < people.count(entity_type) || rest.peek().is_some();
    let next = Cursor { place: at.place, after: last.or(at.after.clone()) };
    Ok(Page::new(entities, if more { Some(paging::encode(&next)?) } else { None }))
}

/// Every entity of a type until `visit` has seen enough.
///
/// Those whose text cannot contain `value` are passed over without being parsed.
fn each(
    people: &People,
    store: &Store,
    entity_type: &str,
    value: &str,
    mut visit: impl FnMut(Entity, &Value) -> bool,
) -> Result<()> {
    let first = (0..people.count(entity_type)).map(|place| people.id(entity_type, place));
    for id in first.chain(added(people, store, entity_type)?) {
        if let Some(json) = get(people, store, entity_type, &id)?
            && (json.contains(value) || json.contains('\\') || value.contains(['"', '\\']))
        {
            let value = serde_json::from_str(&json)?;
            if !visit(Entity::new(id, json), &value) {
                break;
            }
        }
    }
    Ok(())
}

/// The value of an attribute such as `userName`, `name.familyName` or `emails[0].value`.
fn attribute<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let pointer: String =
        path.split(['.', '[']).map(|step| format!("/{}", step.trim_end_matches(']'))).collect();
    value.pointer(&pointer)
}

/// The entities whose attributes have the given values.
pub(crate) fn find(
    people: &People,
    store: &Store,
    entity_type: &str,
    wanted: &[AttributeValue],
    limit: u32,
) -> Result<Vec<Entity>> {
    let mut found = Vec::new();
    let rarest = wanted.iter().map(|wanted| wanted.value.as_str()).max_by_key(|value| value.len());
    each(people, store, entity_type, rarest.unwrap_or_default(), |entity, value| {
        let equal = |wanted: &AttributeValue| match attribute(value, &wanted.attribute) {
            Some(Value::String(text)) => *text == wanted.value,
            // A number or a flag.
            Some(other) => serde_json::from_str(&wanted.value).is_ok_and(|value: Value| value == *other),
            None => false,
        };
        if wanted.iter().all(equal) {
            found.push(entity);
        }
        found.len() < limit as usize
    })?;
    Ok(found)
}

/// The attribute that no two entities of a type may share.
fn unique(entity_type: &str) -> &'static str {
    if entity_type == "group" { "displayName" } else { "userName" }
}

/// Carries out an operation; the identifier of the entity.
pub(crate) fn carry_out(people: &People, store: &mut Store, operation: &Operation) -> Result<String> {
    let entity_type = operation.entity_type.as_str();
    match operation.kind() {
        Kind::Create => create(people, store, operation),
        Kind::Replace | Kind::Patch | Kind::Delete => {
            let id = operation.require_id()?;
            let Some(before) = get(people, store, entity_type, id)? else {
                return Err(Error::no_entity(entity_type, id));
            };
            let after = match operation.kind() {
                Kind::Delete => None,
                Kind::Patch => {
                    let mut value: Value = serde_json::from_str(&before)?;
                    merge(&mut value, operation.content()?);
                    Some(value.to_string())
                }
                _ => {
                    operation.content::<Value>()?;
                    Some(operation.json.clone())
                }
            };
            store.set(&key(entity_type, id), after)?;
            Ok(id.to_owned())
        }
        Kind::Unknown => Err(operation.unsupported()),
    }
}

fn create(people: &People, store: &mut Store, operation: &Operation) -> Result<String> {
    let entity_type = operation.entity_type.as_str();
    let content: Value = operation.content()?;
    let name = unique(entity_type);
    let value = content.get(name).and_then(Value::as_str).unwrap_or_default();
    // The identifier follows from the unique attribute, so two instances never choose the same for two.
    let id = match operation.id.as_deref() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ if value.is_empty() => {
            return Err(Error::invalid(format!("A {entity_type} needs the attribute `{name}`."))
                .with_detail("attribute", name));
        }
        _ => format!("id-{value}"),
    };
    let wanted = [AttributeValue::new(name, value)];
    let taken = get(people, store, entity_type, &id)?.is_some()
        || !value.is_empty() && !find(people, store, entity_type, &wanted, 1)?.is_empty();
    if taken {
        return Err(Error::conflict(format!("There is a {entity_type} with the {name} {value:?} already."))
            .with_detail("attribute", name));
    }
    store.set(&key(entity_type, &id), Some(operation.json.clone()))?;
    Ok(id)
}

/// JSON merge patch (RFC 7396), the system's own patch shape.
fn merge(value: &mut Value, patch: Value) {
    match patch {
        Value::Object(patch) => {
            if !value.is_object() {
                *value = Value::Object(serde_json::Map::new());
            }
            if let Value::Object(members) = value {
                for (name, change) in patch {
                    if change.is_null() {
                        members.remove(&name);
                    } else {
                        merge(members.entry(name).or_insert(Value::Null), change);
                    }
                }
            }
        }
        other => *value = other,
    }
}
