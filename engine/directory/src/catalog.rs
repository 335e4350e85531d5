//! The resource types of a directory with their schemas, built-in and of the tenant.

use crate::ScimError;
use crate::schema::{Attribute, DataType, Kind, Mutability, Returned, Schema};
use serde_json::{Value, json};
use std::sync::Arc;

const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

const USER: &str = include_str!("../schemas/user.json");
const ENTERPRISE: &str = include_str!("../schemas/enterprise.json");
const SAP_USER: &str = include_str!("../schemas/sap_user.json");
const GROUP: &str = include_str!("../schemas/group.json");
const SAP_GROUP: &str = include_str!("../schemas/sap_group.json");

/// A resource type with its schemas.
#[derive(Clone, Debug)]
pub(crate) struct ResourceType {
    pub(crate) kind: Kind,
    pub(crate) core: Schema,
    pub(crate) extensions: Vec<Schema>,
    /// Some attribute of an extension cannot be changed once it is set.
    pub(crate) has_immutable: bool,
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
    blocked: ResourceType,
    group: ResourceType,
    custom: Vec<Schema>,
}

impl Catalog {
    /// The built-in schemas and those of the tenant.
    pub(crate) fn new(custom: Vec<Schema>) -> Result<Self, serde_json::Error> {
        let with = |kind, core: &str, extensions: &[&str]| -> Result<ResourceType, serde_json::Error> {
            let mut all = Vec::with_capacity(extensions.len() + custom.len());
            for text in extensions {
                all.push(serde_json::from_str(text)?);
            }
            all.extend(custom.iter().cloned());
            Ok(ResourceType {
                kind,
                core: serde_json::from_str(core)?,
                has_immutable: custom.iter().any(Schema::has_immutable),
                extensions: all,
                common: common(),
            })
        };
        Ok(Self {
            blocked: with(Kind::Blocked, USER, &[ENTERPRISE, SAP_USER])?,
            user: with(Kind::User, USER, &[ENTERPRISE, SAP_USER])?,
            group: with(Kind::Group, GROUP, &[SAP_GROUP])?,
            custom,
        })
    }

    /// The schemas of the tenant.
    pub(crate) fn custom(&self) -> &[Schema] {
        &self.custom
    }

    pub(crate) fn of(&self, kind: Kind) -> &ResourceType {
        match kind {
            Kind::User => &self.user,
            Kind::Blocked => &self.blocked,
            Kind::Group => &self.group,
        }
    }

    fn schemas(&self) -> impl Iterator<Item = &Schema> {
        // Those of the tenant extend both types and are listed once.
        let built_in = |t: &ResourceType| t.extensions.len().saturating_sub(self.custom.len());
        [&self.user, &self.group]
            .into_iter()
            .flat_map(move |t| std::iter::once(&t.core).chain(t.extensions.iter().take(built_in(t))))
            .chain(&self.custom)
    }

    /// `/Schemas`, or one of them.
    pub(crate) fn schema_documents(&self, base: &str) -> Result<Vec<Value>, ScimError> {
        self.schemas().map(|schema| schema.document(base)).collect()
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
