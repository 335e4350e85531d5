//! Request bodies. Only the members that SCIM itself prescribes are touched; everything else goes out
//! with the very text it came with, so that no number loses a digit.

use gangway_sdk::Error;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// The members of a JSON object, in order, each with its own text.
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Takes an entity apart.
    pub fn parse(json: &'a str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(|e| {
            Error::invalid(format!(
                "the write transformation made something that is no JSON object ({e}); correct its mappings"
            ))
        })
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The body of a create: without `id`, which the server gives.
pub fn create(json: &str, resource: &str) -> Result<String, Error> {
    let mut fields = Fields::parse(json)?;
    fields.remove("id");
    with_schemas(&fields, resource, None)
}

/// The body of a PUT: with the identifier of the entity in it.
pub fn replace(json: &str, resource: &str, id: &str) -> Result<String, Error> {
    let mut fields = Fields::parse(json)?;
    fields.remove("id");
    with_schemas(&fields, resource, Some(id))
}

/// The body of a PATCH that gives every attribute of the content its value. An attribute whose value
/// is null or an empty list is removed: SCIM knows no difference between the two and none at all.
pub fn patch(json: &str) -> Result<String, Error> {
    let mut fields = Fields::parse(json)?;
    for read_only in ["id", "schemas", "meta"] {
        fields.remove(read_only);
    }
    let (gone, kept): (Vec<_>, Vec<_>) = fields.0.into_iter().partition(|(_, value)| is_unassigned(value));
    let mut operations = Vec::new();
    if !kept.is_empty() {
        operations.push(PatchOperation { op: "replace", path: None, value: Some(Fields(kept)) });
    }
    operations.extend(gone.into_iter().map(|(path, _)| PatchOperation {
        op: "remove",
        path: Some(path),
        value: None,
    }));
    to_text(&PatchBody { schemas: [PATCH_OP], operations })
}

/// Members that come or go.
pub enum MemberPatch<'a> {
    /// With their own text.
    Add(&'a [&'a RawValue]),
    /// By their identifiers.
    Remove(&'a [&'a str]),
}

/// The body of a PATCH of a group's members; with `content` it gives the other attributes their values too.
pub fn members(content: Option<&str>, patch: MemberPatch<'_>) -> Result<String, Error> {
    let mut operations = Vec::new();
    if let Some(content) = content {
        let mut fields = Fields::parse(content)?;
        for other in ["id", "schemas", "meta", "members"] {
            fields.remove(other);
        }
        fields.0.retain(|(_, value)| !is_unassigned(value));
        if !fields.0.is_empty() {
            operations.push(serde_json::json!({ "op": "replace", "value": fields }));
        }
    }
    match patch {
        MemberPatch::Add([]) => {}
        MemberPatch::Add(members) => {
            operations.push(serde_json::json!({ "op": "add", "path": "members", "value": members }));
        }
        MemberPatch::Remove(ids) => operations.extend(ids.iter().map(|id| {
            let path = format!("members[value eq {}]", serde_json::Value::from(*id));
            serde_json::json!({ "op": "remove", "path": path })
        })),
    }
    to_text(&serde_json::json!({ "schemas": [PATCH_OP], "Operations": operations }))
}

/// The content with other values of an attribute.
pub fn with_list(json: &str, name: &str, values: &[&RawValue]) -> Result<String, Error> {
    let mut fields = Fields::parse(json)?;
    fields.remove(name);
    let values = RawValue::from_string(to_text(&values)?)
        .map_err(|error| Error::internal(format!("{name} cannot be written: {error}")))?;
    fields.0.push((Cow::Borrowed(name), &values));
    to_text(&fields)
}

/// The content without an attribute, and the attribute's own text; nothing of it if it is not there. Without any
/// other attribute the content is empty.
pub fn take<'a>(json: &'a str, name: &str) -> Result<(String, Option<&'a RawValue>), Error> {
    let mut fields = Fields::parse(json)?;
    let taken = fields.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    fields.0.retain(|(key, _)| key != name);
    let rest = if fields.0.is_empty() { String::new() } else { to_text(&fields)? };
    Ok((rest, taken))
}

#[derive(Serialize)]
struct PatchBody<'a> {
    schemas: [&'static str; 1],
    #[serde(rename = "Operations")]
    operations: Vec<PatchOperation<'a>>,
}

#[derive(Serialize)]
struct PatchOperation<'a> {
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Fields<'a>>,
}

fn is_unassigned(value: &RawValue) -> bool {
    let text = value.get();
    text == "null"
        || text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).is_some_and(|t| t.trim().is_empty())
}

/// The object with `schemas`, which every SCIM entity must have, where the content has none: the core
/// schema and the extensions that it uses.
fn with_schemas(fields: &Fields<'_>, resource: &str, id: Option<&str>) -> Result<String, Error> {
    let schemas = (!fields.has("schemas")).then(|| {
        let mut schemas = vec![format!("{CORE}{resource}")];
        schemas.extend(
            fields.0.iter().filter(|(key, _)| key.starts_with("urn:")).map(|(key, _)| key.to_string()),
        );
        schemas
    });
    to_text(&Body { schemas, id, fields })
}

struct Body<'a> {
    schemas: Option<Vec<String>>,
    id: Option<&'a str>,
    fields: &'a Fields<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(schemas) = &self.schemas {
            map.serialize_entry("schemas", schemas)?;
        }
        if let Some(id) = self.id {
            map.serialize_entry("id", id)?;
        }
        for (key, value) in &self.fields.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

pub(crate) fn to_text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|e| Error::internal(format!("a request body cannot be written: {e}")))
}
