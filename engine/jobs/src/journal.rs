//! Lines of the entity log.
//!
//! Every entity to which something happened is logged, once. No attribute value of a person goes into a
//! line unless the source's trace properties ask for it; the identifiers do.

use gangway_model::{EntityEvent, EntityState, EntityType, PluginError, SystemId};

/// Makes the lines of one system and entity type.
pub(crate) struct Journal<'a> {
    pub(crate) entity_type: &'a EntityType,
    pub(crate) system: &'a SystemId,
    pub(crate) time_ms: u64,
}

impl Journal<'_> {
    /// Created or updated.
    pub(crate) fn written(&self, state: EntityState, source_id: &str, target_id: &str) -> EntityEvent {
        self.line(state, Some(source_id), Some(target_id))
    }

    pub(crate) fn failed(
        &self,
        source_id: Option<&str>,
        target_id: Option<&str>,
        error: PluginError,
    ) -> EntityEvent {
        EntityEvent { error: Some(error), ..self.line(EntityState::Failed, source_id, target_id) }
    }

    pub(crate) fn skipped(
        &self,
        source_id: Option<&str>,
        target_id: Option<&str>,
        reason: impl Into<String>,
    ) -> EntityEvent {
        EntityEvent { reason: Some(reason.into()), ..self.line(EntityState::Skipped, source_id, target_id) }
    }

    pub(crate) fn deleted(&self, source_id: &str, target_id: &str, reason: impl Into<String>) -> EntityEvent {
        EntityEvent {
            reason: Some(reason.into()),
            ..self.line(EntityState::Deleted, Some(source_id), Some(target_id))
        }
    }

    fn line(&self, state: EntityState, source_id: Option<&str>, target_id: Option<&str>) -> EntityEvent {
        EntityEvent {
            entity_type: self.entity_type.clone(),
            system: self.system.clone(),
            source_id: source_id.map(str::to_owned),
            target_id: target_id.map(str::to_owned),
            state,
            reason: None,
            error: None,
            content: None,
            time_ms: self.time_ms,
        }
    }
}
