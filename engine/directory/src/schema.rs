//! Schemas as data: what attributes there are and how they behave, read from `schemas/*.json`.

use crate::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

const USER: &str = include_str!("../schemas/user.json");
const ENTERPRISE: &str = include_str!("../schemas/enterprise.json");
const SAP_USER: &str = include_str!("../schemas/sap_user.json");
const GROUP: &str = include_str!("../schemas/group.json");
const SAP_GROUP: &str = include_str!("../schemas/sap_group.json");

/// Data types of RFC 7643 section 2.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DataType {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mutability {
    #[default]
    ReadWrite,
    ReadOnly,
    Immutable,
    WriteOnly,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Returned {
    #[default]
    Default,
    Always,
    Never,
    Request,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Uniqueness {
    #[default]
    None,
    Server,
    Global,
}

/// An attribute definition (RFC 7643 section 7). What a file leaves out has the RFC's default.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: DataType,
    #[serde(default)]
    pub(crate) multi_valued: bool,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) canonical_values: Vec<String>,
    #[serde(default)]
    pub(crate) case_exact: bool,
    #[serde(default)]
    pub(crate) mutability: Mutability,
    #[serde(default)]
    pub(crate) returned: Returned,
    #[serde(default)]
    pub(crate) uniqueness: Uniqueness,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reference_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sub_attributes: Vec<Arc<Attribute>>,
}

impl Attribute {
    pub(crate) fn sub(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
    }

    fn simple(name: &str, kind: DataType, mutability: Mutability, returned: Returned) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            kind,
            multi_valued: name == "schemas",
            description: String::new(),
            required: false,
            canonical_values: Vec::new(),
            case_exact: true,
            mutability,
            returned,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        })
    }
}

/// A schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schema {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

/// Users or groups. The number stands in stored keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Kind {
    /// `/Users`
    User = 0,
    /// `/Groups`
    Group = 1,
}

impl Kind {
    /// `User` or `Group`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// `Users` or `Groups`.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    pub(crate) fn from_number(number: u8) -> Self {
        if number == Self::Group as u8 { Self::Group } else { Self::User }
    }

    pub(crate) fn from_endpoint(text: &str) -> Option<Self> {
        [Self::User, Self::Group].into_iter().find(|k| k.endpoint().eq_ignore_ascii_case(text))
    }
}

/// A resource type with its schemas.
#[derive(Clone, Debug)]
pub(crate) struct ResourceType {
    pub(crate) kind: Kind,
    pub(crate) core: Schema,
    pub(crate) extensions: Vec<Schema>,
    /// `schemas`, `id`, `externalId`, `meta` (RFC 7643 section 3.1), which no schema lists.
    pub(crate) common: Vec<Arc<Attribute>>,
}

impl ResourceType {
    pub(crate) fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().find(|s| s.id.eq_ignore_ascii_case(urn))
    }

    /// An attribute of the core schema or one that all resources have.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.core.attribute(name).or_else(|| self.common.iter().find(|a| a.name.eq_ignore_ascii_case(name)))
    }
}

/// All resource types of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    user: ResourceType,
    group: ResourceType,
}

impl Catalog {
    pub(crate) fn built_in() -> Result<Self, serde_json::Error> {
        Ok(Self {
            user: ResourceType {
                kind: Kind::User,
                core: serde_json::from_str(USER)?,
                extensions: vec![serde_json::from_str(ENTERPRISE)?, serde_json::from_str(SAP_USER)?],
                common: common(),
            },
            group: ResourceType {
                kind: Kind::Group,
                core: serde_json::from_str(GROUP)?,
                extensions: vec![serde_json::from_str(SAP_GROUP)?],
                common: common(),
            },
        })
    }

    pub(crate) fn of(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Group => &self.group,
        }
    }

    fn schemas(&self) -> impl Iterator<Item = &Schema> {
        [&self.user, &self.group].into_iter().flat_map(|t| std::iter::once(&t.core).chain(&t.extensions))
    }

    /// `/Schemas`, or one of them.
    pub(crate) fn schema_documents(&self, base: &str) -> Result<Vec<Value>, ScimError> {
        self.schemas()
            .map(|schema| {
                let mut document = serde_json::to_value(schema)
                    .map_err(|e| ScimError::new(500, None, format!("schema {}: {e}", schema.id)))?;
                if let Some(map) = document.as_object_mut() {
                    map.insert("schemas".to_owned(), json!([SCHEMA_URN]));
                    map.insert(
                        "meta".to_owned(),
                        json!({ "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) }),
                    );
                }
                Ok(document)
            })
            .collect()
    }

    /// `/ResourceTypes`.
    pub(crate) fn resource_type_documents(&self, base: &str) -> Vec<Value> {
        [&self.user, &self.group]
            .into_iter()
            .map(|t| {
                let name = t.kind.name();
                let extensions: Vec<_> =
                    t.extensions.iter().map(|s| json!({ "schema": s.id, "required": false })).collect();
                json!({
                    "schemas": [RESOURCE_TYPE_URN],
                    "id": name,
                    "name": name,
                    "description": t.core.description,
                    "endpoint": format!("/{}", t.kind.endpoint()),
                    "schema": t.core.id,
                    "schemaExtensions": extensions,
                    "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}") },
                })
            })
            .collect()
    }
}

fn common() -> Vec<Arc<Attribute>> {
    let meta = |name: &str, kind| Attribute::simple(name, kind, Mutability::ReadOnly, Returned::Default);
    let mut whole = Attribute::simple("meta", DataType::Complex, Mutability::ReadOnly, Returned::Default);
    if let Some(whole) = Arc::get_mut(&mut whole) {
        whole.sub_attributes = vec![
            meta("resourceType", DataType::String),
            meta("created", DataType::DateTime),
            meta("lastModified", DataType::DateTime),
            meta("location", DataType::Reference),
            meta("version", DataType::String),
        ];
    }
    vec![
        Attribute::simple("schemas", DataType::Reference, Mutability::ReadOnly, Returned::Always),
        Attribute::simple("id", DataType::String, Mutability::ReadOnly, Returned::Always),
        Attribute::simple("externalId", DataType::String, Mutability::ReadWrite, Returned::Default),
        whole,
    ]
}
