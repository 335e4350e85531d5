use crate::PluginError;
use serde::{Deserialize, Serialize};

/// One entity as a system holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// The identifier in that system.
    pub id: String,
    /// The system's own version, where it has one.
    pub version: Option<String>,
    /// When the system says the entity was created, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// A JSON object in the system's own shape.
    pub json: String,
}

/// Something unreadable inside an otherwise readable page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The entity's identifier, where it could be read.
    pub id: Option<String>,
    /// What is wrong and where.
    pub error: PluginError,
}

/// One page of a source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// The readable entities.
    pub entities: Vec<Entity>,
    /// One failed entity of the source each.
    pub problems: Vec<Problem>,
    /// Where the next page starts; none on the last.
    pub next_cursor: Option<String>,
    /// How many there are in all, where the system says so.
    pub total: Option<u64>,
    /// Of a delta read: identifiers of what is gone.
    pub removed: Vec<String>,
}
