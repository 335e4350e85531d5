//! Where the job engine meets the world: implemented by the plugin host, by fakes in tests.

use crate::{Answer, Entity, JobId, Needs, Operation, Outcome, Page, PluginError, Request, System, code};
use async_trait::async_trait;
use std::sync::Arc;

/// A system that is read from. One running job holds one.
#[async_trait]
pub trait Source: Send + Sync {
    /// One page; see `wit/since_v0.1/source.wit`.
    async fn read_page(
        &self,
        entity_type: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError>;

    /// Single entities by identifier, an answer for each.
    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>>;

    /// The entity types the plugin can read.
    fn entity_types(&self) -> Vec<String>;

    /// Whether the plugin can say what changed; if not, nobody asks for marks.
    fn reads_changes(&self) -> bool {
        false
    }

    /// Whether the system is read by its changes unless a property says otherwise.
    fn by_changes(&self) -> bool {
        false
    }

    /// Where the changes from now on begin; see `wit/since_v0.1/changes.wit`.
    async fn mark(&self, _entity_type: &str, _since_ms: u64) -> Result<Option<String>, PluginError> {
        Ok(None)
    }

    /// One page of what changed since a mark.
    async fn read_changes(
        &self,
        entity_type: &str,
        _mark: &str,
        _cursor: Option<&str>,
        _limit: u32,
    ) -> Result<Page, PluginError> {
        Err(PluginError::new(code::UNSUPPORTED, format!("changes of {entity_type} entities cannot be read")))
    }
}

/// A system that is written to. One running job holds one.
#[async_trait]
pub trait Target: Send + Sync {
    /// One outcome per operation; the outer error says that nothing was attempted, or, with an
    /// error whose effect is unknown, that anything may have been.
    async fn write(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError>;

    /// Single entities by identifier, an answer for each.
    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>>;

    /// The entities for which all attributes are equal to the values.
    async fn find(
        &self,
        entity_type: &str,
        attributes: Vec<(String, String)>,
        limit: u32,
    ) -> Result<Vec<Entity>, PluginError>;

    /// The entity types the plugin can write.
    fn entity_types(&self) -> Vec<String>;

    /// Whether the plugin takes the groups that a transformation assigns to a user.
    fn assigns_groups(&self) -> bool {
        false
    }
}

/// A compiled transformation. One running job holds one.
#[async_trait]
pub trait Transformation: Send + Sync {
    /// An answer per request. The error speaks of the plugin (a trap, a limit), not of an entity.
    async fn apply(&self, requests: &[Request<'_>], explain: bool) -> Result<Vec<Answer>, PluginError>;

    /// The entity types the document mentions, and what each needs.
    fn needs(&self) -> Vec<(String, Needs)>;

    /// Changes whenever the same entity may come out differently: a hash over the document, the
    /// plugin's code and the plain properties.
    fn configuration(&self) -> [u8; 32];
}

/// Resolves identifiers for a transformation that runs in a job.
pub trait Resolver: Send + Sync {
    /// For each source identifier those of the target. Systems are given by name, none for the pair
    /// being provisioned.
    fn resolve(
        &self,
        entity_type: &str,
        ids: &[String],
        source_system: Option<&str>,
        target_system: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError>;
}

/// Opens systems for a job, at the plugin versions that are current at that moment; they are kept
/// until the returned value is dropped.
#[async_trait]
pub trait Systems: Send + Sync {
    /// The source side of a system.
    async fn source(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Source>, PluginError>;

    /// The target side of a system.
    async fn target(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Target>, PluginError>;

    /// The read transformation of a source.
    async fn read_transformation(
        &self,
        system: &System,
        job: &JobContext,
    ) -> Result<Arc<dyn Transformation>, PluginError>;

    /// The write transformation of a target; the resolver answers its `resolveEntityIds`.
    async fn write_transformation(
        &self,
        system: &System,
        job: &JobContext,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Arc<dyn Transformation>, PluginError>;
}

/// How a system is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reading {
    /// Everything, by a job.
    #[default]
    Full,
    /// What changed, by a job.
    Delta,
    /// One entity, for the caller of a proxy.
    ProxyOne,
    /// Everything, for the caller of a proxy.
    ProxyAll,
    /// By a filter, for the caller of a proxy.
    ProxyQuery,
}

/// What an open system knows of the job it serves.
#[derive(Clone)]
pub struct JobContext {
    /// Stands on every log line.
    pub job: JobId,
    /// Set when the job is being stopped; long host waits end with `cancelled`.
    pub cancelled: Arc<std::sync::atomic::AtomicBool>,
}

/// The clock, as a parameter.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

/// The small values that plugins keep between runs.
pub trait StateSpace: Send + Sync {
    /// A value.
    fn get(&self, system: &System, key: &str) -> Result<Option<Vec<u8>>, PluginError>;
    /// Sets or removes a value.
    fn set(&self, system: &System, key: &str, value: Option<&[u8]>) -> Result<(), PluginError>;
}
