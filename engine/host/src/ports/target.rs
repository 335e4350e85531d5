use super::convert::{by_identifier, one_each};
use crate::bindings::v0_1::exports::gangway::plugin::target as wit;
use crate::pool::{Call, Pool};
use async_trait::async_trait;
use gangway_model::ports::Target;
use gangway_model::{Entity, Operation, Outcome, PluginError};

/// A target over warm instances.
pub(super) struct PooledTarget {
    pub(super) pool: Pool,
}

#[async_trait]
impl Target for PooledTarget {
    async fn write(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        let operations: Vec<_> = operations.into_iter().map(wit::Operation::from).collect();
        let count = operations.len();
        let outcomes = self
            .pool
            .call(Call::writing("write"), move |guest| {
                Box::pin(async move {
                    let target = guest.target.as_ref().ok_or_else(super::no_export)?;
                    target.call_write(&mut guest.store, &operations).await
                })
            })
            .await??;
        let outcomes = outcomes.into_iter().map(Outcome::from).collect();
        one_each(&self.pool.version.name(), "write", outcomes, count)
    }

    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        let (count, of_type) = (ids.len(), entity_type.to_owned());
        let answers = self
            .pool
            .call(Call::reading("read-entities"), move |guest| {
                Box::pin(async move {
                    let target = guest.target.as_ref().ok_or_else(super::no_export)?;
                    target.call_read_entities(&mut guest.store, &of_type, &ids).await
                })
            })
            .await;
        by_identifier(&self.pool.version.name(), answers, count)
    }

    async fn find(
        &self,
        entity_type: &str,
        attributes: Vec<(String, String)>,
        limit: u32,
    ) -> Result<Vec<Entity>, PluginError> {
        let attributes: Vec<_> = attributes
            .into_iter()
            .map(|(attribute, value)| wit::AttributeValue { attribute, value })
            .collect();
        let of_type = entity_type.to_owned();
        let found = self
            .pool
            .call(Call::reading("find"), move |guest| {
                Box::pin(async move {
                    let target = guest.target.as_ref().ok_or_else(super::no_export)?;
                    target.call_find(&mut guest.store, &of_type, &attributes, limit).await
                })
            })
            .await??;
        Ok(found.into_iter().map(Entity::from).collect())
    }

    fn entity_types(&self) -> Vec<String> {
        self.pool.version.manifest.entity_types.clone()
    }

    fn assigns_groups(&self) -> bool {
        self.pool.version.manifest.group_assignment
    }
}
