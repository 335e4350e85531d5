//! Relations from a table, in place of those of an engine.

use gangway_model::PluginError;
use gangway_model::ports::Resolver;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One identifier or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Targets {
    One(String),
    Many(Vec<String>),
}

/// For each entity type (`user`, or `user@System` for another source system) the identifiers in the
/// source with those in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Relations(BTreeMap<String, BTreeMap<String, Targets>>);

impl Resolver for Relations {
    fn resolve(
        &self,
        entity_type: &str,
        ids: &[String],
        source_system: Option<&str>,
        _: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError> {
        let table = match source_system {
            Some(system) => self.0.get(&format!("{entity_type}@{system}")),
            None => self.0.get(entity_type),
        };
        let targets = |id: &String| match table.and_then(|table| table.get(id)) {
            Some(Targets::One(target)) => vec![target.clone()],
            Some(Targets::Many(targets)) => targets.clone(),
            None => Vec::new(),
        };
        Ok(ids.iter().map(targets).collect())
    }
}
