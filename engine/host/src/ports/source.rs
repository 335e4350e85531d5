use super::convert::by_identifier;
use crate::pool::{Call, Pool};
use async_trait::async_trait;
use gangway_model::ports::Source;
use gangway_model::{Entity, Page, PluginError, code};

/// A source over warm instances.
pub(super) struct PooledSource {
    pub(super) pool: Pool,
}

#[async_trait]
impl Source for PooledSource {
    async fn read_page(
        &self,
        entity_type: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError> {
        let (of_type, from) = (entity_type.to_owned(), cursor.map(str::to_owned));
        let page = self
            .pool
            .call(Call::reading("read-page"), move |guest| {
                Box::pin(async move {
                    let source = guest.source.as_ref().ok_or_else(super::no_export)?;
                    source.call_read_page(&mut guest.store, &of_type, from.as_deref(), limit).await
                })
            })
            .await??;
        self.checked(Page::from(page), entity_type, cursor, limit)
    }

    fn reads_changes(&self) -> bool {
        self.pool.version.roles.changes
    }

    fn by_changes(&self) -> bool {
        self.pool.version.manifest.by_changes()
    }

    async fn mark(&self, entity_type: &str, since_ms: u64) -> Result<Option<String>, PluginError> {
        let of_type = entity_type.to_owned();
        let mark = self
            .pool
            .call(Call::reading("mark"), move |guest| {
                Box::pin(async move {
                    let changes = guest.changes.as_ref().ok_or_else(super::no_export)?;
                    changes.call_mark(&mut guest.store, &of_type, since_ms).await
                })
            })
            .await??;
        Ok(mark)
    }

    async fn read_changes(
        &self,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError> {
        let (of_type, since, from) = (entity_type.to_owned(), mark.to_owned(), cursor.map(str::to_owned));
        let page = self
            .pool
            .call(Call::reading("read-changes"), move |guest| {
                Box::pin(async move {
                    let changes = guest.changes.as_ref().ok_or_else(super::no_export)?;
                    changes
                        .call_read_changes(&mut guest.store, &of_type, &since, from.as_deref(), limit)
                        .await
                })
            })
            .await??;
        self.checked(Page::from(page), entity_type, cursor, limit)
    }

    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        let (count, of_type) = (ids.len(), entity_type.to_owned());
        let answers = self
            .pool
            .call(Call::reading("read-entities"), move |guest| {
                Box::pin(async move {
                    let source = guest.source.as_ref().ok_or_else(super::no_export)?;
                    source.call_read_entities(&mut guest.store, &of_type, &ids).await
                })
            })
            .await;
        by_identifier(&self.pool.version.name(), answers, count)
    }

    fn entity_types(&self) -> Vec<String> {
        self.pool.version.manifest.entity_types.clone()
    }
}

impl PooledSource {
    /// What no page may be.
    fn checked(
        &self,
        page: Page,
        entity_type: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError> {
        let defect = if u32::try_from(page.entities.len()).is_ok_and(|count| count > limit) {
            format!(
                "gave {} entities of type {entity_type} where at most {limit} were asked for",
                page.entities.len()
            )
        } else if page.next_cursor.is_some() && page.next_cursor.as_deref() == cursor {
            format!("gave the same cursor again while reading {entity_type}: the read would never end")
        } else {
            return Ok(page);
        };
        Err(PluginError::new(code::INTERNAL, format!("the plugin {} {defect}", self.pool.version.name())))
    }
}
