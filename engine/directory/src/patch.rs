//! PATCH (RFC 7644 section 3.5.2), with what large clients really send: capitalised operations,
//! booleans as text, path-less values with dotted or filtered keys, `remove` with a value.

use crate::ScimError;
use crate::catalog::ResourceType;
use crate::content;
use crate::filter::{Filter, Operand};
use crate::path::{Path, Target};
use crate::schema::{Attribute, Kind, Mutability};
use serde_json::{Map, Value};

/// Most operations of one request.
const MAX_OPERATIONS: usize = 1000;

/// A change of a group's members. They are no part of the stored content, so that adding one costs
/// the same in every group.
#[derive(Clone, Debug)]
pub(crate) enum MemberEdit {
    /// Identifiers to add.
    Add(Vec<String>),
    /// Identifiers to remove.
    Remove(Vec<String>),
    /// Those of the members that satisfy the filter.
    RemoveMatching(Filter),
    /// All.
    Clear,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// A PATCH in progress.
pub(crate) struct Patch<'r> {
    resource_type: &'r ResourceType,
    pub(crate) content: Map<String, Value>,
    pub(crate) members: Vec<MemberEdit>,
}

impl<'r> Patch<'r> {
    /// Applies a whole request to a resource's content.
    pub(crate) fn apply(
        resource_type: &'r ResourceType,
        content: Map<String, Value>,
        body: &Value,
    ) -> Result<Self, ScimError> {
        let operations = field(body, "Operations")
            .and_then(Value::as_array)
            .ok_or_else(|| ScimError::syntax("the body must be a PatchOp with an array \"Operations\""))?;
        if operations.is_empty() {
            return Err(ScimError::syntax("\"Operations\" is empty: give at least one operation"));
        }
        if operations.len() > MAX_OPERATIONS {
            return Err(ScimError::new(
                413,
                None,
                format!("{} operations in one PATCH; at most {MAX_OPERATIONS} are taken", operations.len()),
            ));
        }
        let mut patch = Self { resource_type, content, members: Vec::new() };
        for (index, operation) in operations.iter().enumerate() {
            patch.operation(operation).map_err(|mut e| {
                e.detail = format!("operation {}: {}", index + 1, e.detail);
                e
            })?;
        }
        Ok(patch)
    }

    fn operation(&mut self, operation: &Value) -> Result<(), ScimError> {
        let verb =
            match field(operation, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
                Some("add") => Verb::Add,
                Some("replace") => Verb::Replace,
                Some("remove") => Verb::Remove,
                _ => return Err(ScimError::syntax("\"op\" must be add, replace or remove")),
            };
        let value = field(operation, "value");
        match field(operation, "path") {
            Some(Value::String(path)) if !path.trim().is_empty() => self.at(verb, path, value, true),
            None | Some(Value::Null | Value::String(_)) => self.without_path(verb, value),
            Some(_) => Err(ScimError::path("\"path\" must be a text")),
        }
    }

    fn without_path(&mut self, verb: Verb, value: Option<&Value>) -> Result<(), ScimError> {
        if verb == Verb::Remove {
            return Err(ScimError::no_target("\"remove\" needs a path that says what to remove"));
        }
        let Some(Value::Object(map)) = value else {
            return Err(ScimError::value("without a path the value must be an object of attributes"));
        };
        for (key, value) in map {
            self.at(verb, key, Some(value), false)?;
        }
        Ok(())
    }

    /// One attribute. Without `explicit` it was a key of a path-less value, which may hold attributes
    /// that cannot be written (Okta sends the `id`) or that nobody knows.
    fn at(&mut self, verb: Verb, path: &str, value: Option<&Value>, explicit: bool) -> Result<(), ScimError> {
        let target = match Target::parse(self.resource_type, path) {
            Err(_) if !explicit && !path.contains('[') => return Ok(()),
            other => other?,
        };
        match target {
            Target::Extension(urn) => self.extension(verb, &urn, value),
            Target::Attribute(path, filter) => {
                let read_only = path.attribute.mutability == Mutability::ReadOnly
                    || path.sub.as_ref().is_some_and(|s| s.mutability == Mutability::ReadOnly);
                if read_only {
                    return if explicit {
                        Err(ScimError::mutability(format!("{:?} is read-only", path.text())))
                    } else {
                        Ok(())
                    };
                }
                if self.resource_type.kind == Kind::Group
                    && path.extension.is_none()
                    && path.attribute.name == "members"
                {
                    return self.member_operation(verb, &path, filter, value);
                }
                if verb != Verb::Remove && value.is_none() {
                    return Err(ScimError::value(format!("{:?} needs a value", path.text())));
                }
                self.attribute(verb, &path, filter.as_ref(), value)
            }
        }
    }

    fn extension(&mut self, verb: Verb, urn: &str, value: Option<&Value>) -> Result<(), ScimError> {
        if verb == Verb::Remove {
            self.content.shift_remove(urn);
            return Ok(());
        }
        let Some(Value::Object(map)) = value else {
            return Err(ScimError::value(format!("{urn:?} needs an object of its attributes")));
        };
        for (key, value) in map {
            self.at(verb, &format!("{urn}:{key}"), Some(value), false)?;
        }
        Ok(())
    }

    fn member_operation(
        &mut self,
        verb: Verb,
        path: &Path,
        filter: Option<Filter>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if path.sub.is_some() {
            return Err(ScimError::mutability(
                "sub-attributes of members are immutable: remove and add the member",
            ));
        }
        match (verb, filter, value) {
            (Verb::Remove, None, None | Some(Value::Null)) => self.members.push(MemberEdit::Clear),
            (Verb::Remove, None, Some(value)) => self.members.push(MemberEdit::Remove(member_ids(value)?)),
            (Verb::Remove, Some(filter), _) => {
                let ids = filter.equalities().and_then(|pairs| match pairs.as_slice() {
                    [(path, Operand::Text(id))] if path.attribute.name == "value" => Some(vec![id.clone()]),
                    _ => None,
                });
                self.members.push(match ids {
                    Some(ids) => MemberEdit::Remove(ids),
                    None => MemberEdit::RemoveMatching(filter),
                });
            }
            (_, Some(_), _) => {
                return Err(ScimError::path("members are added and replaced without a filter in brackets"));
            }
            (Verb::Add, None, Some(value)) => self.members.push(MemberEdit::Add(member_ids(value)?)),
            (Verb::Replace, None, Some(value)) => {
                let ids = if value.is_null() { Vec::new() } else { member_ids(value)? };
                self.members.push(MemberEdit::Clear);
                self.members.push(MemberEdit::Add(ids));
            }
            (_, None, None) => return Err(ScimError::value("\"members\" needs a value")),
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        verb: Verb,
        path: &Path,
        filter: Option<&Filter>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let holder = match &path.extension {
            None => &mut self.content,
            Some(urn) => {
                let entry = self.content.entry(urn.clone()).or_insert_with(|| Value::Object(Map::new()));
                match entry {
                    Value::Object(map) => map,
                    _ => return Err(ScimError::new(500, None, format!("{urn:?} is stored as no object"))),
                }
            }
        };
        let changed = change(holder, verb, path, filter, value);
        if let Some(urn) = &path.extension
            && self.content.get(urn).and_then(Value::as_object).is_some_and(Map::is_empty)
        {
            self.content.shift_remove(urn);
        }
        changed
    }
}

fn change(
    holder: &mut Map<String, Value>,
    verb: Verb,
    path: &Path,
    filter: Option<&Filter>,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let attribute = &path.attribute;
    if attribute.multi_valued {
        let before = match holder.get(&attribute.name) {
            Some(Value::Array(values)) => values.clone(),
            _ => Vec::new(),
        };
        let mut after = many(before.clone(), verb, path, filter, value)?;
        one_primary(&before, &mut after);
        put(holder, &attribute.name, (!after.is_empty()).then_some(Value::Array(after)));
        return Ok(());
    }
    let current = holder.get(&attribute.name).and_then(Value::as_object);
    if let Some(filter) = filter
        && !current.is_some_and(|c| filter.matches(c))
    {
        return Err(ScimError::no_target(format!("no value of {:?} satisfies the filter", path.text())));
    }
    let new = match (&path.sub, verb) {
        (None, Verb::Remove) => None,
        (None, _) => match (content::single(attribute, value.unwrap_or(&Value::Null))?, current) {
            // Sub-attributes that are not mentioned stay.
            (Some(Value::Object(new)), Some(current)) => {
                let mut merged = current.clone();
                let mentioned = value.and_then(Value::as_object);
                merged.retain(|k, _| {
                    !mentioned.is_some_and(|m| m.keys().any(|key| key.eq_ignore_ascii_case(k)))
                });
                merged.extend(new);
                Some(Value::Object(merged))
            }
            (new, _) => new,
        },
        (Some(sub), _) => {
            let mut map = current.cloned().unwrap_or_default();
            set_sub(&mut map, sub, verb, value)?;
            (!map.is_empty()).then_some(Value::Object(map))
        }
    };
    put(holder, &attribute.name, new);
    Ok(())
}

fn many(
    mut values: Vec<Value>,
    verb: Verb,
    path: &Path,
    filter: Option<&Filter>,
    value: Option<&Value>,
) -> Result<Vec<Value>, ScimError> {
    let attribute = &path.attribute;
    let given = value.unwrap_or(&Value::Null);
    let Some(filter) = filter else {
        return match (&path.sub, verb) {
            (None, Verb::Remove) if given.is_null() => Ok(Vec::new()),
            (None, Verb::Remove) => {
                let gone = elements(attribute, given)?;
                values.retain(|v| !gone.iter().any(|g| stands_for(g, v)));
                Ok(values)
            }
            (None, Verb::Add) => {
                for new in elements(attribute, given)? {
                    if !values.contains(&new) {
                        values.push(new);
                    }
                }
                Ok(values)
            }
            (None, Verb::Replace) => elements(attribute, given),
            (Some(sub), _) => {
                if values.is_empty() && verb != Verb::Remove {
                    values.push(Value::Object(Map::new()));
                }
                each(&mut values, |_| true, |map| set_sub(map, sub, verb, value))?;
                Ok(values)
            }
        };
    };
    let matching = |v: &Map<String, Value>| filter.matches(v);
    let found = values.iter().filter_map(Value::as_object).any(matching);
    if !found {
        // Entra adds `emails[type eq "work"].value` before there is such a value.
        return match (verb, filter.equalities()) {
            (Verb::Add, Some(pairs)) => {
                let mut map = Map::new();
                for (path, operand) in pairs {
                    map.insert(path.attribute.name.clone(), operand_value(operand));
                }
                match &path.sub {
                    Some(sub) => set_sub(&mut map, sub, verb, value)?,
                    None => merge(&mut map, attribute, given)?,
                }
                values.push(Value::Object(map));
                Ok(values)
            }
            _ => Err(ScimError::no_target(format!(
                "no value of {:?} satisfies the filter in the path",
                attribute.name
            ))),
        };
    }
    match (&path.sub, verb) {
        (None, Verb::Remove) => values.retain(|v| !v.as_object().is_some_and(matching)),
        (None, Verb::Add) => each(&mut values, matching, |map| merge(map, attribute, given))?,
        (None, Verb::Replace) => each(&mut values, matching, |map| {
            map.clear();
            merge(map, attribute, given)
        })?,
        (Some(sub), _) => each(&mut values, matching, |map| set_sub(map, sub, verb, value))?,
    }
    values.retain(|v| !v.as_object().is_some_and(Map::is_empty));
    Ok(values)
}

fn each(
    values: &mut [Value],
    which: impl Fn(&Map<String, Value>) -> bool,
    mut f: impl FnMut(&mut Map<String, Value>) -> Result<(), ScimError>,
) -> Result<(), ScimError> {
    for map in values.iter_mut().filter_map(Value::as_object_mut) {
        if which(map) {
            f(map)?;
        }
    }
    Ok(())
}

fn merge(map: &mut Map<String, Value>, attribute: &Attribute, value: &Value) -> Result<(), ScimError> {
    if let Some(Value::Object(new)) = content::single(attribute, value)? {
        map.extend(new);
    }
    Ok(())
}

fn set_sub(
    map: &mut Map<String, Value>,
    sub: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let new = match verb {
        Verb::Remove => None,
        _ => content::whole(sub, value.unwrap_or(&Value::Null))?,
    };
    put(map, &sub.name, new);
    Ok(())
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            map.insert(name.to_owned(), value);
        }
        None => {
            map.shift_remove(name);
        }
    }
}

/// One value or an array of them.
fn elements(attribute: &Attribute, value: &Value) -> Result<Vec<Value>, ScimError> {
    let given = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut values = Vec::with_capacity(given.len());
    for value in given {
        if let Some(value) = content::single(attribute, value)? {
            values.push(value);
        }
    }
    Ok(values)
}

/// Whether a value named for removal means this one: by its `value` if that is all there is to it.
fn stands_for(named: &Value, value: &Value) -> bool {
    match (named, value) {
        (Value::Object(named), Value::Object(value)) => named.iter().all(|(k, v)| value.get(k) == Some(v)),
        _ => named == value,
    }
}

/// A value that becomes primary takes it from the one that was.
fn one_primary(before: &[Value], after: &mut [Value]) {
    let is_primary = |v: &Value| v.get("primary") == Some(&Value::Bool(true));
    if after.iter().filter(|v| is_primary(v)).count() < 2 {
        return;
    }
    for value in after.iter_mut().filter(|v| is_primary(v)) {
        if before.contains(value)
            && let Some(map) = value.as_object_mut()
        {
            map.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

fn operand_value(operand: &Operand) -> Value {
    match operand {
        Operand::Null => Value::Null,
        Operand::Boolean(b) => Value::Bool(*b),
        Operand::Number(n) => serde_json::Number::from_f64(*n).map_or(Value::Null, Value::Number),
        Operand::Text(text) => Value::String(text.clone()),
        Operand::Instant(instant) => Value::String(instant.to_string()),
    }
}

/// The identifiers in a value of `members`.
pub(crate) fn member_ids(value: &Value) -> Result<Vec<String>, ScimError> {
    let one = |value: &Value| match value {
        Value::String(id) => Ok(id.clone()),
        Value::Object(_) => field(value, "value")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| ScimError::value("each of \"members\" needs a \"value\" with the member's id")),
        _ => Err(ScimError::value("\"members\" must be objects with a \"value\"")),
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

/// Whether a PATCH adds and does nothing else: nobody has to know who the members of a group are already.
pub(crate) fn only_adds(body: &Value) -> bool {
    let adds = |operation: &Value| {
        field(operation, "op").and_then(Value::as_str).is_some_and(|op| op.eq_ignore_ascii_case("add"))
    };
    field(body, "Operations").and_then(Value::as_array).is_some_and(|operations| operations.iter().all(adds))
}

/// A field of a message by its name in any case.
pub(crate) fn field<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let map = object.as_object()?;
    map.get(name).or_else(|| map.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}
