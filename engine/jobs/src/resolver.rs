//! Answers a transformation's `resolveEntityIds` from the tenant's relations.

use crate::decide::binding;
use gangway_model::ports::Resolver;
use gangway_model::{EntityType, PluginError, RelationKey, SystemId, code};
use gangway_store::{StoreError, TenantStore};
use std::sync::Arc;

/// Resolves within one source-target pair, and by name within any other of the tenant.
pub struct StoreResolver {
    store: Arc<dyn TenantStore>,
    source: SystemId,
    target: SystemId,
}

impl StoreResolver {
    /// For the pair being provisioned.
    pub fn new(store: Arc<dyn TenantStore>, source: SystemId, target: SystemId) -> Self {
        Self { store, source, target }
    }

    fn by_name(&self, name: &str) -> Result<SystemId, PluginError> {
        let systems = self.store.systems().map_err(failed)?;
        systems.into_iter().find(|s| s.name == name).map(|s| s.id).ok_or_else(|| {
            PluginError::new(
                code::CONFIGURATION,
                format!("the transformation resolves identifiers of system {name:?}, and there is none of that name; correct sourceSystemName or targetSystemName"),
            )
        })
    }
}

impl Resolver for StoreResolver {
    fn resolve(
        &self,
        entity_type: &str,
        ids: &[String],
        source_system: Option<&str>,
        target_system: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError> {
        let key = RelationKey {
            source: source_system.map_or_else(|| Ok(self.source.clone()), |name| self.by_name(name))?,
            target: target_system.map_or_else(|| Ok(self.target.clone()), |name| self.by_name(name))?,
            entity_type: EntityType::new(entity_type),
        };
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let relations = self.store.relations(&key, &ids).map_err(failed)?;
        Ok(relations
            .iter()
            .map(|relation| binding(relation.as_ref()).map(|r| r.target_id.clone()).into_iter().collect())
            .collect())
    }
}

fn failed(error: StoreError) -> PluginError {
    PluginError::new(code::UNAVAILABLE, format!("identifiers could not be resolved: {error}"))
}
