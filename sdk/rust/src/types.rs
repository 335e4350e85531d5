//! The shapes that every interface shares. The bindings use these very types, so nothing is converted
//! on the way in or out.

use std::fmt;

/// One entity (a user, a group, …) as a system holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entity {
    /// The identifier in that system. Never empty. Stable for the life of the entity.
    pub id: String,
    /// The system's own version of the entity (an ETag, a change number), where it has one.
    pub version: Option<String>,
    /// When the system says the entity was created, in milliseconds since 1970, where it says so.
    pub created_ms: Option<u64>,
    /// The entity: a JSON object in the system's own shape.
    pub json: String,
}

impl Entity {
    /// An entity without version and creation time.
    pub fn new(id: impl Into<String>, json: impl Into<String>) -> Self {
        Entity { id: id.into(), version: None, created_ms: None, json: json.into() }
    }

    /// The same entity with the version that the system gave it.
    #[must_use]
    pub fn with_version(mut self, version: Option<String>) -> Self {
        self.version = version;
        self
    }

    /// The same entity with the time at which the system says it was created.
    #[must_use]
    pub fn with_created_ms(mut self, created_ms: Option<u64>) -> Self {
        self.created_ms = created_ms;
        self
    }
}

/// Why a call, or one element of it, did not succeed. Authors know it as [`Error`](crate::Error).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginError {
    /// One of the [codes](crate::error::code).
    pub code: String,
    /// For a person: what happened, and what to do about it.
    pub message: String,
    /// How long the system asks to be left alone, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Facts for a person or a program: `status`, `attribute`, `row`, `column`, `url`, …
    pub details: Vec<(String, String)>,
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for PluginError {}

/// Something unreadable inside an otherwise readable page: it counts as one failed entity of the
/// source, and the rest of the page goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The entity's identifier, where it could be read.
    pub id: Option<String>,
    /// What is wrong and where: names the row, column or attribute.
    pub error: PluginError,
}

impl Problem {
    /// A problem of an entity whose identifier could not be read.
    pub fn new(error: PluginError) -> Self {
        Problem { id: None, error }
    }

    /// A problem of the entity with this identifier.
    pub fn of(id: impl Into<String>, error: PluginError) -> Self {
        Problem { id: Some(id.into()), error }
    }
}
