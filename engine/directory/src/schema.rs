//! Schemas as data: what attributes there are and how they behave, read from `schemas/*.json`.

use crate::ScimError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The schema of schemas.
pub(crate) const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The users' extension of the `sap:2.0` schemas.
pub(crate) const SAP_USER_URN: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:User";
/// The groups' extension of the `sap:2.0` schemas.
pub(crate) const SAP_GROUP_URN: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

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

    pub(crate) fn simple(
        name: &str,
        kind: DataType,
        mutability: Mutability,
        returned: Returned,
    ) -> Arc<Self> {
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
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// Whether an attribute cannot be changed once it is set.
    pub(crate) fn has_immutable(&self) -> bool {
        self.attributes.iter().any(|a| a.mutability == Mutability::Immutable)
    }

    /// The schema as `/Schemas` answers it.
    pub(crate) fn document(&self, base: &str) -> Result<Value, ScimError> {
        let mut document = serde_json::to_value(self)
            .map_err(|e| ScimError::new(500, None, format!("schema {}: {e}", self.id)))?;
        if let Some(map) = document.as_object_mut() {
            map.insert("schemas".to_owned(), json!([SCHEMA_URN]));
            map.insert(
                "meta".to_owned(),
                json!({ "resourceType": "Schema", "location": format!("{base}/Schemas/{}", self.id) }),
            );
        }
        Ok(document)
    }

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
    /// `/Users?blocked=true`: deleted, and can be restored.
    Blocked = 2,
}

impl Kind {
    /// `User` or `Group`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User | Self::Blocked => "User",
            Self::Group => "Group",
        }
    }

    /// `Users` or `Groups`.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User | Self::Blocked => "Users",
            Self::Group => "Groups",
        }
    }

    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Group,
            2 => Self::Blocked,
            _ => Self::User,
        }
    }

    pub(crate) fn from_endpoint(text: &str) -> Option<Self> {
        [Self::User, Self::Group].into_iter().find(|k| k.endpoint().eq_ignore_ascii_case(text))
    }
}
