//! The world outside the language: clock, random source, relations.

use std::time::{SystemTime, UNIX_EPOCH};

use gangway_sdk::relations;
use gangway_transformation_language::{Query, Random, Resolver};

/// Milliseconds since 1970.
pub fn now_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The operating system's random source.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| format!("the random source failed: {error}"))
    }
}

/// The engine's relations between the systems being provisioned.
pub struct EngineRelations;

impl Resolver for EngineRelations {
    fn resolve(&mut self, query: &Query, ids: &[String]) -> Result<Vec<Vec<String>>, String> {
        let query = relations::Query {
            entity_type: query.entity_type.clone(),
            ids: ids.to_vec(),
            source_system: query.source_system.clone(),
            target_system: query.target_system.clone(),
        };
        relations::resolve(&query).map_err(|error| error.to_string())
    }
}
