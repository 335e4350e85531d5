//! Identifiers of the source system to identifiers of the target system.
//!
//! The engine knows the relations; asking it once per identifier would be slow. So a run that meets
//! an unknown identifier notes it and goes on as if it were not related. When all entities of the
//! batch have run, the noted identifiers are resolved at once and the entities concerned run again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Env;
use super::params::{Params, Source};
use crate::value::Value;

/// Whose relations are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Query {
    /// `user`, `group`, …
    pub entity_type: String,
    /// Another source system by name.
    pub source_system: Option<String>,
    /// Another target system by name.
    pub target_system: Option<String>,
}

/// Knows the relations between source and target.
pub trait Resolver {
    /// For each identifier those of the target.
    fn resolve(&mut self, query: &Query, ids: &[String]) -> Result<Vec<Vec<String>>, String>;
}

/// Identifiers resolved so far in a batch, and those still to resolve.
#[derive(Debug, Default)]
pub struct Lookups {
    known: HashMap<Query, HashMap<String, Vec<String>>>,
    wanted: HashMap<Query, Vec<String>>,
    asked: HashMap<Query, HashSet<String>>,
    /// This run met an identifier that is not resolved yet: it has to run again.
    pub missed: bool,
    /// This run asked for an identifier.
    pub used: bool,
    /// Identifiers of this run that are related to nothing.
    pub unresolved: u32,
}

impl Lookups {
    fn get(&mut self, query: &Query, id: &str) -> Vec<String> {
        self.used = true;
        if let Some(targets) = self.known.get(query).and_then(|known| known.get(id)) {
            if targets.is_empty() {
                self.unresolved = self.unresolved.saturating_add(1);
            }
            return targets.clone();
        }
        self.missed = true;
        if self.asked.entry(query.clone()).or_default().insert(id.to_owned()) {
            self.wanted.entry(query.clone()).or_default().push(id.to_owned());
        }
        Vec::new()
    }

    /// Prepares for the next run.
    pub fn start(&mut self) {
        self.missed = false;
        self.used = false;
        self.unresolved = 0;
    }

    /// Resolves everything that is wanted, one question per kind.
    pub fn resolve(&mut self, resolver: &mut dyn Resolver) -> Result<(), String> {
        let mut wanted: Vec<(Query, Vec<String>)> = self.wanted.drain().collect();
        wanted.sort();
        for (query, ids) in wanted {
            let answers = resolver.resolve(&query, &ids)?;
            if answers.len() != ids.len() {
                return Err(format!(
                    "{} identifiers were asked for, {} answers came back",
                    ids.len(),
                    answers.len()
                ));
            }
            self.known.entry(query).or_default().extend(ids.into_iter().zip(answers));
        }
        Ok(())
    }
}

pub(super) struct Resolve {
    entity_type: Option<Source>,
    source_system: Option<Source>,
    target_system: Option<Source>,
}

impl Resolve {
    pub fn compile(params: &mut Params<'_, '_>) -> Self {
        Resolve {
            entity_type: params.optional_source("entityType"),
            source_system: params.optional_source("sourceSystemName"),
            target_system: params.optional_source("targetSystemName"),
        }
    }

    pub fn apply<'a>(
        &'a self,
        value: &Value<'a>,
        env: &mut Env<'_, '_, 'a>,
        results: &mut Vec<Value<'a>>,
    ) -> Result<(), String> {
        let text = |source: &'a Option<Source>| source.as_ref().map(|source| source.text(env).into_owned());
        let query = Query {
            entity_type: text(&self.entity_type).unwrap_or_else(|| "user".to_owned()),
            source_system: text(&self.source_system),
            target_system: text(&self.target_system),
        };
        if let Value::Object(_) | Value::Array(_) = value {
            return Err(format!("resolveEntityIds needs an identifier, this is {}", value.kind()));
        }
        let targets = env.lookups.get(&query, &value.to_text());
        results.extend(targets.into_iter().map(|id| Value::String(Cow::Owned(id))));
        Ok(())
    }
}
