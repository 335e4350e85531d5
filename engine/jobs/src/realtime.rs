//! One entity, at once: what a source reports is read, decided and written like a page of a delta read.
//!
//! The source tells that an entity was made, changed or removed. The entity is asked for by its identifier, so the
//! source's filters do not count and its conditions do; an entity that is not there is gone. Everything else is the
//! pipeline of a job, with its intents, gates and log: an event is a job of its own type that nobody sees in the list
//! of jobs, waits while another job holds the same systems, and survives a restart.

use crate::error::StartError;
use crate::runner::Runner;
use crate::services::Order;
use async_trait::async_trait;
use gangway_model::ports::Source;
use gangway_model::{
    Entity, EntityType, Event, Job, JobId, JobType, Page, PluginError, ReadMode, Reading, SystemId, TenantId,
    Trigger, code,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The source of an event: it has one entity.
pub(crate) struct One {
    source: Arc<dyn Source>,
    event: Event,
}

impl One {
    /// The source, as far as the event speaks of it. The job reads its one entity as what has changed.
    pub(crate) fn of(source: Arc<dyn Source>, job: &mut Job) -> Arc<dyn Source> {
        let Some(event) = job.event.clone() else { return source };
        job.read_mode = ReadMode::Delta;
        let since = BTreeMap::from([(event.entity_type.clone(), String::new())]);
        job.reading.get_or_insert_with(|| Reading {
            reason: "one entity that the source reported".to_owned(),
            since,
            ..Reading::default()
        });
        Arc::new(Self { source, event })
    }
}

#[async_trait]
impl Source for One {
    async fn read_page(
        &self,
        entity_type: &str,
        _cursor: Option<&str>,
        _limit: u32,
    ) -> Result<Page, PluginError> {
        Err(PluginError::new(code::INTERNAL, format!("an event is no list of {entity_type} entities")))
    }

    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        self.source.read_entities(entity_type, ids).await
    }

    fn entity_types(&self) -> Vec<String> {
        let name = self.event.entity_type.as_str();
        self.source.entity_types().into_iter().filter(|known| known == name).collect()
    }

    fn reads_changes(&self) -> bool {
        true
    }

    async fn read_changes(
        &self,
        entity_type: &str,
        _mark: &str,
        _cursor: Option<&str>,
        _limit: u32,
    ) -> Result<Page, PluginError> {
        let id = self.event.id.clone();
        if self.event.deleted {
            return Ok(Page { removed: vec![id], ..Page::default() });
        }
        match self.source.read_entities(entity_type, vec![id.clone()]).await.pop() {
            Some(Ok(entity)) => Ok(Page { entities: vec![entity], ..Page::default() }),
            Some(Err(error)) if error.code == code::NOT_FOUND => {
                Ok(Page { removed: vec![id], ..Page::default() })
            }
            Some(Err(error)) => Err(error),
            None => Err(PluginError::new(code::INTERNAL, "the source's connector gave no answer")),
        }
    }
}

/// Why an event cannot be carried out at all.
pub(crate) fn unknown_type(event: &Event) -> PluginError {
    PluginError::new(
        code::CONFIGURATION,
        format!(
            "{} entities are not read: the connector has none, or the read transformation does not mention or ignores them",
            event.entity_type
        ),
    )
}

impl Runner {
    /// Carries out an event of a source as soon as nothing is in its way. An event that waits already is the same
    /// one.
    pub async fn notice(
        &self,
        tenant: &TenantId,
        source: &SystemId,
        event: Event,
        by: String,
    ) -> Result<JobId, StartError> {
        let order = Order { event: Some(event), ..Order::from(JobType::RealTime) };
        self.start(tenant, source, order, Trigger { kind: Trigger::EVENT.to_owned(), by: Some(by) }).await
    }
}

/// Whether an entity type is one that events may speak of.
pub fn is_type(name: &str) -> bool {
    matches!(name, "user" | "group")
}

/// The event of a type and an identifier.
pub fn event(entity_type: &str, id: String, deleted: bool) -> Event {
    Event { entity_type: EntityType::new(entity_type), id, deleted }
}
