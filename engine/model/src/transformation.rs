use serde::{Deserialize, Serialize};

/// Which way a document transforms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// System-specific → common JSON.
    Read,
    /// Common JSON → system-specific.
    Write,
}

impl Direction {
    /// As the plugin interface spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What an entity is being transformed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransformOperation {
    /// Read transformation.
    Read,
    /// First write to the target.
    Create,
    /// Later writes.
    Update,
    /// A proxy's PATCH.
    Patch,
    /// The entity is to disappear.
    Delete,
}

impl TransformOperation {
    /// As the plugin interface spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One entity to transform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// `user`, `group`, …
    pub entity_type: &'a str,
    /// What for.
    pub operation: TransformOperation,
    /// A JSON object.
    pub json: &'a str,
    /// Preset variables: a JSON object, or empty.
    pub variables: String,
}

/// How a transformation ended for one entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerOutcome {
    /// There is a new entity.
    Transformed,
    /// The entity's condition is false: the target is not to hold it.
    Filtered,
    /// The operation is among `skipOperations`: what the target holds stays as it is.
    Skipped,
    /// The entity type is switched off.
    Ignored,
    /// A mandatory value is missing, or a function raised an error.
    Failed,
    /// Operation `delete` with nothing to write instead: really delete.
    Deleted,
}

/// What a transformation answers for one entity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// How it ended.
    pub outcome: AnswerOutcome,
    /// The new entity if transformed.
    pub json: String,
    /// The identifier that the document gave it: `entityIdSourceSystem` after a read,
    /// `entityIdTargetSystem` after a write.
    pub id: Option<String>,
    /// Why it was skipped or failed.
    pub reason: String,
    /// JSON pointer to the mapping at fault, or empty.
    pub mapping: String,
    /// Values that tell one person from another across sources.
    pub correlation: Vec<String>,
    /// How many references could not be resolved.
    pub unresolved: u32,
    /// The result depended on more than the entity: on the time, on randomness, on other entities'
    /// identifiers, or on its own in the target, which was not there.
    pub depends: bool,
    /// All variables at the end, a JSON object, if an explanation was asked for; otherwise `assignGroup` and
    /// `unassignGroup`, where the document set them.
    pub variables: String,
    /// The step-by-step trace as a JSON array, if an explanation was asked for.
    pub trace: String,
}

impl Answer {
    /// An answer that says no more than how it ended.
    pub fn new(outcome: AnswerOutcome) -> Self {
        Self {
            outcome,
            json: String::new(),
            id: None,
            reason: String::new(),
            mapping: String::new(),
            correlation: Vec::new(),
            unresolved: 0,
            depends: false,
            variables: String::new(),
            trace: String::new(),
        }
    }

    /// The new entity.
    pub fn transformed(json: impl Into<String>) -> Self {
        Self { json: json.into(), ..Self::new(AnswerOutcome::Transformed) }
    }

    /// No new entity, and why.
    pub fn without(outcome: AnswerOutcome, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::new(outcome) }
    }
}

/// What a compiled document needs beyond the entity, for one entity type.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// The current date.
    pub time: bool,
    /// A random source.
    pub random: bool,
    /// Identifiers of other entities.
    pub relations: bool,
    /// The type is switched off.
    pub ignored: bool,
}

/// How bad a problem of a document is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// Legal, but probably not what was meant.
    Warning,
}

/// A problem of a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// JSON pointer (RFC 6901) to the offending value.
    pub pointer: String,
    /// One-based; 0 where unknown.
    pub line: u32,
    /// One-based; 0 where unknown.
    pub column: u32,
    /// What is wrong, what was expected.
    pub message: String,
}
