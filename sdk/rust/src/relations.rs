//! Which entity of this target stands for an entity of the source. Capability: `relations`.

use crate::error::Result;

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::relations as host;
pub use crate::bindings::host::gangway::plugin::relations::Query;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::relations as host;

impl Query {
    /// Asks for identifiers of the two systems being provisioned.
    pub fn new(entity_type: impl Into<String>, ids: Vec<String>) -> Self {
        Query { entity_type: entity_type.into(), ids, source_system: None, target_system: None }
    }
}

/// For each identifier those of the target; none if the engine has not provisioned it.
pub fn resolve(query: &Query) -> Result<Vec<Vec<String>>> {
    host::resolve(query)
}
