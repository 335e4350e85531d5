//! Resources as they are answered: identifier, schemas, memberships and `meta` added, attributes
//! selected.

use crate::ScimError;
use crate::catalog::ResourceType;
use crate::error::StorageError;
use crate::path::{Path, Target};
use crate::schema::{DataType, Kind, Returned, SAP_GROUP_URN};
use crate::storage::{Member, Read, Record};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// The groups in a group, in the `sap:2.0` extension.
const CHILDREN: &str = "children";

/// Which attributes are wanted (RFC 7644 section 3.9).
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    only: Option<Vec<Target>>,
    without: Vec<Target>,
}

impl Selection {
    /// Reads `attributes` and `excludedAttributes`. Names that the type does not know select nothing,
    /// because one list may serve several types.
    pub(crate) fn read(
        resource_type: &ResourceType,
        attributes: &[String],
        excluded: &[String],
    ) -> Result<Self, ScimError> {
        if !attributes.is_empty() && !excluded.is_empty() {
            return Err(ScimError::value("give \"attributes\" or \"excludedAttributes\", not both"));
        }
        let read = |names: &[String]| -> Vec<Target> {
            names.iter().filter_map(|name| Target::parse(resource_type, name).ok()).collect()
        };
        Ok(Self { only: (!attributes.is_empty()).then(|| read(attributes)), without: read(excluded) })
    }

    /// Whether nothing is selected or left out.
    pub(crate) fn is_everything(&self) -> bool {
        self.only.is_none() && self.without.is_empty()
    }

    /// Whether the children of a group are asked for; they are shown on request only.
    pub(crate) fn names_children(&self) -> bool {
        self.only.iter().flatten().any(|target| {
            matches!(target, Target::Attribute(path, _)
                if path.extension.as_deref() == Some(SAP_GROUP_URN) && path.attribute.name == CHILDREN)
        })
    }

    /// Whether a top-level attribute of the core schema is wanted at all.
    fn wants(&self, name: &str) -> bool {
        let names = |target: &Target| matches!(target, Target::Attribute(path, _) if path.extension.is_none() && path.attribute.name == name);
        let whole = |target: &Target| {
            names(target) && matches!(target, Target::Attribute(path, _) if path.sub.is_none())
        };
        match &self.only {
            Some(only) => only.iter().any(names),
            None => !self.without.iter().any(whole),
        }
    }

    fn apply(&self, resource_type: &ResourceType, resource: Map<String, Value>) -> Map<String, Value> {
        if let Some(only) = &self.only {
            let mut kept = Map::new();
            for (key, value) in resource {
                let always = resource_type.attribute(&key).is_some_and(|a| a.returned == Returned::Always);
                if always {
                    kept.insert(key, value);
                    continue;
                }
                if let Some(value) = narrow(only, &key, value) {
                    kept.insert(key, value);
                }
            }
            return kept;
        }
        let mut resource = resource;
        for target in &self.without {
            match target {
                Target::Extension(urn) => {
                    resource.shift_remove(urn);
                }
                Target::Attribute(path, _) if path.attribute.returned == Returned::Always => {}
                Target::Attribute(path, _) => exclude(&mut resource, path),
            }
        }
        resource
    }
}

/// What the selection leaves of one top-level value.
fn narrow(only: &[Target], key: &str, value: Value) -> Option<Value> {
    let mut subs = Vec::new();
    let mut inner = Vec::new();
    for target in only {
        match target {
            Target::Extension(urn) if urn == key => return Some(value),
            Target::Attribute(path, _) if path.extension.as_deref() == Some(key) => inner.push(path),
            Target::Attribute(path, _) if path.extension.is_none() && path.attribute.name == key => {
                match &path.sub {
                    None => return Some(value),
                    Some(sub) => subs.push(sub.name.as_str()),
                }
            }
            _ => {}
        }
    }
    if !inner.is_empty() {
        let Value::Object(map) = value else { return None };
        let mut kept = Map::new();
        for (name, value) in map {
            let of: Vec<_> = inner.iter().filter(|p| p.attribute.name == name).collect();
            if of.iter().any(|p| p.sub.is_none()) {
                kept.insert(name, value);
            } else if !of.is_empty() {
                let subs: Vec<_> =
                    of.iter().filter_map(|p| p.sub.as_ref()).map(|s| s.name.as_str()).collect();
                kept.insert(name, keep_subs(value, &subs));
            }
        }
        return (!kept.is_empty()).then_some(Value::Object(kept));
    }
    (!subs.is_empty()).then(|| keep_subs(value, &subs))
}

fn keep_subs(value: Value, subs: &[&str]) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(|v| keep_subs(v, subs)).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().filter(|(k, _)| subs.contains(&k.as_str())).collect())
        }
        other => other,
    }
}

fn exclude(resource: &mut Map<String, Value>, path: &Path) {
    let holder = match &path.extension {
        None => Some(resource),
        Some(urn) => resource.get_mut(urn).and_then(Value::as_object_mut),
    };
    let Some(holder) = holder else { return };
    match (&path.sub, holder.get_mut(&path.attribute.name)) {
        (None, _) => {
            holder.shift_remove(&path.attribute.name);
        }
        (Some(sub), Some(Value::Array(values))) => {
            for value in values.iter_mut().filter_map(Value::as_object_mut) {
                value.shift_remove(&sub.name);
            }
        }
        (Some(sub), Some(Value::Object(map))) => {
            map.shift_remove(&sub.name);
        }
        _ => {}
    }
}

/// Renders resources within one transaction; remembers names of groups between them.
pub(crate) struct Renderer<'r, T: Read> {
    pub(crate) tables: &'r T,
    pub(crate) resource_type: &'r ResourceType,
    pub(crate) base: &'r str,
    names: HashMap<u64, Option<String>>,
}

impl<'r, T: Read> Renderer<'r, T> {
    pub(crate) fn new(tables: &'r T, resource_type: &'r ResourceType, base: &'r str) -> Self {
        Self { tables, resource_type, base, names: HashMap::new() }
    }

    /// The resource as it is answered.
    pub(crate) fn render(
        &mut self,
        sequence: u64,
        record: &Record,
        selection: &Selection,
    ) -> Result<Value, ScimError> {
        let mut whole =
            self.assemble(sequence, record, selection.wants("groups"), selection.wants("members"))?;
        if selection.names_children() {
            self.add_children(sequence, &mut whole)?;
        }
        Ok(Value::Object(selection.apply(self.resource_type, whole)))
    }

    /// The resource with everything in it that a filter may ask for.
    pub(crate) fn assemble(
        &mut self,
        sequence: u64,
        record: &Record,
        groups: bool,
        members: bool,
    ) -> Result<Map<String, Value>, StorageError> {
        let kind = self.resource_type.kind;
        let mut schemas = vec![Value::String(self.resource_type.core.id.clone())];
        for extension in &self.resource_type.extensions {
            if record.content.contains_key(&extension.id) {
                schemas.push(Value::String(extension.id.clone()));
            }
        }
        let mut resource = Map::new();
        resource.insert("schemas".to_owned(), Value::Array(schemas));
        resource.insert("id".to_owned(), Value::String(record.id.to_string()));
        resource.extend(record.content.iter().map(|(k, v)| (k.clone(), v.clone())));
        if kind == Kind::User && groups {
            let groups = self.groups(sequence)?;
            if !groups.is_empty() {
                resource.insert("groups".to_owned(), Value::Array(groups));
            }
        }
        if kind == Kind::Group && members {
            let mut values: Vec<_> =
                self.tables.members(sequence)?.into_iter().map(|m| self.member(&m)).collect();
            // Those that are elsewhere stand in the record.
            if let Some(Value::Array(outside)) = resource.shift_remove("members") {
                values.extend(outside);
            }
            if !values.is_empty() {
                resource.insert("members".to_owned(), Value::Array(values));
            }
        }
        resource.insert(
            "meta".to_owned(),
            json!({
                "resourceType": kind.name(),
                "created": time(record.created_ms),
                "lastModified": time(record.modified_ms),
                "location": location(self.base, kind, record.id),
                "version": tag(record.version),
            }),
        );
        Ok(resource)
    }

    fn member(&self, member: &Member) -> Value {
        json!({
            "value": member.id,
            "$ref": location(self.base, member.kind, member.id),
            "type": member.kind.name(),
        })
    }

    fn add_children(&self, group: u64, resource: &mut Map<String, Value>) -> Result<(), StorageError> {
        let mut children = self.tables.members(group)?;
        children.retain(|m| m.kind == Kind::Group);
        if children.is_empty() {
            return Ok(());
        }
        let children = children.iter().map(|m| self.member(m)).collect();
        let extension = resource.entry(SAP_GROUP_URN).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(extension) = extension {
            extension.insert(CHILDREN.to_owned(), Value::Array(children));
        }
        Ok(())
    }

    pub(crate) fn groups(&mut self, member: u64) -> Result<Vec<Value>, StorageError> {
        let mut groups = Vec::new();
        for (group, id) in self.tables.groups_of(member)? {
            let name = match self.names.get(&group) {
                Some(name) => name.clone(),
                None => {
                    let name = self.tables.record(Kind::Group, group)?.and_then(|r| {
                        r.content.get("displayName").and_then(Value::as_str).map(str::to_owned)
                    });
                    self.names.insert(group, name.clone());
                    name
                }
            };
            let mut value = Map::new();
            value.insert("value".to_owned(), Value::String(id.to_string()));
            value.insert("$ref".to_owned(), Value::String(location(self.base, Kind::Group, id)));
            if let Some(name) = name {
                value.insert("display".to_owned(), Value::String(name));
            }
            value.insert("type".to_owned(), Value::String("direct".to_owned()));
            groups.push(Value::Object(value));
        }
        Ok(groups)
    }
}

/// Whether a filter over this attribute needs the edges of a resource.
pub(crate) fn is_edge(path: &Path) -> bool {
    path.extension.is_none()
        && path.attribute.kind == DataType::Complex
        && matches!(path.attribute.name.as_str(), "groups" | "members")
}

/// Where a resource is found.
pub(crate) fn location(base: &str, kind: Kind, id: Uuid) -> String {
    format!("{base}/{}/{id}", kind.endpoint())
}

/// The entity tag of a version.
pub(crate) fn tag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// Whether a list of entity tags (`If-Match`, `If-None-Match`, a bulk `version`) holds this version.
/// Versions count changes, so weak and strong tags mean the same.
pub(crate) fn tag_matches(list: &str, version: u64) -> bool {
    let version = version.to_string();
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one).trim_matches('"') == version)
}

/// Milliseconds since 1970 as SCIM writes them.
pub(crate) fn time(ms: u64) -> String {
    let instant = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map_or_else(String::new, |t| format!("{t:.3}"))
}
