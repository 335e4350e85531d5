//! What a connector implements: [`Connector`], and [`Source`], [`Target`] or both.

use crate::error::{Error, Result};
use crate::types::{Entity, Problem};

pub use crate::bindings::changes::exports::gangway::plugin::changes::ChangePage;
pub use crate::bindings::source::exports::gangway::plugin::source::Page;
pub use crate::bindings::target::exports::gangway::plugin::target::{
    AttributeValue, Member, MemberChanges, Operation, Outcome,
};

/// A connector for one system. The SDK makes it once in an instance, before the first call, and keeps
/// it for the instance's life: it may hold what its properties say, an open connection, a parsed
/// header. Nothing in it outlives the instance (see [`state`](crate::state) for that), and nothing may
/// depend on an earlier call: the engine keeps a few instances of each system and picks any.
pub trait Connector: Sized + 'static {
    /// Reads the system's properties. An error is the answer to the call that wanted the connector,
    /// and the next call tries again.
    fn open() -> Result<Self>;
}

/// A system that entities are read from.
pub trait Source: Connector {
    /// One page of the entities of a type, in a stable order.
    ///
    /// The first call has no cursor. `limit` is the most entities the answer may hold; fewer, even
    /// none, is allowed as long as the next cursor moves on. The cursor **is** the checkpoint: the engine
    /// stores it and may come back with it after a restart, in another instance, hours later. An error
    /// fails the whole read and no entity is deleted in any target.
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page>;

    /// Single entities by identifier: one answer for each, `not-found` where there is none.
    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>>;
}

/// A source that can say what has changed. Such a system is read in full once and by its changes
/// afterwards, if the administrator wants that (`ips.delta.read`).
pub trait Changes: Source {
    /// Where the changes from now on begin, in the plugin's own words: a time, a change number.
    /// `since_ms` is the time now, set back by what clocks may differ. `None`: entities of this type are
    /// read in full reads only. An error says what is missing without which changes cannot be read; the
    /// system is then read in full.
    fn mark(&mut self, entity_type: &str, since_ms: u64) -> Result<Option<String>>;

    /// One page of what changed since a mark, as [`Source::read_page`]. An entity may come that has not
    /// changed, none that has may be missing.
    fn read_changes(
        &mut self,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ChangePage>;
}

/// A page of which nothing is known to be gone.
impl From<Page> for ChangePage {
    fn from(page: Page) -> Self {
        ChangePage {
            entities: page.entities,
            removed: Vec::new(),
            problems: page.problems,
            next_cursor: page.next_cursor,
        }
    }
}

/// A system that entities are written to.
pub trait Target: Connector {
    /// Carries out operations and answers one outcome for each, in their order. The outer error says
    /// that none of them was attempted.
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>>;

    /// Single entities by identifier: one answer for each, `not-found` where there is none.
    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>>;

    /// The entities for which **all** the given attributes are equal to the given values, at most
    /// `limit` of them: how the engine finds the account behind a `conflict`.
    fn find(&mut self, entity_type: &str, attributes: &[AttributeValue], limit: u32) -> Result<Vec<Entity>>;
}

impl Page {
    /// A page of these entities, after which comes the one at `next_cursor`, if any.
    pub fn new(entities: Vec<Entity>, next_cursor: Option<String>) -> Self {
        Page { entities, problems: Vec::new(), next_cursor, total: None }
    }

    /// The same page with entities that could not be read.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// The same page with how many entities of the type there are in all.
    #[must_use]
    pub fn with_total(mut self, total: Option<u64>) -> Self {
        self.total = total;
        self
    }
}

/// What an [`Operation`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Must fail with `conflict`, and change nothing, if the entity exists already.
    Create,
    /// The entity shall afterwards hold this content. Idempotent.
    Replace,
    /// The content is in the system's own patch shape.
    Patch,
    /// `not-found` if it is not there. Idempotent.
    Delete,
    /// An operation of a later version of the interface: answer [`Operation::unsupported`].
    Unknown,
}

impl Operation {
    /// What the operation does.
    pub fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "create" => Kind::Create,
            "replace" => Kind::Replace,
            "patch" => Kind::Patch,
            "delete" => Kind::Delete,
            _ => Kind::Unknown,
        }
    }

    /// The identifier, without which every operation but a create is the engine's mistake.
    pub fn require_id(&self) -> Result<&str> {
        match self.id.as_deref() {
            Some(id) if !id.is_empty() => Ok(id),
            _ => Err(Error::invalid(format!(
                "The operation `{}` on a {} came without an identifier.",
                self.kind, self.entity_type
            ))
            .with_detail("entityType", &self.entity_type)),
        }
    }

    /// The content as a typed value.
    pub fn content<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        crate::json::parse(&self.json).map_err(|error| {
            error
                .with_detail("entityType", &self.entity_type)
                .with_detail("id", self.id.as_deref().unwrap_or_default())
        })
    }

    /// The error that says that this connector does not carry out such operations.
    pub fn unsupported(&self) -> Error {
        Error::unsupported(format!(
            "This connector does not carry out the operation `{}` on the type `{}`.",
            self.kind, self.entity_type
        ))
        .with_detail("operation", &self.kind)
        .with_detail("entityType", &self.entity_type)
    }
}

impl Outcome {
    /// The operation was carried out; the entity now has this identifier.
    pub fn done(id: impl Into<String>) -> Self {
        Outcome { id: Some(id.into()), version: None, error: None }
    }

    /// The operation had no effect, or its effect is unknown (`unavailable`, `timeout`).
    pub fn failed(error: Error) -> Self {
        Outcome { id: None, version: None, error: Some(error) }
    }

    /// The same outcome with the entity's new version.
    #[must_use]
    pub fn with_version(mut self, version: Option<String>) -> Self {
        self.version = version;
        self
    }
}

/// `Ok` is a carried-out operation, `Err` a failed one.
impl From<Result<Outcome>> for Outcome {
    fn from(result: Result<Outcome>) -> Self {
        result.unwrap_or_else(Outcome::failed)
    }
}

impl AttributeValue {
    /// An attribute in the system's own notation and the value it must have.
    pub fn new(attribute: impl Into<String>, value: impl Into<String>) -> Self {
        AttributeValue { attribute: attribute.into(), value: value.into() }
    }
}
