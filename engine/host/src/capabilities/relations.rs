//! `gangway:plugin/relations`: answered by the job that the transformation runs in.

use crate::bindings::v0_1::gangway::plugin::relations::{Host, Query};
use crate::bindings::v0_1::gangway::plugin::types::PluginError as Refusal;
use crate::guest::GuestState;
use gangway_model::{PluginError, code};

impl Host for GuestState {
    async fn resolve(&mut self, query: Query) -> Result<Vec<Vec<String>>, Refusal> {
        let resolver = self.scope.relations()?.clone();
        let _wait = self.meter.wait();
        // A store lookup blocks; it must not hold up the other guests of this thread.
        let found = tokio::task::spawn_blocking(move || {
            resolver.resolve(
                &query.entity_type,
                &query.ids,
                query.source_system.as_deref(),
                query.target_system.as_deref(),
            )
        })
        .await;
        match found {
            Ok(found) => Ok(found?),
            Err(error) => {
                Err(PluginError::new(code::INTERNAL, format!("the lookup of relations failed: {error}"))
                    .into())
            }
        }
    }
}
