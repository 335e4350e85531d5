use serde::{Deserialize, Serialize};

/// What a plugin says of itself, in its custom section `gangway:manifest`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the package `gangway:plugin` it speaks, such as `0.1`.
    pub interface: String,
    /// The name it is loaded under unless the administrator gives another.
    pub name: String,
    /// Its own version (semantic versioning).
    pub version: String,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// For people: one or two sentences.
    #[serde(default)]
    pub description: String,
    /// Who made it.
    #[serde(default)]
    pub publisher: String,
    /// The host interfaces it wants: the first of the two keys.
    #[serde(default)]
    pub capabilities: Vec<CapabilityRequest>,
    /// The entity types it can read or write.
    #[serde(default)]
    pub entity_types: Vec<String>,
    /// The properties it reads.
    #[serde(default)]
    pub properties: Vec<PropertySpec>,
}

/// A host interface a plugin wants, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CapabilityRequest {
    /// `http`, `connection`, `files`, `relations` or `state`.
    pub name: String,
    /// Shown to the administrator who grants it.
    #[serde(default)]
    pub reason: String,
}

/// A property that a plugin reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertySpec {
    /// The key.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The value used when it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Refuse to start without it.
    #[serde(default)]
    pub required: bool,
    /// A credential: stored encrypted, never shown, never given to the plugin.
    #[serde(default)]
    pub secret: bool,
}
